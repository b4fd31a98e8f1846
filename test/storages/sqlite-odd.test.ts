import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import Sqlite from 'better-sqlite3';
import { expect, onTestFinished, test, vi } from 'vitest';
import { openSql } from '../../src/backends/sql.js';
import type { SqlDatabase } from '../../src/databases/database.js';
import { openSqlite } from '../../src/databases/sqlite.js';
import { Storage } from '../../src/storage.js';
import { zoneClock } from '../../src/time.js';
import { chunksOf, collected, contentOf, listed } from '../conformance/harness.js';

const id = '3c1b9742-f338-4dcf-a812-e60d74b46c69';

/** A storage in a new database, and a connection of the application's. */
async function openStorage(
  change: (database: SqlDatabase, handle: Sqlite.Database) => SqlDatabase = (database) => database,
): Promise<{ storage: Storage; handle: Sqlite.Database; file: string }> {
  const directory = await mkdtemp(path.join(tmpdir(), 'depot-sqlite-'));
  const file = path.join(directory, 'site.db');
  await writeFile(file, '');
  const handle = new Sqlite(file);
  const backend = openSql(change(await openSqlite(file), handle), zoneClock('UTC'));
  await backend.provision();
  onTestFinished(async () => {
    handle.close();
    await backend.close();
    await rm(directory, { recursive: true });
  });
  return { storage: new Storage('dbfiles', 'sql', backend), handle, file };
}

test('a row that was deleted while it was looked up is not mistaken for the next one', async () => {
  let replaced = false;
  // SQLite gives the next row the number of the last one, if that was deleted.
  const { storage, handle } = await openStorage((database, application) => ({
    ...database,
    blobs: {
      ...database.blobs,
      async find(fileId) {
        const rows = await database.blobs.find(fileId);
        if (rows.length > 0 && !replaced) {
          replaced = true;
          application.exec(`DELETE FROM blobs;
            INSERT INTO blobs (file_id, content_length, data) VALUES ('another', 5, 'other')`);
        }
        return rows;
      },
    },
  }));
  await storage.create(chunksOf('wanted'), { id });
  await expect(storage.read(id)).rejects.toMatchObject({ kind: 'not-found' });
  expect(handle.prepare('SELECT id, file_id FROM blobs').raw().all()).toEqual([[1, 'another']]);
});

test('text in the place of bytes is its bytes', async () => {
  const { storage, handle } = await openStorage();
  handle.prepare('INSERT INTO blobs (file_id, data) VALUES (?, ?)').run(id, 'größe 🚢');
  expect(await storage.info(id)).toMatchObject({ contentLength: 12, filename: 'unnamed' });
  expect(await contentOf(storage, id)).toBe('größe 🚢');
});

test('columns that are all null but the bytes are the defaults', async () => {
  const { storage, handle } = await openStorage();
  handle.prepare('INSERT INTO blobs (file_id, data) VALUES (?, ?)').run(id, Buffer.from('bytes'));
  expect(await storage.info(id)).toMatchObject({
    filename: 'unnamed',
    contentType: 'application/octet-stream',
    contentLength: 5,
    lastModified: null,
  });
});

test('a length that is not the real one is damage, which reading says', async () => {
  const { storage, handle } = await openStorage();
  const insert = handle.prepare('INSERT INTO blobs (file_id, content_length, data) VALUES (?,?,?)');
  insert.run('short', 9, Buffer.from('bytes'));
  insert.run('long', 3, Buffer.from('bytes'));
  for (const one of ['short', 'long']) {
    const { chunks } = await storage.read(one);
    await expect(collected(chunks)).rejects.toMatchObject({ kind: 'damaged' });
  }
});

test('rows of huge and negative numbers are listed and read, those without identifier not', async () => {
  const { storage, handle } = await openStorage();
  const insert = handle.prepare('INSERT INTO blobs (id, file_id, data) VALUES (?, ?, ?)');
  const numbers = [-9223372036854775807n, -5n, 0n, 1n, 9007199254740992n, 9007199254740993n];
  for (const number of numbers) insert.run(number, `row ${number}`, Buffer.from(`${number}`));
  insert.run(7n, null, Buffer.from('nobody'));
  const ids = numbers.map((number) => `row ${number}`);
  expect(await listed(storage)).toEqual(ids);
  for (const [index, number] of numbers.entries()) {
    expect(await contentOf(storage, ids[index] as string)).toBe(String(number));
  }
});

