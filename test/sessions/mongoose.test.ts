import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { BSON } from 'mongodb';
import mongoose, { type Connection, type Model } from 'mongoose';
import { expect, onTestFinished, test } from 'vitest';
import { UploadedFile } from '../../src/fields/uploaded-file.js';
import { configurationOf, Manager, type UnitOfWork } from '../../src/index.js';
import { FilePlugin, UploadedFileType } from '../../src/sessions/mongoose.js';
import { describeWithServer } from '../servers/servers.js';
import { pathsIn } from './files.js';

interface Item {
  name: string;
  file?: UploadedFile | null;
  pages: { no: number; file: UploadedFile }[];
  extra?: { scans: UploadedFile[] };
}

const bytes = Buffer.from('content');

const create = (unit: UnitOfWork | Manager): Promise<UploadedFile> =>
  UploadedFile.create(unit, bytes, { filename: 'ä.txt' });

/** A database of its own, and documents in it. */
async function open(url: string): Promise<{
  manager: Manager;
  files: FilePlugin;
  connection: Connection;
  Items: Model<Item>;
}> {
  const place = new URL(url);
  place.pathname = `depot_${randomBytes(8).toString('hex')}`;
  const gridfs = { backend: 'gridfs', mongouri: place.href };
  const manager = new Manager(
    configurationOf({ storages: { files: { backend: 'memory' }, gridfs } }),
  );
  onTestFinished(() => manager.close());
  const files = new FilePlugin(manager);
  const connection = await mongoose.createConnection(place.href).asPromise();
  onTestFinished(async () => {
    await connection.dropDatabase();
    await connection.close();
  });
  const type = UploadedFileType as never;
  const schema = new mongoose.Schema<Item>({
    name: { type: String, unique: true },
    file: { type },
    pages: [{ no: Number, file: { type } }],
    extra: { scans: [{ type }] },
  });
  const hook = (when: string) =>
    async function (this: { name?: string }): Promise<void> {
      if (this.name !== when) return;
      await connection.collection('other').insertOne({ _id: 1 as never });
      await connection.collection('other').insertOne({ _id: 1 as never });
    };
  schema.post('save', hook('fails behind'));
  schema.plugin(files.plugin as never);
  schema.pre('save', hook('fails before'));
  const Items = connection.model('Item', schema) as unknown as Model<Item>;
  await Items.init();
  return { manager, files, connection, Items };
}

