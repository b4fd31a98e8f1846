import type { Position, Table, TextQuery, TextRow } from './database.js';
import type { PostgresConnection } from './postgres-connection.js';
import { openScans, type TextReader } from './postgres-scan.js';
import {
  keyAlias,
  keyed,
  pageBytes,
  rowOf,
  selection,
  textAlias,
  typed,
} from './postgres-select.js';
import type { Session } from './postgres-session.js';
import { type PostgresTable, quoted } from './postgres-tables.js';

/**
 * Pages come by statements of their own where the key has an index in an exact order. Else a
 * cursor gives them: sorting the whole table for each page would take too long, and an order by
 * language may differ between the index and the server's present version of it.
 */
export function openTexts(connection: PostgresConnection): TextReader {
  const scans = openScans(connection);
  return {
    page: (query) =>
      connection.explained('read rows', () => {
        const table = query.table as PostgresTable;
        const indexed = table.key.length > 0 && table.key.every(({ order }) => order === 'exact');
        return indexed ? readIndexed(connection, query) : scans.page(query);
      }),
    close: scans.close,
  };
}

function readIndexed(connection: PostgresConnection, query: TextQuery): Promise<TextRow[]> {
  const { key } = query.table as PostgresTable;
  const keys = key.map((_, index) => keyAlias(index));
  const order = keys.join(', ');
  const { sql, values } = selection(query, 'page');
  // Cut where the server still has the texts: a page of long ones would not fit our memory.
  const page = `
    SELECT ${keys.map((name, index) => `${name}::text AS text_${index}`).join(', ')}, ${textAlias}
    FROM (SELECT *, sum(octet_length(${textAlias}))
            OVER (ORDER BY ${order} ROWS UNBOUNDED PRECEDING) AS bytes FROM (${sql}) AS page) AS sums
    WHERE bytes - octet_length(${textAlias}) <= ${pageBytes} ORDER BY ${order}`;
  return connection.read('read rows', async (session) => {
    const { rows } = await session.query(page, values);
    return rows.map((row) => rowOf(row, query));
  });
}

/** The text of one row, or null where the row is gone or holds none. */
export async function readText(
  session: Session,
  table: Table,
  column: string,
  position: Position,
): Promise<string | null> {
  const { from, key } = keyed(table);
  const conditions = key.map(
    (one, index) => `${quoted(one.name)} = ${typed(`$${index + 1}`, one)}`,
  );
  const sql = `SELECT ${quoted(column)}::text FROM ${from} WHERE ${conditions.join(' AND ')}`;
  const { rows } = await session.query(sql, [...position]);
  return rows[0]?.[0] ?? null;
}
