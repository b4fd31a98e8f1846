import { randomUUID } from 'node:crypto';
import { appendFileSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import Sqlite from 'better-sqlite3';
import { onTestFinished } from 'vitest';
import { loadConfiguration } from '../../src/config/settings.js';
import { Manager } from '../../src/manager.js';
import { dumpJson, parseJson } from '../../src/python/json.js';

const golden = fileURLToPath(new URL('../../fixtures/kotti-site', import.meta.url));

/** A site of its own for one test, gone when the test ends. */
export interface Site {
  readonly directory: string;
  readonly ini: string;
  /** Path of its SQLite database. */
  readonly database: string;
}

/** A copy of the site that Kotti made, with `settings` as further text of its configuration. */
export function copySite(settings = ''): Site {
  const directory = temporaryDirectory();
  cpSync(golden, directory, { recursive: true });
  const ini = path.join(directory, 'production.ini');
  appendFileSync(ini, `\n${settings}`);
  return { directory, ini, database: path.join(directory, 'Kotti.db') };
}

const ownSettings = `
[app:site]
sqlalchemy.url = sqlite:///%(here)s/site.db
depot.0.name = dbfiles
depot.0.backend = sql
depot.1.name = localfs
depot.1.backend = local
depot.1.storage_path = %(here)s/blobs
depot.2.name = archive
depot.2.backend = local
depot.2.storage_path = %(here)s/archive

[depot]
timezone = UTC
`;

const ownTables = `
CREATE TABLE files (id INTEGER PRIMARY KEY, title VARCHAR(200), data VARCHAR(4000));
CREATE TABLE documents (id INTEGER PRIMARY KEY, body TEXT);
CREATE TABLE blobs (
  id INTEGER NOT NULL, file_id VARCHAR(36), filename VARCHAR(100), content_type VARCHAR(100),
  content_length INTEGER, last_modified DATETIME, data BLOB, PRIMARY KEY (id));
CREATE INDEX ix_blobs_file_id ON blobs (file_id);`;

/**
 * An empty site with the storages `dbfiles` (SQL), `localfs` and `archive` (local), and tables
 * `files` and `documents`. `settings` is further text of its section `[depot]` and behind it.
 */
export function makeSite(settings = ''): Site {
  const directory = temporaryDirectory();
  const ini = path.join(directory, 'site.ini');
  writeFileSync(ini, ownSettings + settings);
  for (const name of ['blobs', 'archive']) mkdirSync(path.join(directory, name));
  const site = { directory, ini, database: path.join(directory, 'site.db') };
  query(site, ownTables);
  return site;
}

function temporaryDirectory(): string {
  const directory = mkdtempSync(path.join(tmpdir(), 'depot-transfer-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** Runs SQL on the site's database as the application would, and returns the rows of a SELECT. */
export function query<Row>(site: Site, sql: string, ...values: unknown[]): Row[] {
  const handle = new Sqlite(site.database, { timeout: 10_000 });
  try {
    if (values.length === 0 && !/^\s*SELECT/i.test(sql)) {
      handle.exec(sql);
      return [];
    }
    const statement = handle.prepare(sql);
    if (statement.reader) return statement.all(...values) as Row[];
    statement.run(...values);
    return [];
  } finally {
    handle.close();
  }
}

/** The text of a reference as Python writes it; `extra` are further keys. */
export function referenceText(
  storage: string,
  id: string,
  extra: Readonly<Record<string, unknown>> = {},
): string {
  const { files = [], ...others } = extra;
  const reference = {
    depot_name: storage,
    files: [`${storage}/${id}`, ...(files as string[])],
    file_id: id,
    path: `${storage}/${id}`,
    filename: 'a.txt',
    content_type: 'text/plain',
    uploaded_at: '2026-01-02 03:04:05',
    _public_url: null,
    ...others,
  };
  return dumpJson(parseJson(JSON.stringify(reference)));
}

/** Adds a row to `files`, or to another table with a column `data`; returns its id. */
export function addRow(site: Site, text: string, table = 'files'): number {
  const sql = `INSERT INTO ${table} (data) VALUES (?) RETURNING id`;
  const [row] = query<{ id: number }>(site, sql, text);
  return row?.id as number;
}

/** The text in a row of `files`. */
export function rowText(site: Site, id: number): string {
  const [row] = query<{ data: string }>(site, 'SELECT data FROM files WHERE id = ?', id);
  return row?.data as string;
}

/** Stores a blob, as the application would, and returns its identifier. */
export async function addBlob(
  site: Site,
  storage: string,
  content: string | Uint8Array,
  id: string = randomUUID(),
): Promise<string> {
  await withManager(site, async (manager) => {
    const opened = await manager.storage(storage);
    await opened.create(chunk(content), { id, filename: 'a.txt' });
  });
  return id;
}

/** New content under the same identifier, as the application would write it. */
export async function replaceBlob(
  site: Site,
  storage: string,
  id: string,
  content: string | Uint8Array,
): Promise<void> {
  await withManager(site, async (manager) => {
    await (await manager.storage(storage)).replace(id, chunk(content));
  });
}

export async function deleteBlob(site: Site, storage: string, id: string): Promise<void> {
  await withManager(site, async (manager) => (await manager.storage(storage)).delete(id));
}

/** A blob's content as text; null where there is none. */
export function readBlob(site: Site, storage: string, id: string): Promise<string | null> {
  return withManager(site, async (manager) => {
    const opened = await manager.storage(storage);
    if ((await opened.find(id)) === null) return null;
    const content = await opened.read(id);
    const chunks: Uint8Array[] = [];
    for await (const part of content.chunks) chunks.push(part);
    return Buffer.concat(chunks).toString();
  });
}

/** All identifiers in a storage, sorted. */
export function identifiers(site: Site, storage: string): Promise<string[]> {
  return withManager(site, async (manager) => {
    const found: string[] = [];
    for await (const id of (await manager.storage(storage)).list()) found.push(id);
    return found.sort();
  });
}

export async function* chunk(content: string | Uint8Array): AsyncGenerator<Uint8Array> {
  yield Buffer.from(content);
}

export async function withManager<T>(
  site: Site,
  action: (manager: Manager) => Promise<T>,
): Promise<T> {
  const manager = new Manager(await loadConfiguration({ file: site.ini, env: {} }));
  try {
    return await action(manager);
  } finally {
    await manager.close();
  }
}
