import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type Db, ObjectId } from 'mongodb';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { Leftover } from '../../src/backend.js';
import { Storage } from '../../src/storage.js';
import { depot, newSite, objects } from '../cli/depot.js';
import { chunksOf, contentOf, listed, pattern } from '../conformance/harness.js';
import { describeWithServer } from '../servers/servers.js';
import { newDatabaseAt, openTestGridfs, rawDatabase } from './gridfs-database.js';

const hour = 60 * 60 * 1000;

interface Opened {
  readonly uri: string;
  readonly storage: Storage;
  readonly database: Db;
  leftovers(): Promise<Leftover[]>;
}

async function opened(url: string): Promise<Opened> {
  const uri = newDatabaseAt(url);
  const database = rawDatabase(uri);
  const backend = openTestGridfs(uri);
  onTestFinished(() => backend.close());
  await backend.provision();
  return {
    uri,
    database,
    storage: new Storage('mongo', 'gridfs', backend),
    async leftovers() {
      const found: Leftover[] = [];
      const { signal } = new AbortController();
      for await (const one of backend.leftovers?.(signal) ?? []) found.push(one);
      return found;
    },
  };
}

const newId = (): ObjectId => new ObjectId(Buffer.from(crypto.getRandomValues(new Uint8Array(12))));

/** An ObjectId that was made so many hours ago. */
function madeBefore(hours: number): ObjectId {
  const bytes = Buffer.from(newId().id);
  bytes.writeUInt32BE(Math.floor((Date.now() - hours * hour) / 1000));
  // Not by chance an upload's.
  bytes[11] = 1;
  return new ObjectId(bytes);
}

/** Stores chunks as Python does, without a file. */
async function leave(
  { database }: Opened,
  owner: ObjectId,
  hours: number,
  count = 2,
): Promise<ObjectId[]> {
  const all = Array.from({ length: count }, (_, n) => {
    return { _id: madeBefore(hours), files_id: owner, n, data: Buffer.from('half') };
  });
  await database.collection('filedepot.chunks').insertMany(all as never[]);
  return all.map(({ _id }) => _id);
}

/** The owners of the chunks that are there, each once. */
async function owners({ database }: Opened): Promise<Set<string>> {
  const all = await database.collection('filedepot.chunks').find().toArray();
  return new Set(all.map(({ files_id: owner }) => String(owner)));
}

