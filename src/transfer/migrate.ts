import type { TextRow } from '../databases/database.js';
import type { Shard } from '../databases/shard.js';
import { pageRows, pages, type ReferenceColumn } from '../references/columns.js';
import { referenceMark } from '../references/reference.js';
import type { Relocation } from '../references/relocate.js';
import type { Storage } from '../storage.js';
import { remaining } from './candidates.js';
import type { CopyOptions } from './copy-blob.js';
import { resumeCopies } from './copy-page.js';
import type { IdentifierSet } from './identifier-set.js';
import { migratePage } from './migrate-page.js';
import type { Counts, Observer } from './report.js';
import { resumeRestores } from './restore-blob.js';
import type { Selection } from './selection.js';
import { movesSome } from './sharding.js';
import type { State } from './state.js';

/** Characters of the rows that a shard gathers. */
const fullPage = 4_000_000;

export interface MigrateOptions {
  readonly copyOptions: CopyOptions;
  /** The source's name and its aliases, as references may call it. */
  readonly sourceNames: ReadonlySet<string>;
  /** Where the application serves blobs, such as `/depot`. */
  readonly mountpoint: string;
  readonly columns: readonly ReferenceColumn[];
  readonly state: State;
  /** Added to as it goes. */
  readonly counts: Counts;
  readonly observer: Observer;
  readonly signal: AbortSignal;
  /** Reads everything and writes nothing. */
  readonly dryRun: boolean;
  /** An SQL condition that rows must meet to be moved. */
  readonly where?: string | undefined;
  /** References to move at most. */
  readonly limit?: number | undefined;
  /** Moves this part of the references. */
  readonly shard?: Shard | undefined;
  /** Which references are moved. */
  readonly selection: Selection;
  /** Blobs copied at once. */
  readonly concurrency: number;
  /** Where the target's identifiers are noted of what moved, or would move. */
  readonly moved?: IdentifierSet | undefined;
}

/** What a page needs to know of the whole run. */
export interface MigrateContext extends MigrateOptions {
  readonly source: Storage;
  readonly target: Storage;
  readonly relocation: Relocation;
  /** Both names are one place: the references change, and no blob needs to move. */
  readonly samePlace: boolean;
}

/**
 * Moves the references of `columns` from one storage to another: copies their blobs, durably, then
 * changes their texts by compare-and-set, page by page. A reference whose blobs cannot all be
 * copied stays as it is and is reported. What an earlier run did is found done.
 */
export async function migrate(options: MigrateOptions): Promise<void> {
  const { source, target } = options.copyOptions;
  const context: MigrateContext = {
    ...options,
    source,
    target,
    relocation: relocationOf(options),
    samePlace: await isSamePlace(source, target),
  };
  await resumeRestores(context);
  await resumeCopies(context);
  for (const column of options.columns) await migrateColumn(column, context);
}

/** The rows of a shard are gathered until there is a page of them: a page costs much, a row little. */
async function migrateColumn(column: ReferenceColumn, context: MigrateContext): Promise<void> {
  const { shard, signal } = context;
  const isOver = (): boolean => signal.aborted || remaining(context) <= 0;
  let rows: TextRow[] = [];
  for await (const page of mentioningPages(column, context)) {
    if (isOver()) return;
    rows.push(...page.filter((row) => movesSome(shard, column, row)));
    if (shard !== undefined && !isFull(rows)) continue;
    await migratePage(column, rows, context);
    rows = [];
  }
  if (!isOver()) await migratePage(column, rows, context);
}

function isFull(rows: readonly TextRow[]): boolean {
  const characters = rows.reduce((sum, { text }) => sum + text.length, 0);
  return rows.length >= pageRows || characters >= fullPage;
}

function mentioningPages(
  column: ReferenceColumn,
  { where }: MigrateOptions,
): AsyncGenerator<TextRow[]> {
  return pages(column, { containing: referenceMark, ...(where === undefined ? {} : { where }) });
}

/** What a reference's text says before and after. */
export function relocationOf(
  options: Pick<MigrateOptions, 'sourceNames' | 'mountpoint' | 'copyOptions'>,
): Relocation {
  const { sourceNames, mountpoint, copyOptions } = options;
  const { source, target } = copyOptions;
  return {
    sources: sourceNames,
    target: target.name,
    mountpoint,
    idFor: (id) => target.idFor(id),
    sourceUrl: (id) => source.publicUrl(id),
    targetUrl: (id) => target.publicUrl(id),
  };
}

/** Whether two storages keep their blobs in the same place, whatever their names. */
async function isSamePlace(one: Storage, other: Storage): Promise<boolean> {
  return (await one.place()).identity === (await other.place()).identity;
}

/** Whether one place is the other or lies inside it. */
export async function overlaps(one: Storage, other: Storage): Promise<boolean> {
  const [here, there] = [await one.place(), await other.place()];
  return (
    here.identity === there.identity ||
    here.within.includes(there.identity) ||
    there.within.includes(here.identity)
  );
}
