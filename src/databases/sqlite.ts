import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import Sqlite from 'better-sqlite3';
import { DepotError, messageOf } from '../errors.js';
import { errorCode, fileError, placeOf } from '../files.js';
import type { SqlDatabase } from './database.js';
import { openBlobTable } from './sqlite-blobs.js';
import { lockMigrations } from './sqlite-lock.js';
import { readTables } from './sqlite-tables.js';
import { changeTexts, readText, readTexts } from './sqlite-texts.js';

/** How long another writer is waited for, in seconds. */
const busySeconds = 60;

/** Milliseconds for which statements may keep signals, timers and other work waiting. */
const longestTurn = 50;

/** A connection, and how statements are run on it. */
export interface SqliteConnection {
  readonly file: string;
  readonly handle: Sqlite.Database;
  /** The statement of an SQL text, compiled once. */
  statement<P extends unknown[], R>(sql: string): Sqlite.Statement<P, R>;
  /** A second connection to the same file. */
  reopen(): Promise<Sqlite.Database>;
  /** Runs statements, again while another process holds the database; names what failed. */
  run<T>(what: string, action: () => T): Promise<T>;
  /** What an error of SQLite's means to an administrator. */
  failed(what: string, error: unknown): DepotError;
}

/** Opens an existing SQLite database. Its commits are durable whatever its journal mode. */
export async function openSqlite(file: string): Promise<SqlDatabase> {
  await access(file, constants.R_OK).catch((error: unknown) => {
    const { message } = fileError(error, `cannot open the database ${file}`);
    throw new DepotError('unreachable', message, { hint: 'Check sqlalchemy.url.' });
  });
  const connection = await connect(file);
  return {
    name: file,
    place: () => placeOf(file),
    tables: () => connection.run('read the schema', () => readTables(connection.handle)),
    texts: (query) => connection.run('read rows', () => readTexts(connection.handle, query)),
    textAt: (table, column, position) =>
      connection.run('read a row', () => readText(connection.handle, table, column, position)),
    change: (changes) =>
      connection.run('change references', () => changeTexts(connection.handle, changes)),
    lockMigrations: (shard) => lockMigrations(file, shard),
    blobs: openBlobTable(connection),
    close: async () => void connection.handle.close(),
  };
}

async function connect(file: string): Promise<SqliteConnection> {
  let turn = performance.now();
  const run = async <T>(what: string, action: () => T): Promise<T> => {
    // SQLite answers on the spot: who asks again and again would let nothing else happen.
    if (performance.now() - turn > longestTurn) {
      await new Promise((resolve) => setImmediate(resolve));
      turn = performance.now();
    }
    return patiently(action, (error) => explain(error, file, what));
  };
  const open = (): Promise<Sqlite.Database> => run('open', () => openHandle(file));
  const handle = await open();
  const statements = new Map<string, Sqlite.Statement>();
  return {
    file,
    handle,
    statement<P extends unknown[], R>(sql: string) {
      const known = statements.get(sql) ?? handle.prepare(sql);
      statements.set(sql, known);
      return known as unknown as Sqlite.Statement<P, R>;
    },
    reopen: open,
    failed: (what, error) => explain(error, file, what),
    run,
  };
}

function openHandle(file: string): Sqlite.Database {
  // The driver trims the name, and would open another file than the one that was meant.
  if (file !== file.trim()) {
    throw new DepotError(
      'config',
      `cannot open the database ${JSON.stringify(file)}: its name begins or ends with a space`,
    );
  }
  const handle = new Sqlite(file, { fileMustExist: true, timeout: 100 });
  try {
    // Else the last commits may be lost in a power cut: this build's default is less in WAL mode,
    // and FULL does not make the end of a rollback journal durable.
    handle.pragma('synchronous = EXTRA');
    // Kilobytes: blobs are read once, so caching their pages would only take memory.
    handle.pragma('cache_size = -2000');
    return handle;
  } catch (error) {
    handle.close();
    throw error;
  }
}

/** Does something again and again while another process holds the database. */
async function patiently<T>(action: () => T, failed: (error: unknown) => DepotError): Promise<T> {
  const deadline = Date.now() + busySeconds * 1000;
  for (let pause = 5; ; pause = Math.min(pause * 2, 250)) {
    try {
      return action();
    } catch (error) {
      if (!isBusy(error) || Date.now() > deadline) throw failed(error);
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
}

function isBusy(error: unknown): boolean {
  const code = errorCode(error) ?? '';
  return code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED');
}

/** What SQLite's result codes mean to an administrator. */
function explain(error: unknown, file: string, what: string): DepotError {
  if (error instanceof DepotError) return error;
  const code = errorCode(error) ?? '';
  const failed =
    what === 'open' ? `cannot open the database ${file}` : `cannot ${what} in the database ${file}`;
  const cause = { cause: error };
  if (isBusy(error)) {
    return new DepotError(
      'unreachable',
      `${failed}: another process has held it for ${busySeconds} s`,
      cause,
    );
  }
  if (code === 'SQLITE_NOTADB') {
    return new DepotError('unreachable', `${failed}: it is no SQLite database`, cause);
  }
  if (code.startsWith('SQLITE_CANTOPEN') || code.startsWith('SQLITE_READONLY')) {
    return new DepotError('unreachable', `${failed}: permission denied`, cause);
  }
  if (messageOf(error) === 'no such table: blobs') {
    const hint = 'Check sqlalchemy.url; the table is made with: depot storages create NAME';
    return new DepotError('unreachable', `${failed}: it has no table blobs`, { ...cause, hint });
  }
  if (code === 'SQLITE_FULL') {
    const hint = 'Nothing half written was kept. Free some space, then run it again.';
    return new DepotError('failed', `${failed}: no space left on the disk`, { ...cause, hint });
  }
  return new DepotError('failed', `${failed}: ${messageOf(error)}`, cause);
}
