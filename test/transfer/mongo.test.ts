import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { type Db, type Document, ObjectId } from 'mongodb';
import { expect, test } from 'vitest';
import { derivedUuid } from '../../src/backends/identifiers.js';
import { findColumns } from '../../src/references/columns.js';
import { countBlobs } from '../../src/references/count.js';
import {
  bytesOf,
  insertGolden,
  type OpenedMongo,
  openMongoDatabase,
} from '../databases/mongo-harness.js';
import { describeWithServer } from '../servers/servers.js';
import { aroundChange, once } from './meanwhile.js';
import { migrate, undo } from './runs.js';
import {
  addBlob,
  addRow,
  identifiers,
  makeSite,
  readBlob,
  referenceText,
  rowText,
  type Site,
  withManager,
} from './site.js';

type MongoSite = Site & { readonly raw: Db; readonly uri: string };

/** A site whose references are in MongoDB, and in SQLite too with `sql`. */
function mongoSite(server: string, { sql = false }: { sql?: boolean } = {}): MongoSite {
  const { uri, raw }: OpenedMongo = openMongoDatabase(server);
  const site = makeSite();
  writeFileSync(
    site.ini,
    `[app:site]
${sql ? 'sqlalchemy.url = sqlite:///%(here)s/site.db' : ''}
depot.0.name = gridfs
depot.0.backend = depot.io.gridfs.GridFSStorage
depot.0.mongouri = ${uri}
depot.1.name = localfs
depot.1.backend = local
depot.1.storage_path = %(here)s/blobs
depot.2.name = archive
depot.2.backend = local
depot.2.storage_path = %(here)s/archive

[depot]
timezone = UTC
databases =
    ${uri}
${sql ? '    sqlite:///%(here)s/site.db' : ''}
`,
  );
  return { ...site, raw, uri };
}

/** Every document of the application, to the byte. */
async function allBytes(raw: Db): Promise<string[]> {
  const documents = await raw.collection('documents').find().toArray();
  return Promise.all(documents.map(({ _id }) => bytesOf(raw, 'documents', _id)));
}

function at(document: Document, field: string): Record<string, unknown> {
  const value = field
    .split('.')
    .reduce<unknown>((part, name) => (part as Document)[name], document);
  return value as Record<string, unknown>;
}

function referenceTo(storage: string, id: string): Document {
  return JSON.parse(referenceText(storage, id)) as Document;
}

