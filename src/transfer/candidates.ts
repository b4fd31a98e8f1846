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
import type { MigrateContext } from './migrate.js';
import { movesNamed, movesReference } from './sharding.js';

/** A row that holds references with blobs in the source. */
export interface Candidate {
  readonly row: TextRow;
  readonly parsed: ReferenceText;
  /** The references to move, each with the identifiers of its blobs in the source. */
  readonly moves: ReadonlyMap<JsonObject, ReadonlySet<string>>;
  /** How many of the row's references are other shards'. */
  readonly others: number;
}

/** References that may still be moved. */
export function remaining({ limit, counts }: MigrateContext): number {
  return limit === undefined ? Number.POSITIVE_INFINITY : limit - counts.references.migrated;
}

/**
 * The candidates among these rows, as far as the limit goes, and the rows behind them. Only with
 * `count` are their references counted: a row that is read again has been counted.
 */
export function candidatesOf(
  column: ReferenceColumn,
  rows: readonly TextRow[],
  context: MigrateContext,
  { count }: { count: boolean },
): { candidates: Candidate[]; rest: readonly TextRow[] } {
  const candidates: Candidate[] = [];
  let room = remaining(context);
  for (const [index, row] of rows.entries()) {
    if (room <= 0) return { candidates, rest: rows.slice(index) };
    const parsed = parseReferenceText(row.text);
    if (parsed === null) {
      if (reportBroken(column, row, context) && count) context.counts.references.scanned += 1;
      continue;
    }
    const own = parsed.references.filter((one) => movesReference(context.shard, one));
    if (count) context.counts.references.scanned += own.length;
    const moves = new Map(
      own
        .map((reference) => [reference, sourceIds(reference, context.relocation.sources)] as const)
        .filter(([, ids]) => ids.size > 0),
    );
    if (moves.size === 0) continue;
    candidates.push({ row, parsed, moves, others: parsed.references.length - own.length });
    room -= moves.size;
  }
  return { candidates, rest: [] };
}

function reportBroken(column: ReferenceColumn, row: TextRow, context: MigrateContext): boolean {
  if (!isBrokenReference(row.text)) return false;
  if (!movesNamed(context.shard, rowName(column, row))) return false;
  context.counts.references.failed += 1;
  context.observer.problem({
    kind: 'broken-reference',
    reference: rowName(column, row),
    path: null,
    message: 'the text looks like a reference and is no valid JSON',
  });
  return true;
}

/** Whether the row can be changed as it would have to be; reported where it cannot. */
export function isMovable(
  column: ReferenceColumn,
  candidate: Candidate,
  context: MigrateContext,
): boolean {
  return isChangeable(column, candidate, context) && fits(column, candidate, context);
}

/** A row that cannot be told from others is refused before any of its blobs is copied. */
function isChangeable(
  column: ReferenceColumn,
  { row, moves }: Candidate,
  context: MigrateContext,
): boolean {
  const reference = rowName(column, row);
  if (row.unchangeable !== undefined) {
    const message = `it cannot be changed: ${row.unchangeable}`;
    context.observer.problem({ kind: 'unchangeable', reference, path: null, message });
  } else if (column.table.unchangeable === true) {
    const message = `the table ${column.table.name} has no primary key: its rows cannot be told apart`;
    context.observer.problem({ kind: 'no-primary-key', reference, path: null, message });
  } else return true;
  context.counts.references.failed += moves.size;
  return false;
}

/** The blobs of each reference to move. */
export function groupsOf(candidates: readonly Candidate[]): ReadonlySet<string>[] {
  return candidates.flatMap(({ moves }) => [...moves.values()]);
}

/** A text that the column could not take is refused before any of its blobs is copied. */
function fits(column: ReferenceColumn, candidate: Candidate, context: MigrateContext): boolean {
  const { maxLength } = column.column;
  if (maxLength === null) return true;
  const { row, moves } = candidate;
  const length = [...textAfter(candidate, new Set(moves.keys()), context)].length;
  // SQLite takes longer texts than it declares: where one stands, another does.
  if (length <= Math.max(maxLength, [...row.text].length)) return true;
  context.counts.references.failed += moves.size;
  context.observer.problem({
    kind: 'reference-too-long',
    reference: rowName(column, row),
    path: null,
    message: `the new text has ${length} characters, ${columnName(column)} takes ${maxLength}`,
  });
  return false;
}

/** The row's text with these of its references moved. */
export function textAfter(
  { parsed }: Candidate,
  moving: ReadonlySet<JsonObject>,
  { relocation }: MigrateContext,
): string {
  return formatReferenceText(parsed, (reference) =>
    moving.has(reference) ? relocate(reference, relocation) : reference,
  );
}
