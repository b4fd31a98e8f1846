import type { TextChange, TextRow } from '../databases/database.js';
import { ownColumnName, type ReferenceColumn, rowName } from '../references/columns.js';
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

export function changeOf(
  { table, column }: ReferenceColumn,
  { row: { position, text: before }, after }: RowChange,
): TextChange {
  return { table, column: column.name, position, before, after };
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
