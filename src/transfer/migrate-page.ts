import type { TextRow } from '../databases/database.js';
import type { JsonObject } from '../python/json.js';
import { columnName, type ReferenceColumn, rowName } from '../references/columns.js';
import {
  formatReferenceText,
  isBrokenReference,
  parseReferenceText,
  type ReferenceText,
} from '../references/reference.js';
import { relocate, sourceIds } from '../references/relocate.js';
import { copyBlobs, copyReplaced, type Outcomes } from './copy-page.js';
import type { MigrateContext } from './migrate.js';
import type { ChangeRecord } from './state.js';

/** How often a row is read again that somebody else keeps changing. */
const attempts = 5;

/** A row that holds references with blobs in the source. */
interface Candidate {
  readonly row: TextRow;
  readonly parsed: ReferenceText;
  /** The references to move, each with the identifiers of its blobs in the source. */
  readonly moves: ReadonlyMap<JsonObject, ReadonlySet<string>>;
}

/** Copies the blobs of a page of rows, then changes its references in one short transaction. */
export async function migratePage(
  column: ReferenceColumn,
  rows: readonly TextRow[],
  context: MigrateContext,
): Promise<void> {
  let candidates = candidatesOf(column, rows, context, { count: true });
  for (let attempt = 1; candidates.length > 0; attempt += 1) {
    const { outcomes, fatal } = await copyBlobs(groupsOf(candidates), context);
    const lost = await changeReferences(
      column,
      plan(column, candidates, outcomes, context),
      context,
    );
    // What had been copied has its references now; what stopped the copying stops the run.
    if (fatal !== null) throw fatal.error;
    if (attempt === attempts) return giveUp(column, lost, context);
    candidates = candidatesOf(column, await readAgain(column, lost), context, { count: false });
  }
}

/** The blobs of each reference to move. */
function groupsOf(candidates: readonly Candidate[]): ReadonlySet<string>[] {
  return candidates.flatMap(({ moves }) => [...moves.values()]);
}

function candidatesOf(
  column: ReferenceColumn,
  rows: readonly TextRow[],
  context: MigrateContext,
  { count }: { count: boolean },
): Candidate[] {
  const { counts, relocation, limit } = context;
  const found: Candidate[] = [];
  let planned = counts.references.migrated;
  for (const row of rows) {
    const parsed = parseReferenceText(row.text);
    if (limit !== undefined && planned >= limit) break;
    if (parsed === null) {
      reportBroken(column, row, context);
      continue;
    }
    if (count) counts.references.scanned += parsed.references.length;
    const moves = new Map(
      parsed.references
        .map((reference) => [reference, sourceIds(reference, relocation.sources)] as const)
        .filter(([, ids]) => ids.size > 0),
    );
    if (moves.size === 0) continue;
    const candidate = { row, parsed, moves };
    if (fits(column, candidate, context)) found.push(candidate);
    planned += moves.size;
  }
  return found;
}

function reportBroken(column: ReferenceColumn, row: TextRow, context: MigrateContext): void {
  if (!isBrokenReference(row.text)) return;
  context.counts.references.failed += 1;
  context.observer.problem({
    kind: 'broken-reference',
    reference: rowName(column, row),
    path: null,
    message: 'the text looks like a reference and is no valid JSON',
  });
}

/** A text that the column could not take is refused before any of its blobs is copied. */
function fits(column: ReferenceColumn, candidate: Candidate, context: MigrateContext): boolean {
  const { maxLength } = column.column;
  const { row, moves } = candidate;
  const length = [...textAfter(candidate, new Set(moves.keys()), context)].length;
  if (maxLength === null || length <= maxLength) return true;
  context.counts.references.failed += moves.size;
  context.observer.problem({
    kind: 'reference-too-long',
    reference: rowName(column, row),
    path: null,
    message: `the new text has ${length} characters, ${columnName(column)} takes ${maxLength}`,
  });
  return false;
}

