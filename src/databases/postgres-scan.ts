import { DepotError } from '../errors.js';
import type { TextQuery, TextRow } from './database.js';
import type { PostgresConnection } from './postgres-connection.js';
import { pageBytes, rowOf, selection } from './postgres-select.js';
import type { Session } from './postgres-session.js';
import type { PostgresTable } from './postgres-tables.js';

/** Scans that may be open at once; those who left theirs in the middle do not say so. */
const mostScans = 4;

/** Reads pages of columns' texts. */
export interface TextReader {
  page(query: TextQuery): Promise<TextRow[]>;
  close(): Promise<void>;
}

/** A walk through a table as it was at one moment. */
interface Scan {
  readonly session: Session;
  /** Rows read so far. */
  count: number;
}

/**
 * Reads tables by cursors, each in a transaction of its own. Where one is lost, another goes on
 * after the same key; a table without a key must be read in one go.
 */
export function openScans(connection: PostgresConnection): TextReader {
  /** By the query and the position that they have come to. */
  const scans = new Map<string, Scan>();

  const begin = async (query: TextQuery): Promise<Scan> => {
    const { name, primaryKey } = query.table;
    if (query.after !== undefined && primaryKey.length === 0) {
      throw new DepotError(
        'failed',
        `cannot read rows in the database ${connection.name}: the connection was lost amid ${name}, which has no primary key to go on by`,
        { hint: 'Run it again.' },
      );
    }
    const session = await connection.open();
    try {
      const { sql, values } = selection(query, 'scan');
      await session.run('BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY');
      await session.query(`DECLARE depot_scan NO SCROLL CURSOR FOR ${sql}`, values);
      return { session, count: 0 };
    } catch (error) {
      await session.end();
      throw error;
    }
  };
  const keep = async (key: string, scan: Scan): Promise<void> => {
    const replaced = scans.get(key);
    scans.delete(key);
    scans.set(key, scan);
    const [oldest] = scans;
    const dropped = scans.size > mostScans && oldest !== undefined ? oldest[1] : undefined;
    if (dropped !== undefined && oldest !== undefined) scans.delete(oldest[0]);
    await Promise.all([replaced, dropped].map((one) => one?.session.end()));
  };
  return {
    async page(query) {
      const key = keyOf(query, query.after);
      const scan = scans.get(key) ?? (await begin(query));
      scans.delete(key);
      try {
        const page = await fetchPage(scan, query);
        const last = page.at(-1);
        if (last === undefined) await scan.session.end();
        else await keep(keyOf(query, last.position), scan);
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

function keyOf(
  { table, column, containing, where }: TextQuery,
  position: TextQuery['after'],
): string {
  return JSON.stringify([(table as PostgresTable).from, column, containing, where, position]);
}

/** More and more rows at a time, but hardly more than the texts seen let expect to fit a page. */
async function fetchPage(scan: Scan, query: TextQuery): Promise<TextRow[]> {
  const { limit } = query;
  const { key, hasRowAddress } = query.table as PostgresTable;
  const page: TextRow[] = [];
  let [bytes, longest, step] = [0, 1, 1];
  while (page.length < limit && bytes <= pageBytes) {
    const rows = Math.max(1, Math.min(step, limit - page.length, Math.floor(pageBytes / longest)));
    const { rows: found } = await scan.session.query(`FETCH ${rows} FROM depot_scan`);
    for (const row of found) {
      scan.count += 1;
      const one = rowOf(row, query);
      const address = hasRowAddress ? [['ctid', row[0] as string] as const] : [];
      page.push(key.length > 0 ? one : { ...one, position: [scan.count], key: address });
      const length = Buffer.byteLength(one.text);
      bytes += length;
      longest = Math.max(longest, length);
    }
    if (found.length < rows) break;
    step *= 2;
  }
  return page;
}
