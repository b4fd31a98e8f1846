import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import Sqlite from 'better-sqlite3';
import { onTestFinished } from 'vitest';
import { connectClient, createDatabase } from '../databases/postgres-harness.js';
import { type Tables, tables } from './contract.js';

type Rows = { file: string | null }[];

/** The tables in a file, whose path is the URL. */
export async function sqliteTables(): Promise<Tables> {
  const directory = mkdtempSync(path.join(tmpdir(), 'depot-sessions-'));
  const url = path.join(directory, 'site.db');
  const database = new Sqlite(url);
  onTestFinished(() => {
    database.close();
    rmSync(directory, { recursive: true });
  });
  database.exec(tables('INTEGER PRIMARY KEY AUTOINCREMENT'));
  return {
    url,
    async run(sql) {
      const statement = database.prepare(sql);
      if (statement.reader) return statement.all() as Rows;
      statement.run();
      return [];
    },
  };
}

export async function postgresTables(server: string): Promise<Tables> {
  const { url, remove } = await createDatabase(server);
  onTestFinished(remove);
  const client = await connectClient(url);
  onTestFinished(() => client.end());
  await client.query(tables('SERIAL PRIMARY KEY'));
  return { url, run: async (sql) => (await client.query(sql)).rows as Rows };
}

/** Names of documents are found taken by the commit alone. */
export const lateUnique = [
  'ALTER TABLE documents DROP CONSTRAINT documents_name_key',
  'ALTER TABLE documents ADD UNIQUE (name) DEFERRABLE INITIALLY DEFERRED',
];