function textAfter(
  { parsed }: Candidate,
  moving: ReadonlySet<JsonObject>,
  { relocation }: MigrateContext,
): string {
  return formatReferenceText(parsed, (reference) =>
    moving.has(reference) ? relocate(reference, relocation) : reference,
  );
}

/** A row to change, the references that move in it and their blobs. */
interface Change {
  readonly row: TextRow;
  readonly after: string;
  readonly references: number;
  readonly ids: ReadonlySet<string>;
}

/** The rows to change: references whose blobs are all in the target; the others are reported. */
function plan(
  column: ReferenceColumn,
  candidates: readonly Candidate[],
  outcomes: Outcomes,
  context: MigrateContext,
): Change[] {
  const changes: Change[] = [];
  for (const candidate of candidates) {
    const { row, moves } = candidate;
    const moving = [...moves].filter(([, ids]) => isComplete(column, row, ids, outcomes, context));
    if (moving.length === 0) continue;
    changes.push({
      row,
      after: textAfter(candidate, new Set(moving.map(([reference]) => reference)), context),
      references: moving.length,
      ids: new Set(moving.flatMap(([, ids]) => [...ids])),
    });
  }
  return changes;
}

function isComplete(
  column: ReferenceColumn,
  row: TextRow,
  ids: ReadonlySet<string>,
  outcomes: Outcomes,
  { counts, observer, source }: MigrateContext,
): boolean {
  const found = [...ids].map((id) => [id, outcomes.get(id)] as const);
  for (const [id, outcome] of found) {
    if (outcome === undefined || !('kind' in outcome)) continue;
    const { kind, message } = outcome;
    observer.problem({ kind, reference: rowName(column, row), path: source.path(id), message });
  }
  const statuses = found.map(([, outcome]) => outcome?.status);
  if (statuses.includes('missing')) counts.references.missing += 1;
  else if (statuses.includes('failed')) counts.references.failed += 1;
  return statuses.every((status) => status === 'copied' || status === 'reused');
}

/** Changes the rows in one transaction; returns those that somebody else had changed before. */
async function changeReferences(
  column: ReferenceColumn,
  changes: readonly Change[],
  context: MigrateContext,
): Promise<Change[]> {
  const { counts, state, observer, dryRun } = context;
  const { database, table } = column;
  const moved = (made: readonly Change[]): void => {
    for (const { references } of made) counts.references.migrated += references;
    observer.progress(counts);
  };
  if (changes.length === 0) return [];
  if (dryRun) {
    moved(changes);
    return [];
  }
  const records = changes.map((change) => recordOf(column, change));
  state.recordIntent(records);
  const made = await database.change(
    changes.map(({ row: { position, text: before }, after }) => ({
      table,
      column: column.column.name,
      position,
      before,
      after,
    })),
  );
  state.recordDone(records.filter((_, index) => made[index]));
  const done = changes.filter((_, index) => made[index]);
  moved(done);
  await copyReplaced(done, context);
  return changes.filter((_, index) => !made[index]);
}

function recordOf(column: ReferenceColumn, { row, after }: Change): ChangeRecord {
  return {
    database: column.database.name,
    column: columnName(column),
    row: rowName(column, row),
    before: row.text,
    after,
  };
}

/** The rows as they are now; one that is gone needs nothing any more. */
async function readAgain(column: ReferenceColumn, lost: readonly Change[]): Promise<TextRow[]> {
  const { database, table } = column;
  const rows: TextRow[] = [];
  for (const { row } of lost) {
    const text = await database.textAt(table, column.column.name, row.position);
    if (text !== null) rows.push({ ...row, text });
  }
  return rows;
}

function giveUp(column: ReferenceColumn, lost: readonly Change[], context: MigrateContext): void {
  for (const { row, references } of lost) {
    context.counts.references.failed += references;
    context.observer.problem({
      kind: 'reference-changed',
      reference: rowName(column, row),
      path: null,
      message: `another process kept changing it; it was read ${attempts} times`,
    });
  }
}
