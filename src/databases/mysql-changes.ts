import { DepotError } from '../errors.js';
import type { Table, TextChange } from './database.js';
import { quoted, textBytes, textParameter } from './mysql-columns.js';
import { atPosition, columnOf } from './mysql-select.js';
import type { Session } from './mysql-session.js';
import type { MysqlTable } from './mysql-tables.js';

/** Compare-and-set of several texts; says which were made. */
export async function changeTexts(
  session: Session,
  changes: readonly TextChange[],
): Promise<boolean[]> {
  const made: boolean[] = [];
  for (const change of changes) made.push(await changeText(session, change));
  return made;
}

async function changeText(session: Session, change: TextChange): Promise<boolean> {
  const { table, position, before, after } = change;
  const column = columnOf(table, change.column);
  if (!after.isWellFormed()) {
    throw new DepotError(
      'failed',
      `cannot change ${table.name}.${column.name}: the server holds no text with half a character`,
    );
  }
  if (!before.isWellFormed()) return false;
  const { sql, values } = atPosition(table, position);
  const { count } = await session.query(
    // By their bytes, since a collation may ignore case, accents or trailing spaces.
    `UPDATE ${quoted(table.name)} SET ${[`${quoted(column.name)} = ?`, ...untouched(change)].join(', ')}
     WHERE ${sql} AND ${textBytes(column, table.name)} = ?`,
    [textParameter(column, after), ...values, Buffer.from(before)],
  );
  return count === 1;
}

/** The texts as the column gives them back: MySQL's own type JSON keeps what they say, not how. */
export async function storedTexts(
  session: Session,
  table: Table,
  column: string,
  texts: readonly string[],
): Promise<readonly string[]> {
  if (columnOf(table, column).type !== 'json') return texts;
  const stored: string[] = [];
  for (const text of texts) {
    const { rows } = await session.query('SELECT CAST(CAST(? AS JSON) AS CHAR)', [text]);
    stored.push(String(rows[0]?.[0]));
  }
  return stored;
}

/** Columns that the server would set to the present time with any change of their row. */
function untouched({ table, column }: TextChange): string[] {
  return (table as MysqlTable).columns
    .filter(({ isTouched, name }) => isTouched && name !== column)
    .map(({ name }) => `${quoted(name)} = ${quoted(name)}`);
}

/** Refuses tables in which a crash could leave half of the changes, or half of one. */
export function checkTransactional(name: string, changes: readonly TextChange[]): void {
  const table = changes
    .map((change) => change.table as MysqlTable)
    .find(({ isTransactional }) => !isTransactional);
  if (table !== undefined) throw noTransactions(name, table);
}

/** Says of a table that it is not safe to write to. */
export function noTransactions(
  database: string,
  { name, engine }: { name: string; engine: string },
): DepotError {
  return new DepotError(
    'refused',
    `cannot write to the table ${name} of the database ${database}: its engine ${engine} has no transactions, so that a crash could leave anything`,
    { hint: `ALTER TABLE ${quoted(name)} ENGINE=InnoDB, then run it again.` },
  );
}