test('a row that the application refuses fails alone', async () => {
  const { storage, handle } = await openStorage();
  handle.exec(`CREATE TRIGGER refused BEFORE INSERT ON blobs WHEN new.filename = 'refused'
               BEGIN SELECT RAISE(ABORT, 'not this one'); END`);
  const names = ['a', 'refused', 'b', 'c'];
  const results = await Promise.allSettled(
    names.map((filename) => storage.create(chunksOf(filename), { filename })),
  );
  expect(results.map(({ status }) => status)).toEqual([
    'fulfilled',
    'rejected',
    'fulfilled',
    'fulfilled',
  ]);
  expect(results[1]).toMatchObject({
    reason: { kind: 'failed', message: expect.stringMatching(/site\.db: not this one$/) },
  });
  expect(handle.prepare('SELECT filename FROM blobs').pluck().all()).toEqual(['a', 'b', 'c']);
});

test('when another process holds the database too long, all who wait are told at once', async () => {
  const { storage, handle } = await openStorage();
  handle.exec('BEGIN EXCLUSIVE');
  vi.useFakeTimers({ toFake: ['Date', 'setTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  const waiting = ['a', 'b', 'c'].map((text) => storage.create(chunksOf(text)));
  const results = Promise.allSettled(waiting);
  // Until the first attempt has failed; the next one sees that the time is over.
  while (vi.getTimerCount() === 0) await new Promise((resolve) => setImmediate(resolve));
  vi.setSystemTime(Date.now() + 61_000);
  vi.advanceTimersToNextTimer();
  for (const result of await results) {
    expect(result).toMatchObject({
      reason: { kind: 'unreachable', message: expect.stringContaining('has held it for 60 s') },
    });
  }
  handle.exec('COMMIT');
  expect(await listed(storage)).toEqual([]);
  await storage.create(chunksOf('now it works'), { id });
  expect(await contentOf(storage, id)).toBe('now it works');
});

test('large and small blobs are written at the same time as the application writes', async () => {
  const { storage, handle } = await openStorage();
  handle.exec('CREATE TABLE counter (n INTEGER); INSERT INTO counter VALUES (0)');
  const large = Buffer.alloc(9_000_000, 'large ');
  const writing = [large, Buffer.from('small'), large, Buffer.from('small too')].map((bytes) =>
    storage.create(chunksOf(bytes)),
  );
  let written = 0;
  const all = Promise.all(writing).then((created) => {
    written = created.length;
    return created;
  });
  while (written === 0) {
    handle.exec('BEGIN IMMEDIATE; UPDATE counter SET n = n + 1; COMMIT');
    await new Promise((resolve) => setImmediate(resolve));
  }
  const [first, second] = await all;
  expect((await storage.info(first?.id as string)).contentLength).toBe(9_000_000);
  expect(await contentOf(storage, second?.id as string)).toBe('small');
});

test('a blob that SQLite cannot hold is refused before it is read', async () => {
  const { storage } = await openStorage();
  let asked = false;
  async function* huge(): AsyncGenerator<Uint8Array> {
    asked = true;
    yield Buffer.alloc(1);
  }
  await expect(storage.create(huge(), { length: 1_000_000_001 })).rejects.toMatchObject({
    kind: 'failed',
    message: expect.stringContaining('1000000000 bytes'),
  });
  expect(asked).toBe(false);
  expect(await listed(storage)).toEqual([]);
});

test('a database that may only be read is read, and unreachable to writers', async (context) => {
  const { storage, file } = await openStorage();
  await storage.create(chunksOf('kept'), { id });
  await chmod(path.dirname(file), 0o555);
  await chmod(file, 0o444);
  if (process.geteuid?.() === 0) {
    if (process.seteuid === undefined) return context.skip('root cannot become another user here');
    process.seteuid(65_534);
    onTestFinished(() => void process.seteuid?.(0));
  }
  const backend = openSql(await openSqlite(file), zoneClock('UTC'));
  const reader = new Storage('dbfiles', 'sql', backend);
  expect(await contentOf(reader, id)).toBe('kept');
  expect(await listed(reader)).toEqual([id]);
  const denied = { kind: 'unreachable', message: expect.stringMatching(/: permission denied$/) };
  await expect(reader.create(chunksOf('x'))).rejects.toMatchObject(denied);
  await expect(reader.replace(id, chunksOf('x'))).rejects.toMatchObject(denied);
  await expect(reader.delete(id)).rejects.toMatchObject(denied);
  expect(await contentOf(reader, id)).toBe('kept');
  await backend.close();
});

test('who asks again and again lets other things happen in between', async () => {
  const { storage } = await openStorage();
  let happened = false;
  setImmediate(() => {
    happened = true;
  });
  for (let asked = 0; !happened && asked < 1_000_000; asked += 1) await storage.find(id);
  expect(happened).toBe(true);
});
