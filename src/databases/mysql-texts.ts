import { DepotError } from '../errors.js';
import type { Position, Table, TextQuery, TextRow } from './database.js';
import { quoted, textOf, textValue } from './mysql-columns.js';
import type { MysqlConnection } from './mysql-connection.js';
import type { Cursor } from './mysql-cursor.js';
import { atPosition, columnOf, rowOf, selection } from './mysql-select.js';
import type { Session } from './mysql-session.js';
import type { MysqlTable } from './mysql-tables.js';

/** Bytes of text after which a page ends early, whatever its number of rows. */
const pageBytes = 8 * 1024 * 1024;

/** Scans that may be open at once; those who left theirs in the middle do not say so. */
const mostScans = 4;

/** Reads pages of columns' texts. */
export interface TextReader {
  page(query: TextQuery): Promise<TextRow[]>;
  close(): Promise<void>;
}

/** A walk through a table without a key, which must be read in one go. */
interface Scan {
  readonly session: Session;
  readonly cursor: Cursor;
  /** Rows read so far. */
  readonly count: number;
}

/** Pages come by a statement each where the table has a key to go on by, else as they arrive. */
export function openTexts(connection: MysqlConnection): TextReader {
  /** By the query and the number of rows that they have come to. */
  const scans = new Map<string, Scan>();

  const begin = async (query: TextQuery): Promise<Scan> => {
    if (query.after !== undefined) {
      throw new DepotError(
        'failed',
        `cannot read rows in the database ${connection.name}: the connection was lost amid ${query.table.name}, which has no primary key to go on by`,
        { hint: 'Run it again.' },
      );
    }
    const session = await connection.open();
    const { sql, values } = selection(query, 'scan');
    try {
      return { session, cursor: await session.cursor(sql, values), count: 0 };
    } catch (error) {
      await session.end();
      throw error;
    }
  };
  const keep = async (key: string, scan: Scan): Promise<void> => {
    const dropped = [scans.get(key)];
    scans.delete(key);
    scans.set(key, scan);
    const [oldest] = scans;
    if (scans.size > mostScans && oldest !== undefined) {
      dropped.push(oldest[1]);
      scans.delete(oldest[0]);
    }
    await Promise.all(dropped.map((one) => one?.session.end()));
  };
  const scanPage = async (query: TextQuery): Promise<TextRow[]> => {
    const scan = scans.get(scanKey(query, query.after)) ?? (await begin(query));
    scans.delete(scanKey(query, query.after));
    try {
      const rows = await scan.cursor.page(query.limit, pageBytes);
      const page = rows.map((row, index) => {
        const number = scan.count + index + 1;
        const { text } = rowOf(row, query.table as MysqlTable);
        return { text, position: [number], key: [['row', number] as const] };
      });
      const last = page.at(-1);
      if (last === undefined) await scan.session.end();
      else await keep(scanKey(query, last.position), { ...scan, count: scan.count + page.length });
      return page;
    } catch (error) {
      await scan.session.end();
      throw error;
    }
  };
  return {
    page: (query) =>
      (query.table as MysqlTable).key.length === 0
        ? connection.explained('read rows', () => scanPage(query))
        : connection.read('read rows', (session) => keyedPage(session, query)),
    async close() {
      await Promise.all([...scans.values()].map(({ session }) => session.end()));
    },
  };
}

/** The rest of a page that gets too long is cut off by hanging up. */
async function keyedPage(session: Session, query: TextQuery): Promise<TextRow[]> {
  const { sql, values } = selection(query, 'page');
  const cursor = await session.cursor(sql, values);
  const rows = await cursor.page(Number.POSITIVE_INFINITY, pageBytes);
  return rows.map((row) => rowOf(row, query.table as MysqlTable));
}

function scanKey({ table, column, containing, where }: TextQuery, after?: Position): string {
  return JSON.stringify([table.name, column, containing, where, after]);
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
