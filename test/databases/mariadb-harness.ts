import { randomUUID } from 'node:crypto';
import { type Connection, createConnection } from 'mysql2/promise';
import { onTestFinished } from 'vitest';
import { parseSqlalchemyUrl } from '../../src/config/sqlalchemy-url.js';
import type { SqlDatabase } from '../../src/databases/database.js';
import { openMysql } from '../../src/databases/mysql.js';
import type { OpenedDatabase } from './conformance.js';

/** What a test of MariaDB opens a database with, and sees of it. */
export interface Surroundings {
  readonly idleTimeout?: number;
  retried?(): void;
  notice?(text: string): void;
}

export function openUrl(url: string, surroundings: Surroundings = {}): SqlDatabase {
  return openMysql(parseSqlalchemyUrl(url), {
    retried: () => {},
    notice: () => {},
    idleTimeout: 60_000,
    ...surroundings,
  });
}

/** The URL of another database on the same server. */
export function otherDatabase(url: string, name: string): string {
  return url.replace(/\/[^/]*$/, `/${name}`);
}

/** The URL for another user. */
export function withUser(url: string, name: string, password: string): string {
  return url.replace(/\/\/[^@]*@/, `//${name}:${password}@`);
}

/** A client of the application's. */
export async function connectClient(url: string): Promise<Connection> {
  const client = await createConnection({
    uri: url,
    rowsAsArray: true,
    multipleStatements: true,
    supportBigNumbers: true,
    dateStrings: true,
    jsonStrings: true,
  });
  client.on('error', () => {});
  return client;
}

/** Makes an empty database of that collation, by default the one that Kotti asks for. */
export async function createDatabase(
  server: string,
  collation = 'utf8mb4_bin',
): Promise<{ url: string; remove(): Promise<void> }> {
  const name = `depot_${randomUUID().replaceAll('-', '')}`;
  const admin = await connectClient(server);
  await admin.query(`CREATE DATABASE ${name} CHARACTER SET utf8mb4 COLLATE ${collation}`);
  return {
    url: otherDatabase(server, name),
    async remove() {
      await admin.query(`DROP DATABASE ${name}`);
      await admin.end();
    },
  };
}

/** A database of these statements, removed when the test ends. */
export async function openMariadbDatabase(
  server: string,
  statements: string,
  surroundings: Surroundings = {},
): Promise<OpenedDatabase & { url: string }> {
  const { url, remove } = await createDatabase(server, 'utf8mb4_general_ci');
  onTestFinished(remove);
  const client = await connectClient(url);
  onTestFinished(() => client.end());
  const execute = async (sql: string): Promise<void> => {
    if (sql.trim() !== '') await client.query(sql);
  };
  await execute(statements);
  const reopen = async (): Promise<SqlDatabase> => {
    const database = openUrl(url, surroundings);
    onTestFinished(() => database.close());
    return database;
  };
  return {
    url,
    database: await reopen(),
    reopen,
    execute,
    rows: async (sql) => (await client.query(sql))[0] as unknown[][],
  };
}

/** A database as a dump has it, removed when the test ends. */
export async function loadMariadbDump(
  server: string,
  dump: string,
): Promise<OpenedDatabase & { url: string }> {
  const opened = await openMariadbDatabase(server, '');
  // The dump sets what its own session finds.
  const client = await connectClient(opened.url);
  await client.query(dump);
  await client.end();
  return opened;
}
