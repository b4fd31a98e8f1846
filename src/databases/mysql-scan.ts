import { DepotError } from '../errors.js';
import type { Position, TextQuery, TextRow } from './database.js';
import type { MysqlConnection } from './mysql-connection.js';
import type { Cursor } from './mysql-cursor.js';
import { pageBytes, rowOf, selection } from './mysql-select.js';
import type { Session } from './mysql-session.js';

/** Scans that may be open at once; those who left theirs in the middle do not say so. */
const mostScans = 4;

/** Reads pages of columns' texts. */
export interface TextReader {
  page(query: TextQuery): Promise<TextRow[]>;
  close(): Promise<void>;
}

/** A walk through a table, whose rows come on a connection of their own. */
interface Scan {
  readonly session: Session;
  readonly cursor: Cursor;
  /** Rows read so far. */
  readonly count: number;
}

/** Reads tables without a key, in which a lost connection cannot be replaced. */
export function openScans(connection: MysqlConnection): TextReader {
  /** By the query and the number of rows that they have come to. */
  const scans = new Map<string, Scan>();

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
  return {
    async page(query) {
      const key = keyOf(query, query.after);
      const scan = scans.get(key) ?? (await begin(connection, query));
      scans.delete(key);
      try {
        const page = await readPage(scan, query);
        const last = page.at(-1);
        if (last === undefined) await scan.session.end();
        else await keep(keyOf(query, last.position), { ...scan, count: scan.count + page.length });
        return page;
      } catch (error) {
        await scan.session.end();
        throw error;
      }
    },
    async close() {
      await Promise.all([...scans.values()].map(({ session }) => session.end()));
    },
  };
}

function keyOf({ table, column, containing, where }: TextQuery, after?: Position): string {
  return JSON.stringify([table.name, column, containing, where, after]);
}

async function begin({ name, open }: MysqlConnection, query: TextQuery): Promise<Scan> {
  if (query.after !== undefined) {
    throw new DepotError(
      'failed',
      `cannot read rows in the database ${name}: the connection was lost amid ${query.table.name}, which has no primary key to go on by`,
      { hint: 'Run it again.' },
    );
  }
  const session = await open();
  try {
    const { sql, values } = selection(query, 'scan');
    return { session, cursor: await session.cursor(sql, values), count: 0 };
  } catch (error) {
    await session.end();
    throw error;
  }
}

async function readPage({ cursor, count }: Scan, query: TextQuery): Promise<TextRow[]> {
  const rows = await cursor.page(query.limit, pageBytes);
  return rows.map((row, index) => {
    const number = count + index + 1;
    const { text } = rowOf(row, query);
    return { text, position: [number], key: [['row', number]] };
  });
}
