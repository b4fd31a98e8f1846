import type { TextRow } from '../databases/database.js';
import { columnName, pages, type ReferenceColumn, rowName } from '../references/columns.js';
import { parseReferenceText, referenceMark } from '../references/reference.js';
import { sourceIds } from '../references/relocate.js';
import {
  type RestoreOptions,
  restoreBlob,
  restoreReplaced,
  resumeRestores,
} from './restore-blob.js';
import { turnedBack } from './turned-back.js';

export interface UndoOptions extends RestoreOptions {
  /** The target's name and its aliases. */
  readonly targetNames: ReadonlySet<string>;
  /** The columns that the state's runs changed. */
  readonly columns: readonly ReferenceColumn[];
  readonly signal: AbortSignal;
}

/**
 * Gives the references back the texts that they had before the runs of a state file, with the
 * same guarantees: a blob that the source no longer has, or that is newer in the target, is
 * copied back first, and a reference that changed since is left alone and reported.
 */
export async function undo(options: UndoOptions): Promise<void> {
  const { columns, counts, observer, signal } = options;
  await resumeRestores(options);
  for (const column of columns) {
    for await (const page of pages(column, { containing: referenceMark })) {
      for (const row of page) {
        if (signal.aborted) return;
        counts.references.scanned += parseReferenceText(row.text)?.references.length ?? 0;
        await undoRow(column, row, options);
        observer.progress(counts);
      }
    }
  }
}

async function undoRow(column: ReferenceColumn, row: TextRow, options: UndoOptions): Promise<void> {
  const { state, counts, sourceNames } = options;
  const { database, table } = column;
  const name = rowName(column, row);
  const place = { database: database.name, column: columnName(column), row: name };
  const known = state.before({ ...place, text: row.text });
  const back =
    known === null
      ? turnedBack(row.text, state.writtenInto(place))
      : { text: known.text, changes: [known.change] };
  if (back === null) return reportChanged(row.text, place, options);
  const { text: before } = back;
  const [then, now] = [named(before, sourceNames), named(row.text, sourceNames)];
  const references = then.references - now.references;
  const versions = new Map<string, string>();
  for (const id of then.ids) {
    if (now.ids.has(id)) continue;
    const restored = await restoreBlob(id, name, options);
    if (typeof restored !== 'string') {
      counts.references[restored.status] += references;
      return;
    }
    versions.set(id, restored);
  }
  const where = { table, column: column.column.name, position: row.position };
  const undoing = state.recordUndo(before);
  const [made] = await database.change([{ ...where, before: row.text, after: before }]);
  if (made === true) {
    for (const change of back.changes) state.recordUndone(change);
    counts.references.migrated += references;
    if (await restoreReplaced(versions, name, options)) state.closeUndo(undoing);
    if (known === null) reportChanged(before, place, options);
    return;
  }
  state.closeUndo(undoing);
  const text = await database.textAt(table, where.column, row.position);
  if (text !== null) await undoRow(column, { ...row, text }, options);
}

/** How many references of a text have blobs in a storage, and the blobs' identifiers. */
function named(
  text: string,
  storages: ReadonlySet<string>,
): { references: number; ids: ReadonlySet<string> } {
  const all = parseReferenceText(text)?.references ?? [];
  const ids = all.map((reference) => sourceIds(reference, storages));
  return {
    references: ids.filter(({ size }) => size > 0).length,
    ids: new Set(ids.flatMap((some) => [...some])),
  };
}

/** Names a reference that was moved and has another text now, but still the blobs in the target. */
function reportChanged(
  text: string,
  place: { database: string; row: string },
  { state, counts, observer, targetNames }: UndoOptions,
): void {
  const moved = new Set(
    state.writtenInto(place).flatMap(({ before, after }) => {
      const earlier = named(before, targetNames).ids;
      return [...named(after, targetNames).ids].filter((id) => !earlier.has(id));
    }),
  );
  const references = parseReferenceText(text)?.references ?? [];
  const left = references.filter((reference) =>
    [...sourceIds(reference, targetNames)].some((id) => moved.has(id)),
  );
  if (left.length === 0) return;
  counts.references.changed += left.length;
  const message = 'it changed since it was moved, and stays as it is';
  observer.problem({ kind: 'reference-changed', reference: place.row, path: null, message });
}