describeWithServer('mongodb', 'a migration of documents', (server) => {
  test('moves what Ming wrote out of GridFS, and back to the byte', async () => {
    const site = mongoSite(server);
    const { expected } = await insertGolden(site.raw);
    const before = await allBytes(site.raw);
    const dry = await migrate(site, { from: 'gridfs', dryRun: true });
    expect(dry.counts.references).toMatchObject({ scanned: 11, migrated: 11 });
    expect(await allBytes(site.raw)).toEqual(before);

    const moved = await migrate(site, { from: 'gridfs' });
    expect({ error: moved.error, problems: moved.problems }).toEqual({ error: null, problems: [] });
    expect(moved.counts.references).toMatchObject({ scanned: 11, migrated: 11, failed: 0 });
    for (const { document: id, field, key_order: keys, filename, files } of expected) {
      const document = await site.raw.collection('documents').findOne({ _id: new ObjectId(id) });
      const reference = at(document as Document, field);
      expect(Object.keys(reference)).toEqual(keys);
      expect(reference).toMatchObject({ depot_name: 'localfs', filename });
      for (const [index, { role, file_id: old, sha256 }] of files.entries()) {
        const now = derivedUuid(old);
        expect(reference[role === 'file' ? 'file_id' : `${role}_id`]).toBe(now);
        expect((reference.files as string[])[index]).toBe(`localfs/${now}`);
        const hash = await withManager(site, async (manager) =>
          (await manager.storage('localfs')).hash(now),
        );
        expect(hash.sha256).toBe(sha256);
      }
      const thumb = Object.entries(reference).find(([key]) => /^thumb_.*_url$/.test(key));
      if (thumb) expect(thumb[1]).toBe(`/depot/localfs/${derivedUuid(files[1]?.file_id ?? '')}`);
    }
    const again = await migrate(site, { from: 'gridfs' });
    expect(again.counts).toMatchObject({ references: { migrated: 0 }, blobs: { copied: 0 } });

    const undone = await undo(site, moved.stateFile);
    expect(undone.counts.references).toMatchObject({ migrated: 11, failed: 0, changed: 0 });
    expect(await allBytes(site.raw)).toEqual(before);
  });

  test('moves references into GridFS and from there elsewhere', async () => {
    const site = mongoSite(server);
    const id = await addBlob(site, 'archive', 'content');
    await site.raw
      .collection('documents')
      .insertOne({ list: [{ file: referenceTo('archive', id) }] });
    expect(
      (await migrate(site, { from: 'archive', to: 'gridfs' })).counts.references.migrated,
    ).toBe(1);
    const [there] = (await site.raw.collection('documents').find().toArray()) as Document[];
    const { file_id: objectId } = at(there as Document, 'list.0.file');
    expect(objectId).toMatch(/^[0-9a-f]{24}$/);
    expect(await readBlob(site, 'gridfs', objectId as string)).toBe('content');
    expect(
      (await migrate(site, { from: 'gridfs', to: 'localfs' })).counts.references.migrated,
    ).toBe(1);
    const [now] = (await site.raw.collection('documents').find().toArray()) as Document[];
    expect(
      await readBlob(site, 'localfs', at(now as Document, 'list.0.file').file_id as string),
    ).toBe('content');
  });

  test('deletes from the source what was moved, and nothing that any document names', async () => {
    const site = mongoSite(server);
    const { expected } = await insertGolden(site.raw);
    const files = expected.flatMap((one) => one.files.map(({ file_id: id }) => id));
    const [linked = '', byId = '', keyed = '', inName = ''] = files;
    const notes = [
      { body: `see /depot/gridfs/${linked}` },
      { deep: [{ blob: new ObjectId(byId) }] },
      { sizes: { [keyed]: 1 } },
      { title: inName.toUpperCase() },
    ];
    for (const note of notes) await site.raw.collection('notes').insertOne(note);
    const { counts, problems } = await migrate(site, { from: 'gridfs', deleteSource: true });
    const named = [linked, byId, keyed, inName].sort();
    expect(problems.map(({ kind, path: blob }) => `${kind} ${blob}`).sort()).toEqual(
      named.map((id) => `still-mentioned gridfs/${id}`),
    );
    expect(problems.map((one) => `${one.reference}: ${one.message}`).join('\n')).toMatch(
      /^notes\.body _id=[0-9a-f]{24}: still mentions gridfs\/[0-9a-f]{24}, which is kept$/m,
    );
    expect(counts.blobs.deleted).toBe(new Set(files).size - named.length);
    expect(await identifiers(site, 'gridfs')).toEqual(named);
  });

  test('counts a blob that SQL and documents share everywhere', async () => {
    const site = mongoSite(server, { sql: true });
    const [shared, other] = [
      await addBlob(site, 'archive', 'shared'),
      await addBlob(site, 'archive', 'other'),
    ];
    const row = addRow(site, referenceText('archive', shared));
    await site.raw.collection('documents').insertOne({ f: referenceTo('archive', shared) });
    await site.raw.collection('documents').insertOne({ f: referenceTo('archive', other) });
    const options = { from: 'archive', to: 'localfs', deleteSource: true };
    const documents = await migrate(site, { ...options, references: ['documents.f'] });
    expect(documents.counts).toMatchObject({
      references: { migrated: 2 },
      blobs: { copied: 2, deleted: 1 },
    });
    expect(await identifiers(site, 'archive')).toEqual([shared]);
    expect(documents.problems).toMatchObject([
      { kind: 'still-mentioned', path: `archive/${shared}` },
    ]);

    const rest = await migrate(site, options);
    expect(rest.counts).toMatchObject({
      references: { migrated: 1 },
      blobs: { copied: 0, deleted: 1 },
    });
    expect(await identifiers(site, 'archive')).toEqual([]);
    expect(rowText(site, row)).toBe(referenceText('localfs', shared));
    expect(await readBlob(site, 'localfs', shared)).toBe('shared');

    await undo(site, rest.stateFile);
    expect(rowText(site, row)).toBe(referenceText('archive', shared));
    const found = await site.raw.collection('documents').find().toArray();
    expect(found.map(({ f }) => f.depot_name)).toEqual(['archive', 'archive']);
    expect(await identifiers(site, 'archive')).toEqual([shared, other].sort());
  });

  test('is limited by fields and number, and says that MongoDB knows no SQL', async () => {
    const site = mongoSite(server);
    await insertGolden(site.raw);
    const named = { from: 'gridfs', references: ['documents.pages.file'] };
    expect((await migrate(site, { ...named, limit: 2 })).counts.references.migrated).toBe(2);
    expect((await migrate(site, named)).counts.references).toMatchObject({
      scanned: 3,
      migrated: 1,
    });
    const excluding = { from: 'gridfs', exclude: ['documents.picture', 'documents.portrait'] };
    expect((await migrate(site, excluding)).counts.references.migrated).toBe(4);
    await expect(migrate(site, { from: 'gridfs', where: '1 = 1' })).rejects.toMatchObject({
      kind: 'usage',
      message: expect.stringMatching(/^--where cannot be asked of documents: .* knows no SQL$/),
    });
    await expect(
      migrate(site, { from: 'gridfs', references: ['documents.pages.0.file'] }),
    ).rejects.toMatchObject({ kind: 'not-found' });
  });

  test('goes on where the application changes, reorders and deletes what it moves', async () => {
    const site = mongoSite(server);
    const ids = await Promise.all(
      [1, 2, 3, 4, 5].map((number) => addBlob(site, 'archive', `${number}`)),
    );
    const [one = '', two = '', three = '', four = '', five = ''] = ids;
    const list = (...some: string[]) => some.map((id) => ({ file: referenceTo('archive', id) }));
    const d = site.raw.collection<{ _id: number; pages: unknown; v?: number }>('documents');
    await d.insertOne({ _id: 1, pages: list(one, two, three) });
    await d.insertOne({ _id: 2, pages: list(four) });
    await d.insertOne({ _id: 3, pages: list(five) });
    const application = aroundChange({
      before: once(async () => {
        await d.updateOne({ _id: 1 }, { $set: { pages: list(three, one), v: 7 } });
        await d.updateOne({ _id: 2 }, { $set: { 'pages.0.file.note': 'kept' } });
        await d.deleteOne({ _id: 3 });
      }),
    });
    const outcome = await migrate(site, { from: 'archive', to: 'localfs', ...application });
    expect({ error: outcome.error, problems: outcome.problems }).toEqual({
      error: null,
      problems: [],
    });
    expect(outcome.counts.references).toMatchObject({ migrated: 3, failed: 0 });
    const moved = (id: string, extra = {}) => ({
      file: { ...referenceTo('localfs', id), ...extra },
    });
    expect(await d.find().sort({ _id: 1 }).toArray()).toEqual([
      { _id: 1, pages: [moved(three), moved(one)], v: 7 },
      { _id: 2, pages: [moved(four, { note: 'kept' })] },
    ]);
  });

  test('counts references by field and storage', async () => {
    const site = mongoSite(server);
    await insertGolden(site.raw);
    await withManager(site, async (manager) => {
      const columns = await findColumns(await manager.referenceDatabases());
      const counts = await Promise.all(
        columns.map(async (column) => {
          const found = await countBlobs(column, new AbortController().signal);
          return [column.column.name, Object.fromEntries(found)];
        }),
      );
      expect(Object.fromEntries(counts)).toEqual({
        attachment: { gridfs: { references: 2, blobs: 2 } },
        picture: { gridfs: { references: 2, blobs: 4 } },
        portrait: { gridfs: { references: 2, blobs: 4 } },
        'pages.file': { gridfs: { references: 3, blobs: 3 } },
        'meta.cover.deep': { gridfs: { references: 2, blobs: 2 } },
      });
    });
  });

  test('works on a collection as a whole where its fields are too many', async () => {
    const site = mongoSite(server);
    const id = await addBlob(site, 'archive', 'content');
    const d = site.raw.collection('documents');
    for (let part = 0; part < 6; part += 1) {
      const keys = Array.from({ length: 10 }, () => [randomUUID(), referenceTo('archive', id)]);
      await d.insertOne({ files: Object.fromEntries(keys) });
    }
    const before = await allBytes(site.raw);
    const options = { from: 'archive', to: 'localfs' };
    const excluded = `documents.files.${Object.keys((await d.findOne({}))?.files)[0]}`;
    await expect(migrate(site, { ...options, exclude: [excluded] })).rejects.toMatchObject({
      kind: 'usage',
    });
    const moved = await migrate(site, options);
    expect(moved.counts).toMatchObject({ references: { migrated: 60 }, blobs: { copied: 1 } });
    await undo(site, moved.stateFile);
    expect(await allBytes(site.raw)).toEqual(before);
  });

  test('is refused while another one runs, and takes over what a dead one left', async () => {
    const site = mongoSite(server);
    const id = await addBlob(site, 'archive', 'content');
    await site.raw.collection('documents').insertOne({ f: referenceTo('archive', id) });
    const options = { from: 'archive', to: 'localfs' };
    const locks = site.raw.collection<{ _id: string; renewed: Date }>('depot_migrations');
    const lock = {
      _id: 'whole',
      shard: null,
      holder: 'depot 2026-01-02T03:04:05Z 77 web9',
      token: new ObjectId(),
    };
    await locks.insertOne({ ...lock, renewed: new Date() });
    await expect(migrate(site, options)).rejects.toMatchObject({
      kind: 'refused',
      message: expect.stringContaining(
        'process 77 on web9, started 2026-01-02T03:04:05Z, holds mongodb://',
      ),
    });
    await locks.updateOne({ _id: 'whole' }, { $set: { renewed: new Date(Date.now() - 61_000) } });
    expect((await migrate(site, options)).counts.references.migrated).toBe(1);
    expect(await locks.countDocuments()).toBe(0);
  });

  test('needs SQL for a table of blobs', async () => {
    const site = mongoSite(server);
    writeFileSync(
      site.ini,
      `[app:site]\nsqlalchemy.url = ${site.uri}\ndepot.0.name = dbfiles\ndepot.0.backend = sql\n`,
    );
    await withManager(site, async (manager) => {
      await expect(manager.storage('dbfiles')).rejects.toMatchObject({
        kind: 'config',
        message: expect.stringMatching(
          /^storage dbfiles needs sqlalchemy\.url, a URL of an SQL database, in /,
        ),
      });
    });
  });
});