describeWithServer('mongodb', 'Mongoose', (url) => {
  test('a saved document keeps its file, as the sub-document that Python writes', async () => {
    const { manager, files, Items } = await open(url);
    const file = await create(files.unit());
    const item = await Items.create({ name: 'one', file });
    expect(await pathsIn(manager)).toEqual([file.path]);
    const raw = await Items.collection.findOne({ _id: item._id });
    expect(JSON.stringify(raw?.file)).toBe(JSON.stringify(JSON.parse(file.encode())));
    const found = await Items.findOne({ name: 'one' }).orFail();
    expect(found.file).toBeInstanceOf(UploadedFile);
    expect(found.file).toMatchObject({ path: file.path, filename: 'ä.txt' });
    found.name = 'two';
    await found.save();
    expect(await Items.collection.findOne({ _id: item._id })).toEqual({ ...raw, name: 'two' });
    expect(await pathsIn(manager)).toEqual([file.path]);
  });

  test('a document that the database refuses takes its file with it', async () => {
    const { manager, files, Items } = await open(url);
    const kept = await create(files.unit());
    await Items.create({ name: 'one', file: kept });
    const file = await create(files.unit());
    await expect(Items.create({ name: 'one', file })).rejects.toThrow(/duplicate/);
    expect(await pathsIn(manager)).toEqual([kept.path]);
    await expect(Items.create({ name: 'two', file })).rejects.toMatchObject({ kind: 'not-found' });
  });

  test('a document that is not valid may be saved again', async () => {
    const { manager, files, Items } = await open(url);
    const file = await create(files.unit());
    const invalid = new Items({ name: 'one', file, pages: [{ no: 'x' as never, file }] });
    await expect(invalid.save()).rejects.toThrow(/validation/);
    expect(await pathsIn(manager)).toEqual([file.path]);
    await Items.create({ name: 'one', file });
    expect(await pathsIn(manager)).toEqual([file.path]);
  });

  test.each([
    { name: 'fails before', left: 0 },
    { name: 'fails behind', left: 1 },
  ])('a hook of the application that $name the write: what is named is kept', async (at) => {
    const { manager, files, Items } = await open(url);
    const file = await create(files.unit());
    await expect(Items.create({ name: at.name, file })).rejects.toThrow(/duplicate/);
    expect(await Items.countDocuments({ name: at.name })).toBe(at.left);
    expect(await pathsIn(manager)).toHaveLength(at.left);
  });

  test('replaced, removed and deleted files are gone, in whatever depth', async () => {
    const { manager, files, Items } = await open(url);
    const [file, page, other, scan] = await Promise.all(
      [1, 2, 3, 4].map(() => create(files.unit())),
    );
    if (!file || !page || !other || !scan) throw new Error('four were stored');
    const item = await Items.create({
      ...{ name: 'one', file, extra: { scans: [scan] } },
      pages: [1, 2].map((no) => ({ no, file: no === 1 ? page : other })),
    });
    expect(await pathsIn(manager)).toHaveLength(4);
    const next = await create(files.unit());
    item.file = next;
    item.pages.splice(0, 1);
    await item.save();
    expect(await pathsIn(manager)).toEqual([next.path, other.path, scan.path].sort());
    item.set('extra.scans', []);
    item.file = null;
    await item.save();
    expect(await pathsIn(manager)).toEqual([other.path]);
    await item.deleteOne();
    expect(await pathsIn(manager)).toEqual([]);
  });

  test('what somebody else has written meanwhile is not deleted', async () => {
    const { manager, files, Items } = await open(url);
    const page = await create(files.unit());
    await Items.create({ name: 'one', pages: [{ no: 1, file: page }] });
    const stale = await Items.findOne({ name: 'one' }).orFail();
    const added = await create(files.unit());
    await Items.updateOne({ name: 'one' }, { $push: { pages: { no: 2, file: added } } });
    const next = await create(files.unit());
    stale.set('pages.0.file', next);
    stale.name = 'two';
    await stale.save();
    expect(await pathsIn(manager)).toEqual([added.path, next.path].sort());
  });

  test('queries that change and delete take the old files along', async () => {
    const { manager, files, Items } = await open(url);
    for (const name of ['a', 'b', 'c', 'd', 'e']) {
      await Items.create({ name, file: await create(files.unit()) });
    }
    const next = await create(files.unit());
    await Items.updateOne({ name: 'a' }, { $set: { file: next } });
    expect(await pathsIn(manager)).toHaveLength(5);
    expect(await pathsIn(manager)).toContain(next.path);
    await Items.findOneAndUpdate({ name: 'a' }, { name: 'z' });
    expect(await pathsIn(manager)).toHaveLength(5);
    await Items.findOneAndUpdate({ name: 'z' }, { $unset: { file: 1 } });
    expect(await pathsIn(manager)).toHaveLength(4);
    await Items.deleteOne({ name: 'b' });
    expect(await pathsIn(manager)).toHaveLength(3);
    await Items.findOneAndDelete({ name: { $in: ['c', 'd'] } }, { sort: { name: -1 } });
    expect(await Items.countDocuments({ name: 'd' })).toBe(0);
    expect(await pathsIn(manager)).toHaveLength(2);
    await Items.deleteMany({ name: { $in: ['c', 'e'] } });
    expect(await pathsIn(manager)).toEqual([]);
  });

  test('a document that an update makes keeps its file', async () => {
    const { manager, files, Items } = await open(url);
    const file = await create(files.unit());
    await Items.updateOne({ name: 'new' }, { $set: { file } }, { upsert: true });
    expect(await pathsIn(manager)).toEqual([file.path]);
    const refused = await create(files.unit());
    await Items.create({ name: 'other' });
    const twice = Items.updateOne({ name: 'other' }, { $set: { name: 'new', file: refused } });
    await expect(twice).rejects.toThrow(/duplicate|unique/i);
    expect(await pathsIn(manager)).toEqual([file.path]);
  });

  test('documents that a hook deletes with another take their files along', async () => {
    const { manager, files, connection, Items } = await open(url);
    const parents = new mongoose.Schema({ name: String });
    parents.pre('deleteOne', { document: true, query: false }, async function () {
      for (const item of await Items.find({ name: new RegExp(`^${this.name}/`) }))
        await item.deleteOne();
    });
    const Parents = connection.model('Parent', parents);
    const parent = await Parents.create({ name: 'p' });
    await Items.create({ name: 'p/1', file: await create(files.unit()) });
    await Items.create({ name: 'p/2', file: await create(files.unit()) });
    const kept = await create(files.unit());
    await Items.create({ name: 'q/1', file: kept });
    await parent.deleteOne();
    expect(await pathsIn(manager)).toEqual([kept.path]);
  });

  test('a transaction that fails takes its files with it, and keeps the old ones', async () => {
    const { manager, files, connection, Items } = await open(url);
    const old = await create(files.unit());
    const item = await Items.create({ name: 'one', file: old });
    const failing = files.transaction(connection, async (session) => {
      item.file = await create(files.unit(session));
      expect(await pathsIn(manager)).toHaveLength(2);
      await item.save({ session });
      throw new Error('on purpose');
    });
    // A server without transactions refuses the save.
    await expect(failing).rejects.toThrow(/on purpose|autocommit|Transaction numbers/);
    expect(await pathsIn(manager)).toEqual([old.path]);
  });

  test('a transaction that is committed keeps its files, and deletes the old ones', async ({
    skip,
  }) => {
    const { manager, files, connection, Items } = await open(url);
    const hello = await connection.db?.admin().command({ hello: 1 });
    if (hello?.setName === undefined) skip('the server has no transactions');
    const item = await Items.create({ name: 'one', file: await create(files.unit()) });
    let next = '';
    await files.transaction(connection, async (session) => {
      item.file = await create(files.unit(session));
      next = item.file.path;
      await item.save({ session });
      expect(await pathsIn(manager)).toHaveLength(2);
    });
    expect(await pathsIn(manager)).toEqual([next]);
  });

  test('the attachments that Python wrote are read, kept as they are, and deleted', async () => {
    const { manager, Items } = await open(url);
    const fixture = new URL('../../fixtures/mongo-documents.json', import.meta.url);
    const { documents } = BSON.EJSON.parse(readFileSync(fixture, 'utf8')) as {
      documents: { name: string; attachment?: Record<string, unknown>; pages: never[] }[];
    };
    for (const { name, attachment, pages } of documents) {
      const references = [attachment, ...pages.map(({ file }) => file)].filter(Boolean);
      for (const reference of references as { file_id: string }[])
        await manager.store(bytes, { storage: 'gridfs', id: reference.file_id });
      const document = { name, ...(attachment && { file: attachment }), pages };
      await Items.collection.insertOne(document as never);
      const before = await Items.collection.findOne({ name });
      const item = await Items.findOne({ name }).orFail();
      expect(item.file?.path).toBe(attachment?.path);
      item.name = `${name}, renamed`;
      await item.save();
      expect(await Items.collection.findOne({ _id: item._id })).toMatchObject({
        ...before,
        name: item.name,
      });
    }
    expect((await pathsIn(manager, 'gridfs')).length).toBeGreaterThan(3);
    for (const item of await Items.find()) await item.deleteOne();
    expect(await pathsIn(manager, 'gridfs')).toEqual([]);
  });
});
