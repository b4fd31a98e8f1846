import pMap from 'p-map';
import type { TextRow } from '../databases/database.js';
import { ownColumnName, pages, rowName } from '../references/columns.js';
import { blobFinder } from '../references/named-blobs.js';
import { parseReferenceText, referenceMark } from '../references/reference.js';
import { sourceIds } from '../references/relocate.js';
import type { Storage } from '../storage.js';
import type { ChangedColumn } from './changed-columns.js';
import { type RestoreOptions, restoreReplaced, resumeRestores } from './restore-blob.js';
import {
  type KnownRestores,
  type Named,
  type PageRestores,
  restoreNamed,
} from './restore-named.js';
import { changeEach, type RowChange, readAgain, reportRefused } from './row-change.js';
import { turnedBack } from './turned-back.js';

export interface UndoOptions extends RestoreOptions {
  /** The target's name and its aliases. */
  readonly targetNames: ReadonlySet<string>;
  /** The columns that the state's runs changed. */
  readonly columns: readonly ChangedColumn[];
  /** Where the application serves blobs, such as `/depot`. */
  readonly mountpoint: string;
  readonly signal: AbortSignal;
  /** Blobs copied at once. */
  readonly concurrency: number;
}

interface UndoContext extends UndoOptions, KnownRestores {
  readonly inSource: (text: string) => Named;
  readonly inTarget: (text: string) => Named;
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
      if (signal.aborted) return;
      for (const { text } of page)
        counts.references.scanned += parseReferenceText(text)?.references.length ?? 0;
      await undoPage(column, page, context);
      observer.progress(counts);
    }
  }
}

/** A row that is to get a text back, once its blobs are in the source. */
interface Return extends RowChange {
  readonly place: { readonly database: string; readonly column: string; readonly row: string };
  /** The state's changes that this turns back. */
  readonly changes: readonly number[];
  /** How many references have their blobs in the source again. */
  readonly references: number;
  /** The change that left the row's whole text; null: some of its references are turned back. */
  readonly known: { readonly mentions: number } | null;
  /** The target's versions of the blobs. */
  readonly versions: ReadonlyMap<string, string>;
}

/** Turns a page of rows back, in one transaction. */
async function undoPage(
  column: ChangedColumn,
  page: readonly TextRow[],
  options: UndoContext,
): Promise<void> {
  let rows = page;
  while (rows.length > 0 && !options.signal.aborted) {
    const context = { ...options, restoring: new Map() };
    const prepared = await pMap(rows, (row) => prepare(column, row, context), {
      concurrency: options.concurrency,
    });
    const returns = prepared.filter((one) => one !== null);
    rows = returns.length === 0 ? [] : await giveBack(column, returns, options);
  }
}

/** What is to become of a row; null, and reported, where it stays as it is. */
async function prepare(
  column: ChangedColumn,
  row: TextRow,
  options: UndoContext & PageRestores,
): Promise<Return | null> {
  const { state, counts, inSource, signal } = options;
  if (signal.aborted) return null;
  const name = rowName(column, row);
  const place = { database: column.recordedAs, column: ownColumnName(column, row), row: name };
  const known = state.before({ ...place, text: row.text });
  const back =
    known === null
      ? turnedBack(row.text, state.writtenInto(place))
      : { text: known.text, changes: [known.change] };
  if (back === null) {
    reportChanged(row.text, place, options);
    return null;
  }
  const { text: after, changes } = back;
  const [then, now] = [inSource(after), inSource(row.text)];
  const references = then.references - now.references;
  const versions = await restoreNamed(then, now, name, options);
  if (versions instanceof Map) return { row, after, place, changes, references, known, versions };
  counts.references[versions.status] += references;
  if (counts.mentions !== undefined && references === 0) counts.mentions.left += 1;
  return null;
}

/** Changes the rows; returns those that are to be looked at again, as they are then. */
async function giveBack(
  column: ChangedColumn,
  returns: readonly Return[],
  options: UndoContext,
): Promise<TextRow[]> {
  const { state, counts, observer } = options;
  const undoings = state.recordUndos(returns.map(({ after }) => after));
  const { made, lost, refused } = await changeEach(column, returns);
  reportRefused(column, refused, options);
  const done = returns.filter((_, index) => made[index]);
  state.recordUndone(done.flatMap(({ changes }) => changes));
  const again: TextRow[] = [];
  for (const { row, after, place, references, known } of done) {
    counts.references.migrated += references;
    observer.done?.({ action: 'turned back', reference: place.row, references });
    if (counts.mentions !== undefined) counts.mentions.rewritten += known?.mentions ?? 0;
    if (known === null) reportChanged(after, place, options);
    // Before its mentions were rewritten, its references may have been.
    else if (state.before({ ...place, text: after }) !== null) again.push({ ...row, text: after });
  }
  observer.progress(counts);
  const settled = await pMap(
    returns,
    async ({ versions, place }, index) =>
      made[index] !== true || (await restoreReplaced(versions, place.row, options)),
    { concurrency: options.concurrency },
  );
  state.closeUndos(undoings.filter((_, index) => settled[index]));
  return [...again, ...(await readAgain(column, lost))];
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
