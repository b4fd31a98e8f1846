import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import Sqlite from 'better-sqlite3';
import { expect, onTestFinished, test } from 'vitest';
import { openSql } from '../../src/backends/sql.js';
import { openSqlite } from '../../src/databases/sqlite.js';
import { Storage } from '../../src/storage.js';
import { zoneClock } from '../../src/time.js';
import { chunksOf, contentOf, listed } from '../conformance/harness.js';

const site = path.resolve(import.meta.dirname, '../../fixtures/kotti-site');
const id = '3c1b9742-f338-4dcf-a812-e60d74b46c69';

/** A copy of the golden site's database, and its `dbfiles`. */
async function openSite(): Promise<{ storage: Storage; file: string; handle: Sqlite.Database }> {
  const directory = await mkdtemp(path.join(tmpdir(), 'depot-sqlite-'));
  const file = path.join(directory, 'Kotti.db');
  await cp(path.join(site, 'Kotti.db'), file);
  const backend = openSql(await openSqlite(file), zoneClock('Europe/Berlin'));
  const handle = new Sqlite(file);
  onTestFinished(async () => {
    handle.close();
    await backend.close();
    await rm(directory, { recursive: true });
  });
  return { storage: new Storage('dbfiles', 'sql', backend), file, handle };
}

interface Row {
  readonly file_id: string;
  readonly filename: string | null;
  readonly content_type: string | null;
  readonly content_length: number;
  readonly last_modified: string;
  readonly sha256: string | null;
}

test('lists and reads the rows that Kotti wrote', async () => {
  const { storage } = await openSite();
  const { blobs } = JSON.parse(await readFile(path.join(site, 'expected.json'), 'utf8')) as {
    blobs: Row[];
  };
  expect(await listed(storage)).toEqual(blobs.map((row) => row.file_id));
  for (const row of blobs) {
    const info = await storage.info(row.file_id);
    expect(info).toMatchObject({
      filename: row.filename ?? 'unnamed',
      contentType: row.content_type ?? 'application/octet-stream',
      contentLength: row.content_length,
    });
    // Berlin is one hour ahead of UTC in November.
    const local = new Date(`${row.last_modified.slice(0, 23).replace(' ', 'T')}+01:00`);
    expect(info.lastModified).toEqual(local);
    if (row.sha256 !== null) expect((await storage.hash(row.file_id)).sha256).toBe(row.sha256);
  }
});

test('a row without data is damaged, not empty', async () => {
  const { storage } = await openSite();
  await expect(storage.read('00000000-0000-1000-8000-00aa74f6fd03')).rejects.toMatchObject({
    kind: 'damaged',
    message: expect.stringContaining('its data is null'),
  });
});

test('two rows of one identifier: the first is known, reading is an error, deleting takes both', async () => {
  const { storage, handle } = await openSite();
  const insert = handle.prepare(
    'INSERT INTO blobs (file_id, filename, content_length, data) VALUES (?, ?, 1, ?)',
  );
  insert.run(id, 'first', Buffer.from('1'));
  insert.run(id, 'second', Buffer.from('2'));
  expect((await storage.info(id)).filename).toBe('first');
  await expect(storage.read(id)).rejects.toMatchObject({ kind: 'damaged' });
  await expect(storage.create(chunksOf('x'), { id })).rejects.toMatchObject({ kind: 'refused' });
  await storage.delete(id);
  expect(handle.prepare('SELECT count(*) FROM blobs WHERE file_id = ?').pluck().get(id)).toBe(0);
});

test('writes rows as SQLAlchemy does: types, local time with microseconds', async () => {
  const { storage, handle } = await openSite();
  const lastModified = new Date('2026-07-01T10:00:00Z');
  await storage.create(chunksOf('12345'), { id, filename: 'ä.txt', lastModified });
  expect(
    handle.prepare('SELECT *, typeof(data) AS type FROM blobs WHERE file_id = ?').get(id),
  ).toMatchObject({
    file_id: id,
    filename: 'ä.txt',
    content_type: 'text/plain',
    content_length: 5,
    last_modified: '2026-07-01 12:00:00.000000',
    type: 'blob',
  });
});

test('an empty file is empty, not null', async () => {
  const { storage, handle } = await openSite();
  await storage.create(chunksOf(), { id });
  expect(
    handle
      .prepare('SELECT content_length, typeof(data) AS type FROM blobs WHERE file_id = ?')
      .get(id),
  ).toEqual({
    content_length: 0,
    type: 'blob',
  });
  expect(await contentOf(storage, id)).toBe('');
});

test('a name that does not fit is shortened here, with its suffix, not cut in the database', async () => {
  const { storage, handle } = await openSite();
  await storage.create(chunksOf('x'), { id, filename: `${'🚢'.repeat(120)}.tar.gz` });
  const filename = handle
    .prepare('SELECT filename FROM blobs WHERE file_id = ?')
    .pluck()
    .get(id) as string;
  expect([...filename]).toHaveLength(100);
  expect(filename).toBe(`${'🚢'.repeat(97)}.gz`);
  await expect(
    storage.create(chunksOf('x'), { contentType: `text/${'x'.repeat(100)}` }),
  ).rejects.toMatchObject({ kind: 'failed', message: expect.stringContaining('100 characters') });
});

test('waits for another writer, and then writes', async () => {
  const { storage, handle } = await openSite();
  handle.exec('BEGIN IMMEDIATE');
  const writing = storage.create(chunksOf('patient'), { id });
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(handle.prepare('SELECT count(*) FROM blobs WHERE file_id = ?').pluck().get(id)).toBe(0);
  handle.exec('COMMIT');
  await writing;
  expect(await contentOf(storage, id)).toBe('patient');
});

test('waits for whoever holds the whole database, to open it too', async () => {
  const { file, handle } = await openSite();
  handle.exec('BEGIN EXCLUSIVE');
  const opening = openSqlite(file);
  await new Promise((resolve) => setTimeout(resolve, 500));
  handle.exec('COMMIT');
  const database = await opening;
  expect(await database.tables()).not.toEqual([]);
  await database.close();
});

test('keeps the journal mode of the site, and works in WAL too', async () => {
  const { storage, handle } = await openSite();
  expect(handle.pragma('journal_mode', { simple: true })).toBe('delete');
  await storage.create(chunksOf('x'), { id });
  expect(handle.pragma('journal_mode', { simple: true })).toBe('delete');
  handle.pragma('journal_mode = WAL');
  await storage.replace(id, chunksOf('in WAL'));
  expect(await contentOf(storage, id)).toBe('in WAL');
});

test('a database without the table is unreachable as a storage, and provision makes it', async () => {
  const { storage, handle } = await openSite();
  handle.exec('DROP TABLE blobs');
  await expect(storage.backend.ping()).rejects.toMatchObject({
    message: expect.stringContaining('blobs'),
  });
  await storage.backend.provision();
  await storage.create(chunksOf('x'), { id });
  expect(await listed(storage)).toEqual([id]);
});

test.each(['missing.db', 'production.ini'])('%s is no database: unreachable', async (name) => {
  const open = async (): Promise<unknown> => {
    const database = await openSqlite(path.join(site, name));
    return database.tables();
  };
  await expect(open()).rejects.toMatchObject({ kind: 'unreachable' });
});
