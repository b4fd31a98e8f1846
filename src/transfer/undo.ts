import type { TextRow } from '../databases/database.js';
import { columnName, pages, type ReferenceColumn, rowName } from '../references/columns.js';
import { parseReferenceText, referenceMark } from '../references/reference.js';
import { sourceIds } from '../references/relocate.js';
import { type CopyOptions, copyBlob } from './copy-blob.js';
import type { Counts, Observer } from './report.js';
import type { State } from './state.js';

export interface UndoOptions {
  /** What was migrated from and to; blobs that are gone are copied back the other way. */
  readonly copyOptions: CopyOptions;
  /** The source's name and its aliases. */
  readonly sourceNames: readonly string[];
  readonly columns: readonly ReferenceColumn[];
  readonly state: State;
  readonly counts: Counts;
  readonly observer: Observer;
  readonly signal: AbortSignal;
}

/**
 * Gives the references back the texts that they had before the runs of a state file, with the
 * same guarantees: a blob that the source no longer has, or that is newer in the target, is
 * copied back first, and a text that changed since is left alone.
 */
export async function undo(options: UndoOptions): Promise<void> {
  const { columns, state, signal } = options;
  const recorded = new Set(state.columns().map(({ database, column }) => `${database}\n${column}`));
  for (const column of columns) {
    if (!recorded.has(`${column.database.name}\n${columnName(column)}`)) continue;
    for await (const page of pages(column, { containing: referenceMark })) {
      for (const row of page) {
        if (signal.aborted) return;
        await undoRow(column, row, options);
      }
    }
  }
}

async function undoRow(column: ReferenceColumn, row: TextRow, options: UndoOptions): Promise<void> {
  const { state, counts, observer, sourceNames } = options;
  const { database, table } = column;
  const name = rowName(column, row);
  counts.references.scanned += 1;
  const place = { database: database.name, column: columnName(column), row: name };
  const before = state.before({ ...place, text: row.text });
  if (before === null) return;
  const names = new Set(sourceNames);
  const references = parseReferenceText(before)?.references ?? [];
  for (const id of new Set(references.flatMap((one) => [...sourceIds(one, names)]))) {
    if (!(await restoreBlob(id, name, options))) return;
  }
  const change = { table, column: column.column.name, position: row.position };
  const [made] = await database.change([{ ...change, before: row.text, after: before }]);
  if (made === true) counts.references.migrated += 1;
  else counts.references.changed += 1;
  observer.progress(counts);
}

/** Sees to it that the source has what the target has; false, reported, where it cannot. */
async function restoreBlob(id: string, reference: string, options: UndoOptions): Promise<boolean> {
  const { copyOptions, state, counts, observer } = options;
  const { source, target } = copyOptions;
  const known = state.copyOf(source.path(id));
  const targetId = target.idFor(id);
  // What the source holds is what was copied once: the target's may be newer, never older.
  const way = { id: targetId, targetId: id, isOurs: (sha256: string) => sha256 === known?.sha256 };
  const outcome = await copyBlob(way, { ...copyOptions, source: target, target: source });
  if (outcome.status === 'copied') {
    counts.blobs.copied += 1;
    counts.bytes += outcome.length;
  }
  if (!('kind' in outcome)) return true;
  if (outcome.kind === 'target-differs' && (await target.hash(targetId)).sha256 === known?.sha256) {
    return true; // Replaced in the source since, and not in the target.
  }
  counts.references[outcome.status] += 1;
  counts.blobs[outcome.status] += 1;
  const { kind, message } = outcome;
  observer.problem({ kind, reference, path: source.path(id), message });
  return false;
}
