import type { TextRow } from '../databases/database.js';
import { ownColumnName, pages, rowName } from '../references/columns.js';
import { blobFinder } from '../references/named-blobs.js';
import { parseReferenceText, referenceMark } from '../references/reference.js';
import { sourceIds } from '../references/relocate.js';
import type { Storage } from '../storage.js';
import type { ChangedColumn } from './changed-columns.js';
import type { NotCopied } from './copy-outcome.js';
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
  readonly columns: readonly ChangedColumn[];
  /** Where the application serves blobs, such as `/depot`. */
  readonly mountpoint: string;
  readonly signal: AbortSignal;
}

/** What a text names in a storage. */
interface Named {
  /** How many references have blobs there. */
  readonly references: number;
  /** The blobs that references name. */
  readonly ids: ReadonlySet<string>;
  /** The blobs that paths and URLs name, also in references. */
  readonly mentioned: ReadonlySet<string>;
}

interface UndoContext extends UndoOptions {
  readonly inSource: (text: string) => Named;
  readonly inTarget: (text: string) => Named;
  /** The target's versions of mentioned blobs that the source is known to have. */
  readonly restored: Map<string, string>;
}

/**
 * Gives the rows back the texts that they had before the runs of a state file, with the same
 * guarantees: a blob that the source no longer has, or that is newer in the target, is copied back
 * first, and a reference or a mention that changed since is left alone and reported.
 */
export async function undo(options: UndoOptions): Promise<void> {
  const { columns, counts, observer, signal, copyOptions, sourceNames, targetNames } = options;
  if (columns.some(({ mentions }) => mentions)) counts.mentions = { rewritten: 0, left: 0 };
  const context: UndoContext = {
    ...options,
    inSource: namedIn(copyOptions.source, sourceNames, options),
    inTarget: namedIn(copyOptions.target, targetNames, options),
    restored: new Map(),
  };
  await resumeRestores(options);
  for (const column of columns) {
    const filter = column.mentions ? {} : { containing: referenceMark };
    for await (const page of pages(column, filter)) {
      for (const row of page) {
        if (signal.aborted) return;
        counts.references.scanned += parseReferenceText(row.text)?.references.length ?? 0;
        await undoRow(column, row, context);
        observer.progress(counts);
      }
    }
  }
}

async function undoRow(column: ChangedColumn, row: TextRow, options: UndoContext): Promise<void> {
  const { state, counts, inSource } = options;
  const { database, table } = column;
  const name = rowName(column, row);
  const place = { database: column.recordedAs, column: ownColumnName(column, row), row: name };
  const known = state.before({ ...place, text: row.text });
  const back =
    known === null
      ? turnedBack(row.text, state.writtenInto(place))
      : { text: known.text, changes: [known.change] };
  if (back === null) return reportChanged(row.text, place, options);
  const { text: before } = back;
  const [then, now] = [inSource(before), inSource(row.text)];
  const references = then.references - now.references;
  const versions = await restoreBlobs(then, now, name, options);
  if (!(versions instanceof Map)) {
    counts.references[versions.status] += references;
    if (counts.mentions !== undefined && references === 0) counts.mentions.left += 1;
    return;
  }
  const where = { table, column: column.column.name, position: row.position };
  const undoing = state.recordUndo(before);
  const [made] = await database.change([{ ...where, before: row.text, after: before }]);
  if (made === true) {
    for (const change of back.changes) state.recordUndone(change);
    counts.references.migrated += references;
    if (counts.mentions !== undefined) counts.mentions.rewritten += known?.mentions ?? 0;
    if (await restoreReplaced(versions, name, options)) state.closeUndo(undoing);
    if (known === null) reportChanged(before, place, options);
    // Before its mentions were rewritten, its references may have been.
    else if (state.before({ ...place, text: before }) !== null)
      await undoRow(column, { ...row, text: before }, options);
    return;
  }
  state.closeUndo(undoing);
  const text = await database.textAt(table, where.column, row.position);
  if (text !== null) await undoRow(column, { ...row, text }, options);
}

/** Sees to the blobs that a text names `then` and not `now`; the target's versions of its references'. */
async function restoreBlobs(
  then: Named,
  now: Named,
  name: string,
  options: UndoContext,
): Promise<Map<string, string> | NotCopied> {
  const versions = new Map<string, string>();
  for (const id of then.ids) {
    if (now.ids.has(id)) continue;
    const restored = await restoreBlob(id, name, options);
    if (typeof restored !== 'string') return restored;
    versions.set(id, restored);
  }
  for (const id of then.mentioned) {
    if (now.mentioned.has(id) || versions.has(id)) continue;
    const restored = await restoreMentioned(id, name, options);
    if (typeof restored !== 'string') return restored;
  }
  return versions;
}

/** Versions kept of what was restored: texts that lie together often mention the same. */
const keptVersions = 10_000;

async function restoreMentioned(
  id: string,
  name: string,
  options: UndoContext,
): Promise<string | NotCopied> {
  const { restored, copyOptions } = options;
  const { target } = copyOptions;
  const known = restored.get(id);
  if (known !== undefined && (await target.find(target.idFor(id)))?.version === known) return known;
  const version = await restoreBlob(id, name, options);
  if (restored.size >= keptVersions) restored.clear();
  if (typeof version === 'string') restored.set(id, version);
  return version;
}

/** Tells what texts name in a storage. */
function namedIn(
  storage: Storage,
  names: ReadonlySet<string>,
  { mountpoint }: UndoOptions,
): (text: string) => Named {
  const find = blobFinder({ names, mountpoint, publicUrl: (id) => storage.publicUrl(id) });
  return (text) => {
    const all = parseReferenceText(text)?.references ?? [];
    const ids = all.map((reference) => sourceIds(reference, names));
    return {
      references: ids.filter(({ size }) => size > 0).length,
      ids: new Set(ids.flatMap((some) => [...some])),
      mentioned: new Set(find(text).map(({ id }) => id)),
    };
  };
}

/** Names a row that was changed and has another text now, but still the blobs in the target. */
function reportChanged(
  text: string,
  place: { database: string; row: string },
  { state, counts, observer, targetNames, inTarget }: UndoContext,
): void {
  const written = state.writtenInto(place);
  if (written.length === 0) return;
  const moved = new Set(
    written.flatMap(({ before, after }) => {
      const earlier = allIds(inTarget(before));
      return [...allIds(inTarget(after))].filter((id) => !earlier.has(id));
    }),
  );
  if (![...allIds(inTarget(text))].some((id) => moved.has(id))) return;
  const references = parseReferenceText(text)?.references ?? [];
  const left = references.filter((reference) =>
    [...sourceIds(reference, targetNames)].some((id) => moved.has(id)),
  );
  counts.references.changed += left.length;
  if (left.length === 0 && counts.mentions !== undefined) counts.mentions.left += 1;
  const message = 'it changed since it was moved, and stays as it is';
  observer.problem({ kind: 'reference-changed', reference: place.row, path: null, message });
}

function allIds({ ids, mentioned }: Named): Set<string> {
  return new Set([...ids, ...mentioned]);
}
