import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { onTestFinished } from 'vitest';
import { parseSqlalchemyUrl } from '../../src/config/sqlalchemy-url.js';
import type { SqlDatabase } from '../../src/databases/database.js';
import { openPostgres } from '../../src/databases/postgres.js';
import type { OpenedDatabase } from './conformance.js';

/** What a test of PostgreSQL opens a database with, and sees of it. */
export interface Surroundings {
  readonly idleTimeout?: number;
  retried?(): void;
  notice?(text: string): void;
}

export function openUrl(url: string, surroundings: Surroundings = {}): SqlDatabase {
  return openPostgres(parseSqlalchemyUrl(url), {
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

/** The URL with another user in it. */
export function withUser(url: string, user: string, password: string): string {
  return url.replace(/\/\/[^@/]*@/, `//${user}:${password}@`);
}

/** A client of the application's. */
export async function connectClient(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  return client;
}

/** Makes an empty database; `options` stand behind CREATE DATABASE. */
export async function createDatabase(
  server: string,
  options = '',
): Promise<{ url: string; remove(): Promise<void> }> {
  const name = `depot_${randomUUID().replaceAll('-', '')}`;
  const admin = await connectClient(server);
  await admin.query(`CREATE DATABASE ${name} ${options}`);
  return {
    url: otherDatabase(server, name),
    async remove() {
      await admin.query(`DROP DATABASE ${name} WITH (FORCE)`);
      await admin.end();
    },
  };
}

/** A database of these statements, removed when the test ends. */
export async function openPostgresDatabase(
  server: string,
  statements: string,
  options = '',
): Promise<OpenedDatabase & { url: string }> {
  const { url, remove } = await createDatabase(server, options);
  onTestFinished(remove);
  const client = await connectClient(url);
  onTestFinished(() => client.end());
  await client.query(statements);
  const reopen = async (): Promise<SqlDatabase> => {
    const database = openUrl(url);
    onTestFinished(() => database.close());
    return database;
  };
  return {
    url,
    database: await reopen(),
    reopen,
    execute: async (sql) => void (await client.query(sql)),
    rows: async (sql) => (await client.query({ text: sql, rowMode: 'array' })).rows,
  };
}

/** A database as a dump has it, removed when the test ends. */
export async function loadPostgresDump(
  server: string,
  dump: string,
): Promise<OpenedDatabase & { url: string }> {
  const opened = await openPostgresDatabase(server, '');
  // The dump sets what its own session finds. Lines that begin with a backslash are psql's.
  const client = await connectClient(opened.url);
  await client.query(dump.replaceAll(/^\\.*$/gm, ''));
  await client.end();
  return opened;
}