describeWithServer('mongodb', 'Chunks of a GridFS without a file', (url) => {
  test('are leftovers as old as the last of them, and removed alone', async () => {
    const open = await opened(url);
    const { id: whole } = await open.storage.create(chunksOf('content'));
    const [old, young, named] = [newId(), newId(), 'by name'];
    await leave(open, old, 50, 3);
    await leave(open, young, 0);
    await leave(open, named as never, 50);
    const [leftover, ...more] = await open.leftovers();
    expect(more).toEqual([]);
    expect(leftover).toMatchObject({
      id: old.toHexString(),
      description: expect.stringContaining(`3 chunks of ${old} without a file in the GridFS`),
    });
    const age = Date.now() - (leftover as Leftover).since.getTime();
    expect(age).toBeGreaterThan(49 * hour);
    expect(age).toBeLessThan(51 * hour);
    await leftover?.remove();
    expect(await owners(open)).toEqual(new Set([whole, young.toHexString(), named]));
    expect(await contentOf(open.storage, whole)).toBe('content');
  });

  test('are found behind any number of chunks', async () => {
    const open = await opened(url);
    const first = await leave(open, new ObjectId('0'.repeat(24)), 2, 1010);
    expect(first).toHaveLength(1010);
    await open.database
      .collection('filedepot.files')
      .insertOne({ _id: new ObjectId('0'.repeat(24)), length: 4040, chunkSize: 4 });
    const last = new ObjectId('f'.repeat(20).padEnd(24, '0'));
    await leave(open, last, 50);
    const [leftover, ...more] = await open.leftovers();
    expect(more).toEqual([]);
    expect(leftover?.id).toBe(last.toHexString());
    await leftover?.remove();
    expect(await owners(open)).toEqual(new Set(['0'.repeat(24)]));
  });

  test('are left alone where somebody begins to store a file over them, or has stored it', async () => {
    const open = await opened(url);
    const [begun, done] = [newId(), newId()];
    await leave(open, begun, 50);
    await leave(open, done, 50);
    const found = await open.leftovers();
    expect(found).toHaveLength(2);
    const now = { _id: madeBefore(0), files_id: begun, n: 5, data: Buffer.from('new') };
    await open.database.collection('filedepot.chunks').insertOne(now as never);
    await open.database
      .collection('filedepot.files')
      .insertOne({ _id: done, length: 8, chunkSize: 4, uploadDate: new Date() });
    for (const { remove } of found) await remove();
    const left = open.database.collection('filedepot.chunks');
    expect(await left.find({ files_id: begun }).project({ n: 1, _id: 0 }).toArray()).toEqual([
      { n: 5 },
    ]);
    expect(await contentOf(open.storage, done.toHexString())).toBe('halfhalf');
    // As long as somebody writes there, all of it is young.
    await leave(open, begun, 50);
    expect(await open.leftovers()).toEqual([]);
  });

  test('are not those of a content that was decided, which a killed replace left', async () => {
    const open = await opened(url);
    const { id } = await open.storage.create(chunksOf('old'));
    const upload = Buffer.from(madeBefore(50).id).fill(0xff, 9);
    const [staging, chunk] = [new ObjectId(upload), new ObjectId(Buffer.from(upload).fill(0, 9))];
    const chunks = open.database.collection('filedepot.chunks');
    await chunks.insertOne({ _id: chunk, files_id: staging, n: 0, data: Buffer.from('new!') });
    const files = open.database.collection('filedepot.files');
    const [document] = await files.find().toArray();
    const decided = { chunks: staging, file: { ...document, length: 4 } };
    await files.updateOne({ _id: new ObjectId(id) }, { $set: { depot_replacement: decided } });
    expect(await open.leftovers()).toEqual([]);
    expect(await open.storage.inspect(id)).toMatchObject({ contentLength: 4 });
    await files.updateOne({ _id: new ObjectId(id) }, { $unset: { depot_replacement: '' } });
    const claim = { _id: newId(), files_id: staging, n: -1 };
    await chunks.insertOne(claim as never);
    const [leftover, ...more] = await open.leftovers();
    expect(more).toEqual([]);
    // No reference can name it.
    expect(leftover?.id).toBeNull();
    await leftover?.remove();
    expect(await owners(open)).toEqual(new Set([id]));
  });

  test('fail an upload that took so long that they were removed', async () => {
    const open = await opened(url);
    vi.useFakeTimers({ toFake: ['Date'] });
    onTestFinished(() => void vi.useRealTimers());
    async function* slow(): AsyncGenerator<Uint8Array> {
      yield pattern(5_000_000);
      vi.setSystemTime(Date.now() + 2 * hour);
      for (const { remove } of await open.leftovers()) await remove();
      yield pattern(1000);
    }
    await expect(open.storage.create(slow())).rejects.toMatchObject({
      message: 'cannot store a blob: its chunks were removed meanwhile',
    });
    expect(await listed(open.storage)).toEqual([]);
    expect(await owners(open)).toEqual(new Set());
    const { id } = await open.storage.create(chunksOf('old'));
    await expect(open.storage.replace(id, slow())).rejects.toMatchObject({ kind: 'failed' });
    expect(await contentOf(open.storage, id)).toBe('old');
  });

  describe('by command', () => {
    /** A site with a GridFS beside its storages. */
    function siteWith({ uri }: Opened): string {
      const here = newSite();
      const lines = ['name = mongo', 'backend = gridfs', `mongouri = ${uri}`];
      const settings = lines.map((line) => `kotti.depot.7.${line}\n`);
      const file = path.join(here, 'production.ini');
      const text = readFileSync(file, 'utf8').replace(/^kotti\.depot/m, `${settings.join('')}$&`);
      writeFileSync(file, text);
      return here;
    }

    test('are named by check and removed by gc, once nothing names them', async () => {
      const open = await opened(url);
      const here = siteWith(open);
      const [loose, mentioned] = [newId(), newId()];
      await leave(open, loose, 50);
      await leave(open, mentioned, 50);
      const { default: Sqlite } = await import('better-sqlite3');
      const site = new Sqlite(path.join(here, 'Kotti.db'));
      site.prepare('UPDATE documents SET body = ?').run(`/depot/mongo/${mentioned}`);
      site.close();
      const config = ['-c', 'production.ini'];
      const { code, out } = await depot(here, [...config, '--json', 'check', 'mongo']);
      expect(code).toBe(6);
      const paths = objects(out).flatMap((one) => (one.kind === 'leftover' ? [one.path] : []));
      expect(paths.sort()).toEqual([`mongo/${loose}`, `mongo/${mentioned}`].sort());
      const gc = [...config, 'gc', 'mongo', '--older-than', '1d', '--yes'];
      const collected = await depot(here, gc);
      expect(collected).toMatchObject({ code: 0 });
      expect(collected.out).toContain(`2 chunks of ${loose} without a file`);
      expect(await owners(open)).toEqual(new Set([mentioned.toHexString()]));
    });

    test('that are missing or too many are a damaged file, without --deep', async () => {
      const open = await opened(url);
      const here = siteWith(open);
      const sizes = { good: 600_000, cut: 600_000, holed: 600_000, long: 10, padded: 10, empty: 0 };
      const ids: Record<string, string> = {};
      for (const [name, size] of Object.entries(sizes)) {
        ids[name] = (await open.storage.create(chunksOf(pattern(size)))).id;
      }
      const chunks = open.database.collection('filedepot.chunks');
      const of = (name: string): { files_id: ObjectId } => ({ files_id: new ObjectId(ids[name]) });
      await chunks.deleteOne({ ...of('cut'), n: 2 });
      await chunks.deleteOne({ ...of('holed'), n: 1 });
      await chunks.insertOne({ ...of('long'), n: 1, data: Buffer.from('more') });
      await chunks.insertOne({ ...of('padded'), n: 1, data: Buffer.alloc(0) });
      const { out } = await depot(here, ['-c', 'production.ini', '--json', 'check', 'mongo']);
      const damaged = objects(out).filter(({ kind }) => kind === 'damaged-blob');
      const messages = damaged.map(({ path, message }): [unknown, unknown] => [path, message]);
      expect(Object.fromEntries(messages)).toEqual({
        [`mongo/${ids.cut}`]: expect.stringMatching(/: chunk 2 is missing$/),
        [`mongo/${ids.holed}`]: expect.stringMatching(/: chunk 1 is missing$/),
        [`mongo/${ids.long}`]: expect.stringMatching(
          /: there are more chunks than its 10 bytes take$/,
        ),
      });
    });
  });
});
