import type { TextRow } from '../databases/database.js';
import { DepotError, isNotFound } from '../errors.js';
import { columnName, pages, type ReferenceColumn, rowName } from '../references/columns.js';
import { parseReferenceText, referenceMark } from '../references/reference.js';
import { sourceIds } from '../references/relocate.js';
import { type CopyOptions, copyBlob, type NotCopied } from './copy-blob.js';
import type { Counts, Observer } from './report.js';
import type { State } from './state.js';

export interface UndoOptions {
  /** What was migrated from and to; blobs that are gone are copied back the other way. */
  readonly copyOptions: CopyOptions;
  /** The names and aliases of the source, and of the target. */
  readonly sourceNames: ReadonlySet<string>;
  readonly targetNames: ReadonlySet<string>;
  /** The columns that the state's runs changed. */
  readonly columns: readonly ReferenceColumn[];
  readonly state: State;
  readonly counts: Counts;
  readonly observer: Observer;
  readonly signal: AbortSignal;
}

/**
 * Gives the references back the texts that they had before the runs of a state file, with the
 * same guarantees: a blob that the source no longer has, or that is newer in the target, is
 * copied back first, and a text that changed since is left alone and reported.
 */
export async function undo(options: UndoOptions): Promise<void> {
  const { columns, counts, observer, signal } = options;
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
  const before = state.before({ ...place, text: row.text });
  if (before === null) return reportChanged(row, place, options);
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
  const change = { table, column: column.column.name, position: row.position };
  const [made] = await database.change([{ ...change, before: row.text, after: before }]);
  if (made === true) {
    counts.references.migrated += references;
    return restoreReplaced(versions, name, options);
  }
  const text = await database.textAt(table, change.column, row.position);
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
  row: TextRow,
  place: { database: string; row: string },
  { state, counts, observer, targetNames }: UndoOptions,
): void {
  const { ids, references } = named(row.text, targetNames);
  const moved = state.texts(place).flatMap((text) => [...named(text, targetNames).ids]);
  if (!moved.some((id) => ids.has(id))) return;
  counts.references.changed += references;
  const message = 'it changed since it was moved, and stays as it is';
  observer.problem({ kind: 'reference-changed', reference: place.row, path: null, message });
}

/**
 * Sees to it that the source has what the target has. Returns the target's version of it, empty
 * where the target has nothing to give; or, reported, why it cannot.
 */
async function restoreBlob(
  id: string,
  reference: string,
  options: UndoOptions,
): Promise<string | NotCopied> {
  const { copyOptions, state, counts, observer } = options;
  const { source, target } = copyOptions;
  const known = state.copyOf(source.path(id));
  // What the source holds is what was copied once: the target's may be newer, never older.
  const isOurs = (sha256: string): boolean => sha256 === known?.sha256;
  const way = { id: target.idFor(id), targetId: id, isOurs };
  const outcome = await copyBlob(way, { ...copyOptions, source: target, target: source });
  if ('kind' in outcome) {
    const version = await versionNotNeeded(id, outcome, options);
    if (version !== null) return version;
    counts.blobs[outcome.status] += 1;
    const { kind, message } = outcome;
    observer.problem({ kind, reference, path: source.path(id), message });
    return outcome;
  }
  if (outcome.status === 'copied') {
    counts.blobs.copied += 1;
    counts.bytes += outcome.length;
    const { version } = await source.info(id);
    const paths = { source: source.path(id), target: target.path(way.id) };
    state.recordCopy({ ...outcome, ...paths, version });
  }
  return outcome.version;
}

/** The target's version where the source does without it; null where it does not. */
async function versionNotNeeded(
  id: string,
  { kind }: NotCopied,
  { copyOptions: { source, target }, state }: UndoOptions,
): Promise<string | null> {
  if (kind === 'target-differs') {
    // Replaced in the source since, and not in the target?
    const there = await target.hash(target.idFor(id));
    return there.sha256 === state.copyOf(source.path(id))?.sha256 ? there.info.version : null;
  }
  if (kind !== 'missing-blob' && kind !== 'damaged-blob') return null;
  try {
    await source.hash(id);
    return '';
  } catch (error) {
    const unusable = error instanceof DepotError && error.kind === 'damaged';
    if (unusable || isNotFound(error)) return null;
    throw error;
  }
}

/** Copies those blobs back again that the application replaced before their reference changed. */
async function restoreReplaced(
  versions: ReadonlyMap<string, string>,
  reference: string,
  options: UndoOptions,
): Promise<void> {
  const { target } = options.copyOptions;
  for (const [id, version] of versions) {
    const now = await target.find(target.idFor(id));
    if (now !== null && now.version !== version) await restoreBlob(id, reference, options);
  }
}
