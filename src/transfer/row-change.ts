import type { TextChange, TextRow } from '../databases/database.js';
import { messageOf } from '../errors.js';
import { ownColumnName, type ReferenceColumn, rowName } from '../references/columns.js';
import { stopsTheRun } from './copy-outcome.js';
import type { Counts, Observer } from './report.js';
import type { ChangeRecord } from './state.js';

/** How often a row is read that the application keeps changing. */
export const ownAttempts = 5;

/** A row of a column, and its text to be. */
export interface RowChange {
  readonly row: TextRow;
  readonly after: string;
}

/** What is recorded must be what stands there afterwards: by that an undo knows its own. */
export async function asStored<Change extends RowChange>(
  { database, table, column }: ReferenceColumn,
  changes: readonly Change[],
): Promise<readonly Change[]> {
  if (database.asStored === undefined || changes.length === 0) return changes;
  const texts = changes.map(({ after }) => after);
  const stored = await database.asStored(table, column.name, texts);
  return changes.map((change, index) => ({ ...change, after: stored[index] ?? change.after }));
}

function changeOf(
  { table, column }: ReferenceColumn,
  { row: { position, text: before }, after }: RowChange,
): TextChange {
  return { table, column: column.name, position, before, after };
}

/** What keeps a row from getting that text; null where nothing does. */
export function obstacleTo(
  { table, column }: ReferenceColumn,
  row: TextRow,
  after: string,
): string | null {
  if (row.unchangeable !== undefined) return row.unchangeable;
  if (table.unchangeable === true) return 'the table has no primary key';
  if (table.primaryKey.includes(column.name)) return 'the column is a key of the table';
  const length = [...after].length;
  const { maxLength } = column;
  // SQLite takes longer texts than it declares: where one stands, another does.
  if (maxLength === null || length <= Math.max(maxLength, [...row.text].length)) return null;
  return `the new text has ${length} characters, ${table.name}.${column.name} takes ${maxLength}`;
}

/** What came of changes. */
export interface ChangesMade<Change> {
  /** For each of them, in order. */
  readonly made: readonly boolean[];
  /** Those whose row somebody else had changed before. */
  readonly lost: readonly Change[];
  /** Those that the database does not take, such as for a trigger, each with what it says. */
  readonly refused: readonly { readonly change: Change; readonly why: string }[];
}

/** Changes the rows in one transaction; where the database refuses one, each in its own. */
export async function changeEach<Change extends RowChange>(
  column: ReferenceColumn,
  changes: readonly Change[],
): Promise<ChangesMade<Change>> {
  try {
    const made = await column.database.change(changes.map((one) => changeOf(column, one)));
    return { made, lost: changes.filter((_, index) => !made[index]), refused: [] };
  } catch (error) {
    if (stopsTheRun(error)) throw error;
    const [only, ...others] = changes;
    if (only !== undefined && others.length === 0) {
      const refused = [{ change: only, why: messageOf(error) }];
      return { made: [false], lost: [], refused };
    }
  }
  const all: ChangesMade<Change>[] = [];
  for (const change of changes) all.push(await changeEach(column, [change]));
  return {
    made: all.flatMap(({ made }) => made),
    lost: all.flatMap(({ lost }) => lost),
    refused: all.flatMap(({ refused }) => refused),
  };
}

/** Names the rows whose references stay where they are because the database says so. */
export function reportRefused(
  column: ReferenceColumn,
  refused: ChangesMade<RowChange & { readonly references: number }>['refused'],
  { counts, observer }: { readonly counts: Counts; readonly observer: Observer },
): void {
  for (const { change, why } of refused) {
    counts.references.failed += change.references;
    const reference = rowName(column, change.row);
    observer.problem({ kind: 'unchangeable', reference, path: null, message: why });
  }
}

export function recordOf(column: ReferenceColumn, { row, after }: RowChange): ChangeRecord {
  return {
    database: column.database.name,
    column: ownColumnName(column, row),
    row: rowName(column, row),
    before: row.text,
    after,
  };
}

/** The rows as they are now; one that is gone needs nothing any more. */
export async function readAgain(
  { database, table, column }: ReferenceColumn,
  lost: readonly RowChange[],
): Promise<TextRow[]> {
  const rows: TextRow[] = [];
  for (const { row } of lost) {
    const text = await database.textAt(table, column.name, row.position);
    if (text !== null) rows.push({ ...row, text });
  }
  return rows;
}
