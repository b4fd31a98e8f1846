import type { Position, Table, TextQuery, TextRow } from './database.js';
import { quoted, textOf, textValue } from './mysql-columns.js';
import type { MysqlConnection } from './mysql-connection.js';
import { openScans, type TextReader } from './mysql-scan.js';
import { atPosition, columnOf, pageBytes, rowOf, selection } from './mysql-select.js';
import type { Session } from './mysql-session.js';
import type { MysqlTable } from './mysql-tables.js';

/** Pages come by a statement each where the table has a key to go on by, else as they arrive. */
export function openTexts(connection: MysqlConnection): TextReader {
  const scans = openScans(connection);
  return {
    page: (query) =>
      (query.table as MysqlTable).key.length === 0
        ? connection.explained('read rows', () => scans.page(query))
        : connection.read('read rows', (session) => keyedPage(session, query)),
    close: scans.close,
  };
}

/** The rest of a page that gets too long is cut off by hanging up. */
async function keyedPage(session: Session, query: TextQuery): Promise<TextRow[]> {
  const { sql, values } = selection(query, 'page');
  const cursor = await session.cursor(sql, values);
  const rows = await cursor.page(Number.POSITIVE_INFINITY, pageBytes);
  return rows.map((row) => rowOf(row, query));
}

/** The text of one row, or null where the row is gone or holds none. */
export async function readText(
  session: Session,
  table: Table,
  column: string,
  position: Position,
): Promise<string | null> {
  const { sql, values } = atPosition(table, position);
  const { rows } = await session.query(
    `SELECT ${textValue(columnOf(table, column), table.name)} FROM ${quoted(table.name)} WHERE ${sql}`,
    values,
  );
  const value = rows[0]?.[0] ?? null;
  return value === null ? null : textOf(value);
}
