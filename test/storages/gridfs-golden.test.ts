import { readFileSync } from 'node:fs';
import path from 'node:path';
import { BSON, type Document, ObjectId } from 'mongodb';
import { expect, onTestFinished, test } from 'vitest';
import { Storage } from '../../src/storage.js';
import { chunksOf, listed, pattern } from '../conformance/harness.js';
import { describeWithServer } from '../servers/servers.js';
import { newDatabaseAt, openTestGridfs, rawDatabase } from './gridfs-database.js';

interface Golden {
  readonly expected: {
    id: string;
    filename: string;
    content_type: string;
    content_length: number;
    last_modified: string;
    sha256: string;
  }[];
  readonly 'filedepot.files': Document[];
  readonly 'filedepot.chunks': Document[];
}

const file = path.resolve(import.meta.dirname, '../../fixtures/gridfs.json');
/** With the types of the database, widths of integers included. */
const golden = BSON.EJSON.parse(readFileSync(file, 'utf8'), { relaxed: false }) as Golden;
const files = golden['filedepot.files'];
const chunks = golden['filedepot.chunks'];

const timeOf = (text: string): Date => new Date(`${text.replace(' ', 'T')}Z`);

/** A document as text that keeps the order of its keys and the types of its values. */
function canonical(document: Document, masked: readonly string[]): string {
  const entries = Object.entries(document).map(([key, value]) =>
    masked.includes(key) ? [key, Object.prototype.toString.call(value)] : [key, value],
  );
  return BSON.EJSON.stringify(Object.fromEntries(entries), { relaxed: false });
}

function opened(url: string) {
  const uri = newDatabaseAt(url);
  const database = rawDatabase(uri);
  const backend = openTestGridfs(uri);
  onTestFinished(() => backend.close());
  return { database, storage: new Storage('mongo', 'gridfs', backend) };
}

describeWithServer('mongodb', 'GridFS', (url) => {
  test('what Python wrote is read as Python reads it, and listed, same names too', async () => {
    const { database, storage } = opened(url);
    await database.collection('filedepot.files').insertMany(files);
    await database.collection('filedepot.chunks').insertMany(chunks);
    expect((await listed(storage)).sort()).toEqual(golden.expected.map(({ id }) => id).sort());
    for (const one of golden.expected) {
      const { info, sha256 } = await storage.hash(one.id);
      expect({ ...info, sha256 }).toMatchObject({
        filename: one.filename,
        contentType: one.content_type,
        contentLength: Number(one.content_length),
        lastModified: timeOf(one.last_modified),
        sha256: one.sha256,
      });
    }
  });

  test('what we write is what Python wrote, to the order of keys and the types of values', async () => {
    const { database, storage } = opened(url);
    for (const one of golden.expected) {
      const theirs = chunks
        .filter(({ files_id }) => files_id.toHexString() === one.id)
        .sort((first, second) => first.n - second.n);
      const bytes = theirs.map(({ data }) => data.buffer as Uint8Array);
      await storage.create(chunksOf(...bytes), {
        ...{ id: one.id, filename: one.filename, contentType: one.content_type },
        lastModified: timeOf(one.last_modified),
      });
      // As they are stored, not as the driver likes to give them.
      const raw = { promoteValues: false } as const;
      const all = await database.collection('filedepot.files').find({}, raw).toArray();
      const ours = all.find(({ _id }) => String(_id) === one.id);
      const document = files.find(({ _id }) => _id.toHexString() === one.id) as Document;
      expect(canonical(ours as Document, ['uploadDate'])).toBe(canonical(document, ['uploadDate']));
      const stored = await database.collection('filedepot.chunks').find({}, raw).toArray();
      const own = stored.filter(({ files_id }) => String(files_id) === one.id);
      own.sort((first, second) => Number(first.n) - Number(second.n));
      expect(own.map((chunk) => canonical(chunk, ['_id']))).toEqual(
        theirs.map((chunk) => canonical(chunk, ['_id'])),
      );
    }
  });

  test('a missing, short or misplaced chunk is an error, never a short read', async () => {
    const { database, storage } = opened(url);
    const bytes = pattern(600_000);
    const stored = database.collection('filedepot.chunks');
    const harms = [
      () => stored.deleteOne({ n: 1 }),
      () => stored.deleteOne({ n: 2 }),
      () => stored.updateOne({ n: 1 }, { $set: { data: Buffer.alloc(10) } }),
      () => stored.updateOne({ n: 2 }, { $set: { n: 3 } }),
    ];
    for (const harm of harms) {
      const { id } = await storage.create(chunksOf(bytes));
      await harm();
      await expect(storage.hash(id)).rejects.toMatchObject({
        kind: 'damaged',
        message: expect.stringContaining(id),
      });
      await storage.delete(id);
      await stored.deleteMany({});
    }
  });

  test('the chunks of an upload that was killed are neither listed nor in the way', async () => {
    const { database, storage } = opened(url);
    const id = storage.backend.newId();
    const left = { files_id: new ObjectId(id), n: 0, data: Buffer.from('left behind') };
    await database.collection('filedepot.chunks').insertOne(left);
    expect(await listed(storage)).toEqual([]);
    expect(await storage.find(id)).toBeNull();
    const bytes = pattern(300_000);
    await storage.create(chunksOf(bytes), { id });
    const { info } = await storage.hash(id);
    expect(info.contentLength).toBe(bytes.byteLength);
    expect(await database.collection('filedepot.chunks').countDocuments()).toBe(2);
  });
});
