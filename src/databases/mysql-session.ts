import type { Cursor } from './mysql-cursor.js';
import type { Parameter } from './mysql-driver.js';
import { lockSeconds, MysqlFailure } from './mysql-errors.js';
import type { Link } from './mysql-link.js';
import {
  cursor,
  query,
  type Result,
  run,
  streamedRow,
  type Upload,
  upload,
} from './mysql-statements.js';
import { setUp, type Variables } from './mysql-variables.js';
import type { StreamedRow } from './mysql-wire.js';

/** A connection to the server, for one piece of work at a time. */
export interface Session {
  /** The server's number of the connection. */
  readonly id: number;
  readonly variables: Variables;
  /** Runs one statement with values for its parameters. */
  query(sql: string, values?: readonly Parameter[]): Promise<Result>;
  /** Runs a statement that takes no parameters. */
  run(sql: string): Promise<Result>;
  upload(sql: string): Promise<Upload>;
  /** Runs a query of one row at most, whose last value comes as it arrives. */
  queryRow(sql: string): Promise<StreamedRow | null>;
  cursor(sql: string, values: readonly Parameter[]): Promise<Cursor>;
  begin(): Promise<void>;
  commit(): Promise<void>;
  /** Takes the server's lock of that name, of 64 characters at most, until `unlock`. */
  lock(name: string): Promise<void>;
  unlock(name: string): Promise<void>;
  /** Whether it is open, and nothing is left of the work before. */
  isFree(): boolean;
  /** Calls this when the connection has ended, whoever ended it. */
  onEnd(action: () => void): void;
  end(): Promise<void>;
}

/** Prepares a new connection for work. */
export async function openSession(link: Link): Promise<Session> {
  const { begun, driver, isOpen, onEnd } = link;
  const variables = await setUp(async (sql) => (await run(link, sql)).rows);
  const limit = Number(variables.get('max_allowed_packet') ?? Number.POSITIVE_INFINITY);
  const ask: Session['query'] = (sql, values = []) => query(link, sql, values, limit);
  return {
    id: driver.threadId,
    variables,
    query: ask,
    run: (sql) => run(link, sql),
    upload: (sql) => upload(link, sql),
    queryRow: (sql) => streamedRow(link, sql),
    cursor: (sql, values) => cursor(link, sql, values, limit),
    async begin() {
      begun.add('transaction');
      await run(link, 'START TRANSACTION');
    },
    async commit() {
      await run(link, 'COMMIT');
      begun.delete('transaction');
    },
    async lock(name) {
      begun.add('lock');
      // Whoever has it may be storing something large.
      const { rows } = await ask(`SELECT GET_LOCK(?, ${6 * lockSeconds})`, [name]);
      if (Number(rows[0]?.[0]) === 1) return;
      throw new MysqlFailure(Object.assign(new Error(`no lock ${name}`), { errno: 1205 }));
    },
    async unlock(name) {
      await ask('DO RELEASE_LOCK(?)', [name]);
      begun.delete('lock');
    },
    isFree: () => isOpen() && begun.size === 0,
    onEnd,
    end: async () => link.close(),
  };
}
