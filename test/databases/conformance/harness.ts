import { expect, vi } from 'vitest';
import type {
  Database,
  SqlDatabase,
  Table,
  TextQuery,
  TextRow,
} from '../../../src/databases/database.js';
import type { Shard } from '../../../src/databases/shard.js';
import type { Lock } from '../../../src/lock.js';

/** A database of its own for one test, gone when the test ends. */
export interface Reopenable {
  readonly database: Database;
  /** Opens the same database once more, as another process would; closed when the test ends. */
  reopen(): Promise<Database>;
}

export interface OpenedDatabase extends Reopenable {
  readonly database: SqlDatabase;
  reopen(): Promise<SqlDatabase>;
  /** Runs statements on the application's own connection, always the same one. */
  execute(statements: string): Promise<void>;
  /** The rows of a query on that connection. */
  rows(query: string): Promise<unknown[][]>;
}

/** How the suite gets at databases of one kind; what differs between the kinds is said here. */
export interface DatabaseHarness {
  /** A database in which these statements have been run. */
  open(statements: string): Promise<OpenedDatabase>;
  /** A name in SQL. */
  quoted(name: string): string;
  /** The type of columns without a limit of their length. */
  readonly longText: string;
  /** The type of columns of any bytes. */
  readonly longBytes: string;
  /** Bytes in SQL, given in hexadecimal digits. */
  bytes(digits: string): string;
  /** Types of text columns, of ten characters at least, whatever their collation. */
  readonly textTypes: readonly string[];
  /** Whether a text may hold the character U+0000. */
  readonly keepsNul: boolean;
  /**
   * Statements that make a table `t` with a key and fill its column `v` with `SELECT …, x FROM
   * source`, where `source` has the rows (0, 't0') to (6, 't6') and (7, NULL) in columns i and x.
   */
  readonly keys: readonly { readonly name: string; readonly sql: string }[];
}

export async function tableOf(database: Database, name: string): Promise<Table> {
  const table = (await database.tables()).find((one) => one.name === name);
  if (table === undefined) throw new Error(`no table ${name}`);
  return table;
}

/** All rows of a column, page by page. */
export async function allRows(database: Database, query: TextQuery): Promise<TextRow[]> {
  const rows: TextRow[] = [];
  while (true) {
    const after = rows.at(-1)?.position;
    const page = await database.texts(after === undefined ? query : { ...query, after });
    if (page.length === 0) return rows;
    expect(page.length).toBeLessThanOrEqual(query.limit);
    rows.push(...page);
  }
}

export const texts = (rows: readonly TextRow[]): string[] => rows.map(({ text }) => text);

/** Waits until a lock that is being given back can be taken. */
export function locked(database: Database, shard: Shard | null = null): Promise<Lock> {
  return vi.waitFor(() => database.lockMigrations(shard), { timeout: 10_000 });
}
