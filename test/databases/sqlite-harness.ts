import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import Sqlite from 'better-sqlite3';
import { onTestFinished } from 'vitest';
import { openSqlite } from '../../src/databases/sqlite.js';
import type { OpenedDatabase } from './conformance.js';

/** A database of these statements in a file of its own. */
export async function openSqliteDatabase(
  statements: string,
): Promise<OpenedDatabase & { handle: Sqlite.Database }> {
  const directory = await mkdtemp(path.join(tmpdir(), 'depot-database-'));
  const file = path.join(directory, 'site.db');
  const handle = new Sqlite(file);
  onTestFinished(async () => {
    handle.close();
    await rm(directory, { recursive: true });
  });
  handle.exec(statements);
  const reopen = async () => {
    const database = await openSqlite(file);
    onTestFinished(() => database.close());
    return database;
  };
  return {
    handle,
    database: await reopen(),
    reopen,
    execute: async (sql) => void handle.exec(sql),
    rows: async (sql) => handle.prepare(sql).raw().all() as unknown[][],
  };
}
