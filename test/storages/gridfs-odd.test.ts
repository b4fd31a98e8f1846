import { createHash } from 'node:crypto';
import { type Collection, Double, Int32, Long, ObjectId } from 'mongodb';
import { expect, onTestFinished, test } from 'vitest';
import { Storage } from '../../src/storage.js';
import { chunksOf, collected, listed, pattern } from '../conformance/harness.js';
import { describeWithServer } from '../servers/servers.js';
import { newDatabaseAt, openTestGridfs, rawDatabase } from './gridfs-database.js';

interface Opened {
  readonly storage: Storage;
  readonly files: Collection;
  readonly chunks: Collection;
}

function opened(url: string, collection = 'filedepot'): Opened {
  const uri = newDatabaseAt(url);
  const database = rawDatabase(uri);
  const backend = openTestGridfs(uri, { collection });
  onTestFinished(() => backend.close());
  return {
    storage: new Storage('mongo', 'gridfs', backend),
    files: database.collection(`${collection}.files`),
    chunks: database.collection(`${collection}.chunks`),
  };
}

/** A file as some other driver has written it. */
async function insert(
  { files, chunks }: Opened,
  bytes: Buffer,
  fields: Record<string, unknown> = {},
  chunkSize = 1000,
): Promise<string> {
  const id = new ObjectId();
  for (let n = 0; n * chunkSize < bytes.byteLength; n += 1) {
    const data = bytes.subarray(n * chunkSize, (n + 1) * chunkSize);
    await chunks.insertOne({ files_id: id, n, data });
  }
  const length = new Int32(bytes.byteLength);
  await files.insertOne({ _id: id, length, chunkSize, uploadDate: new Date(), ...fields });
  return id.toHexString();
}

function md5(bytes: Buffer): string {
  return createHash('md5').update(bytes).digest('hex');
}

describeWithServer('mongodb', 'A GridFS that others write to', (url) => {
  const bytes = pattern(4321);

  test('has files without name, type and time', async () => {
    const open = opened(url);
    const id = await insert(open, bytes);
    expect(await open.storage.info(id)).toMatchObject({
      ...{ id, filename: 'unnamed', contentType: 'application/octet-stream' },
      ...{ contentLength: 4321, lastModified: null },
    });
    expect((await collected((await open.storage.read(id)).chunks)).equals(bytes)).toBe(true);
  });

  test('has files with keys of their own, and values of any type', async () => {
    const open = opened(url);
    const odd = { filename: 5, contentType: null, last_modified: new Date(), metadata: { a: [1] } };
    const id = await insert(open, bytes, { ...odd, aliases: ['x'] });
    expect(await open.storage.info(id)).toMatchObject({ filename: 'unnamed', lastModified: null });
    await open.storage.replace(id, chunksOf('new'), { filename: 'new.txt' });
    expect(Object.keys((await open.files.findOne()) ?? {})).toEqual([
      ...['_id', 'filename', 'last_modified', 'contentType', 'chunkSize', 'length', 'uploadDate'],
    ]);
  });

  test.each([
    ['Int32', new Int32(4321)],
    ['Int64', Long.fromNumber(4321)],
    ['Double', new Double(4321)],
  ])('has lengths as %s', async (_type, length) => {
    const open = opened(url);
    const id = await insert(open, bytes, { length });
    expect((await open.storage.hash(id)).info.contentLength).toBe(4321);
  });

  test('has chunks of any size, of which a range reads its own', async () => {
    const open = opened(url);
    const id = await insert(open, bytes);
    await open.chunks.deleteMany({ n: { $in: [0, 3, 4] } });
    const { chunks } = await open.storage.read(id, { range: { start: 1001, end: 2999 } });
    expect((await collected(chunks)).equals(bytes.subarray(1001, 3000))).toBe(true);
    await expect(open.storage.hash(id)).rejects.toMatchObject({ kind: 'damaged' });
  });

  test('has MD5 checksums, which are compared', async () => {
    const open = opened(url);
    const good = await insert(open, bytes, { md5: md5(bytes).toUpperCase() });
    expect((await open.storage.hash(good)).info.contentLength).toBe(4321);
    const bad = await insert(open, bytes, { md5: md5(Buffer.from('other')) });
    await expect(open.storage.hash(bad)).rejects.toMatchObject({
      kind: 'damaged',
      message: expect.stringMatching(`${bad}.*md5`),
    });
  });

  test.each([
    ['no length', { length: null }, /length/],
    ['a length that is none', { length: 'x' }, /length/],
    ['a negative length', { length: -1 }, /length/],
    ['no chunkSize', { chunkSize: null }, /chunkSize/],
    ['a length that is too short', { length: 4000 }, /more chunks/],
    ['a length that is too long', { length: 5001 }, /chunk 4 has 321 bytes where 1000 belong/],
    ['another chunkSize', { chunkSize: 999 }, /chunk 0 has 1000 bytes where 999 belong/],
  ])('has damaged files: with %s', async (_what, fields, message) => {
    const open = opened(url);
    const id = await insert(open, bytes, fields);
    const damaged = { kind: 'damaged', message: expect.stringMatching(message) };
    await expect(open.storage.hash(id)).rejects.toMatchObject(damaged);
    expect(await listed(open.storage)).toEqual([id]);
    await open.storage.delete(id);
    expect(await open.chunks.countDocuments()).toBe(0);
  });

  test('has an empty chunk behind the last one, as old drivers write', async () => {
    const open = opened(url);
    const id = await insert(open, bytes);
    await open.chunks.insertOne({ files_id: new ObjectId(id), n: 5, data: Buffer.alloc(0) });
    expect((await open.storage.hash(id)).info.contentLength).toBe(4321);
  });

  test('has identifiers that are no ObjectIds, which are not listed', async () => {
    const open = opened(url, 'other');
    await open.files.insertMany([{ _id: 'name' as never }, { _id: 5 as never }]);
    const id = await insert(open, bytes);
    expect(await listed(open.storage)).toEqual([id]);
  });

  test('has identifiers in any case, which are one', async () => {
    const open = opened(url);
    const { id } = await open.storage.create(chunksOf('one'), { id: 'ABCDEF0123456789abcdef01' });
    await expect(
      open.storage.create(chunksOf('two'), { id: id.toLowerCase() }),
    ).rejects.toMatchObject({ kind: 'refused' });
    expect(await listed(open.storage)).toEqual([id.toLowerCase()]);
    expect((await open.storage.info(id)).contentLength).toBe(3);
  });

  test('keeps the place of a file for one from elsewhere', async () => {
    const { storage } = opened(url);
    // Written down, since it must never change.
    expect(storage.idFor('3b241101-e2bb-11e5-8b8e-0242ac110002')).toBe('819e6b314105477765c8a7ca');
  });
});
