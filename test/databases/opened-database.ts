import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import Sqlite from 'better-sqlite3';
import { expect, onTestFinished } from 'vitest';
import type { Database, Table, TextQuery, TextRow } from '../../src/databases/database.js';
import { openSqlite } from '../../src/databases/sqlite.js';

/** A database of these statements, opened, and a connection of the application's. */
export async function openDatabase(
  sql: string,
): Promise<{ database: Database; handle: Sqlite.Database }> {
  const directory = await mkdtemp(path.join(tmpdir(), 'depot-database-'));
  const file = path.join(directory, 'site.db');
  const handle = new Sqlite(file);
  handle.exec(sql);
  const database = await openSqlite(file);
  onTestFinished(async () => {
    await database.close();
    handle.close();
    await rm(directory, { recursive: true });
  });
  return { database, handle };
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
