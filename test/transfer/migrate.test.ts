import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { DepotError } from '../../src/errors.js';
import { resolveReferences, snapshot, storagesNamed } from './resolved.js';
import {
  addBlob,
  addRow,
  copySite,
  deleteBlob,
  identifiers,
  makeSite,
  migrate,
  query,
  readBlob,
  referenceText,
  replaceBlob,
  rowText,
  type Site,
} from './site.js';

const expected = JSON.parse(
  readFileSync(new URL('../../fixtures/kotti-site/expected.json', import.meta.url), 'utf8'),
) as { references: { depot_name?: string; status: string; files?: { status: string }[] }[] };

/** References of the golden site in a storage, and those of them that lack a blob. */
function expectedIn(storage: string): { all: number; missing: number } {
  const all = expected.references.filter(({ depot_name }) => depot_name === storage);
  const missing = all.filter(({ files }) => files?.some(({ status }) => status !== 'ok'));
  return { all: all.length, missing: missing.length };
}

const noBlobs = { copied: 0, reused: 0, missing: 0, failed: 0, deleted: 0 };

test.for([
  ['dbfiles', 'localfs'],
  ['localfs', 'dbfiles'],
] as const)('moves the references of a Kotti site from %s to %s', async ([from, to]) => {
  const site = copySite();
  const before = await resolveReferences(site);
  const { all, missing } = expectedIn(from);
  const first = await migrate(site, { from, to });
  expect(first.error).toBeNull();
  expect(first.counts.references).toMatchObject({ migrated: all - missing, missing, failed: 0 });
  expect(first.problems.map(({ kind }) => kind)).toEqual(Array(missing).fill('missing-blob'));
  expect(await resolveReferences(site)).toEqual(before);
  expect((await storagesNamed(site))[from] ?? 0).toBe(missing);

  const database = readFileSync(site.database);
  const again = await migrate(site, { from, to });
  expect(again.counts.references.migrated).toBe(0);
  expect(again.counts.blobs.copied).toBe(0);
  expect(again.counts.references.missing).toBe(missing);
  expect(readFileSync(site.database).equals(database)).toBe(true);
});

test('copies between two local storages, and keeps metadata', async () => {
  const site = makeSite();
  const id = await addBlob(site, 'localfs', 'one');
  addRow(site, referenceText('localfs', id));
  const metadata = (name: string): string =>
    readFileSync(path.join(site.directory, name, id, 'metadata.json'), 'utf8');
  const { counts } = await migrate(site, { from: 'localfs', to: 'archive' });
  expect(counts.references.migrated).toBe(1);
  expect(await readBlob(site, 'archive', id)).toBe('one');
  expect(metadata('archive')).toBe(metadata('blobs'));
  expect(await readBlob(site, 'localfs', id)).toBe('one');
});

test('a missing blob is reported, the other references go on, and a rerun tries it again', async () => {
  const site = makeSite();
  const whole = await addBlob(site, 'dbfiles', 'whole');
  const thumb = '6a39cf60-8a8b-4c31-8c7d-6ac8c2f6a001';
  const partial = await addBlob(site, 'dbfiles', 'partial');
  const halfRow = addRow(site, referenceText('dbfiles', partial, { files: [`dbfiles/${thumb}`] }));
  const row = addRow(site, referenceText('dbfiles', whole));
  const text = rowText(site, halfRow);
  const { counts, problems, error } = await migrate(site);
  expect(error).toBeNull();
  expect(counts.references).toEqual({ scanned: 2, migrated: 1, missing: 1, changed: 0, failed: 0 });
  expect(counts.blobs).toEqual({ ...noBlobs, copied: 1, missing: 1 });
  expect(problems).toEqual([
    {
      kind: 'missing-blob',
      reference: `files.data id=${halfRow}`,
      path: `dbfiles/${thumb}`,
      message: `dbfiles/${thumb} does not exist`,
    },
  ]);
  expect(rowText(site, halfRow)).toBe(text);
  expect(rowText(site, row)).toBe(referenceText('localfs', whole));
  expect(await identifiers(site, 'localfs')).toEqual([whole]);

  await addBlob(site, 'dbfiles', 'thumb', thumb);
  const again = await migrate(site);
  expect(again.counts.references.migrated).toBe(1);
  expect(again.problems).toEqual([]);
  expect(rowText(site, halfRow)).toBe(
    referenceText('localfs', partial, { files: [`localfs/${thumb}`] }),
  );
});

test('a blob that references on several pages share is copied once', async () => {
  const site = makeSite();
  const id = await addBlob(site, 'dbfiles', 'shared');
  const text = referenceText('dbfiles', id);
  query(
    site,
    `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 450)
     INSERT INTO files (data) SELECT ? FROM n`,
    text,
  );
  const { counts } = await migrate(site);
  expect(counts.references.migrated).toBe(450);
  expect(counts.blobs.copied).toBe(1);
  expect(counts.bytes).toBe(6);
  expect(await storagesNamed(site)).toEqual({ localfs: 450 });
});

test('references to other storages, and blobs without references, stay as they are', async () => {
  const site = makeSite();
  const archived = await addBlob(site, 'archive', 'archived');
  const unreferenced = await addBlob(site, 'dbfiles', 'unreferenced');
  const moved = await addBlob(site, 'dbfiles', 'moved');
  const other = referenceText('archive', archived, { note: 'dbfiles/none' });
  const unknown = referenceText('gone', '11111111-2222-3333-4444-555555555555');
  const rows = [other, unknown].map((text) => addRow(site, text));
  const mixed = addRow(site, referenceText('dbfiles', moved, { files: [`archive/${archived}`] }));
  const { counts } = await migrate(site);
  expect(counts.references).toMatchObject({ scanned: 3, migrated: 1 });
  expect(rows.map((row) => rowText(site, row))).toEqual([other, unknown]);
  expect(rowText(site, mixed)).toBe(
    referenceText('localfs', moved, { files: [`archive/${archived}`] }),
  );
  expect(await identifiers(site, 'localfs')).toEqual([moved]);
  expect(await identifiers(site, 'dbfiles')).toEqual([moved, unreferenced].sort());
});

test('nested references move in one row, each on its own', async () => {
  const site = makeSite();
  const [outer, inner, listed] = await Promise.all(
    ['outer', 'inner', 'listed'].map((content) => addBlob(site, 'dbfiles', content)),
  );
  const nested = (storage: string): string =>
    referenceText(storage, outer as string, {
      cover: { deep: JSON.parse(referenceText(storage, inner as string)) },
      gallery: [[JSON.parse(referenceText(storage, listed as string))]],
    });
  const row = addRow(site, nested('dbfiles'));
  const { counts } = await migrate(site);
  expect(rowText(site, row)).toBe(nested('localfs'));
  expect(counts.references).toMatchObject({ scanned: 3, migrated: 3 });
  expect(counts.blobs.copied).toBe(3);
});

test('a nested reference that lacks a blob stays whole while the outer one moves', async () => {
  const site = makeSite();
  const id = await addBlob(site, 'dbfiles', 'shared by both');
  const gone = '6a39cf60-8a8b-4c31-8c7d-6ac8c2f6a001';
  const inner = JSON.parse(referenceText('dbfiles', id, { files: [`dbfiles/${gone}`] }));
  const row = addRow(site, referenceText('dbfiles', id, { inner }));
  const { counts } = await migrate(site, { deleteSource: true });
  expect(rowText(site, row)).toBe(referenceText('localfs', id, { inner }));
  expect(counts.references).toMatchObject({ migrated: 1, missing: 1 });
  expect(counts.blobs.deleted).toBe(0);
});

test('composite and text keys name their rows, without a key the rowid', async () => {
  const site = makeSite();
  query(
    site,
    `CREATE TABLE keyed (lang VARCHAR(12), "group" INTEGER, data TEXT, PRIMARY KEY (lang, "group"));
     CREATE TABLE bare (data TEXT);
     CREATE TABLE packed (code TEXT COLLATE NOCASE PRIMARY KEY, data TEXT) WITHOUT ROWID;`,
  );
  const gone = referenceText('dbfiles', '6a39cf60-8a8b-4c31-8c7d-6ac8c2f6a001');
  const id = await addBlob(site, 'dbfiles', 'here');
  const here = referenceText('dbfiles', id);
  query(site, `INSERT INTO keyed VALUES ('de-AT', 9007199254740993, ?), ('en', 1, ?)`, gone, here);
  query(site, 'INSERT INTO bare VALUES (?), (?)', gone, here);
  query(site, `INSERT INTO packed VALUES ('a', ?), ('B', ?), ('c', ?)`, here, gone, here);
  const { counts, problems } = await migrate(site);
  expect(counts.references).toMatchObject({ migrated: 4, missing: 3 });
  expect(problems.map(({ reference }) => reference).sort()).toEqual([
    'bare.data rowid=1',
    'keyed.data lang=de-AT group=9007199254740993',
    'packed.data code=B',
  ]);
});

test('a text that the column cannot take is refused before anything is copied', async () => {
  const site = makeSite(
    'depot.3.name = a-much-longer-name\ndepot.3.backend = local\ndepot.3.storage_path = %(here)s/long\n',
  );
  mkdirSync(path.join(site.directory, 'long'));
  const id = await addBlob(site, 'dbfiles', 'content');
  const text = referenceText('dbfiles', id);
  query(site, `CREATE TABLE tight (id INTEGER PRIMARY KEY, data VARCHAR(${text.length}))`);
  addRow(site, text, 'tight');
  const { counts, problems } = await migrate(site, { to: 'a-much-longer-name' });
  expect(counts.references).toMatchObject({ migrated: 0, failed: 1 });
  expect(counts.blobs).toEqual(noBlobs);
  expect(problems).toMatchObject([{ kind: 'reference-too-long', reference: 'tight.data id=1' }]);
  expect(await identifiers(site, 'a-much-longer-name')).toEqual([]);
  expect(query(site, 'SELECT data FROM tight')).toEqual([{ data: text }]);
});

test('a text that is longer than its column already, and gets no longer, is taken', async () => {
  const site = makeSite();
  query(site, 'CREATE TABLE tight (id INTEGER PRIMARY KEY, data VARCHAR(10))');
  addRow(site, referenceText('dbfiles', await addBlob(site, 'dbfiles', 'content')), 'tight');
  expect((await migrate(site)).counts.references).toMatchObject({ migrated: 1, failed: 0 });
});

test('another content under the identifier in the target is left alone', async () => {
  const site = makeSite();
  const id = await addBlob(site, 'dbfiles', 'ours');
  await addBlob(site, 'localfs', 'somebody else', id);
  const row = addRow(site, referenceText('dbfiles', id));
  for (let run = 0; run < 2; run += 1) {
    const { counts, problems } = await migrate(site);
    expect(counts.references).toMatchObject({ migrated: 0, failed: 1 });
    expect(problems).toMatchObject([{ kind: 'target-differs', path: `dbfiles/${id}` }]);
  }
  expect(await readBlob(site, 'localfs', id)).toBe('somebody else');
  expect(rowText(site, row)).toBe(referenceText('dbfiles', id));
});

test('equal content in the target is used as it is', async () => {
  const site = makeSite();
  const id = await addBlob(site, 'dbfiles', 'same');
  await addBlob(site, 'localfs', 'same', id);
  addRow(site, referenceText('dbfiles', id));
  const { counts } = await migrate(site);
  expect(counts.blobs).toEqual({ ...noBlobs, reused: 1 });
  expect(counts.bytes).toBe(0);
  expect(counts.references.migrated).toBe(1);
});

test('identifiers that the target cannot have are derived, always the same', async () => {
  const site = makeSite();
  const id = await addBlob(site, 'dbfiles', 'odd', 'Plan (1904).pdf');
  const row = addRow(
    site,
    referenceText('dbfiles', id, { thumb_id: id, note: `see dbfiles/${id}` }),
  );
  await migrate(site);
  const [derived] = await identifiers(site, 'localfs');
  expect(derived).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-5/);
  expect(rowText(site, row)).toBe(
    referenceText('localfs', derived as string, { thumb_id: derived, note: `see dbfiles/${id}` }),
  );
  addRow(site, referenceText('dbfiles', id));
  const again = await migrate(site);
  expect(again.counts.blobs).toEqual({ ...noBlobs, reused: 1 });
  expect(await identifiers(site, 'localfs')).toEqual([derived]);
});

/** Rows `files` 1 to `count`, each with a blob of its own. */
async function addRows(site: Site, count: number): Promise<string[]> {
  const ids: string[] = [];
  for (let row = 1; row <= count; row += 1) {
    const id = await addBlob(site, 'dbfiles', `content ${row}`);
    addRow(site, referenceText('dbfiles', id));
    ids.push(id);
  }
  return ids;
}

test('--limit, --where and --references limit what is moved', async () => {
  const site = makeSite();
  await addRows(site, 6);
  query(site, 'CREATE TABLE drafts (id INTEGER PRIMARY KEY, data TEXT)');
  const draft = await addBlob(site, 'dbfiles', 'draft');
  addRow(site, referenceText('dbfiles', draft), 'drafts');
  const files = { references: ['files.data'] };
  expect((await migrate(site, { ...files, limit: 2 })).counts.references.migrated).toBe(2);
  expect((await migrate(site, { ...files, where: 'id > 5' })).counts.references.migrated).toBe(1);
  expect(await storagesNamed(site)).toEqual({ localfs: 3, dbfiles: 4 });
  expect(rowText(site, 6)).toContain('"localfs"');
  expect((await migrate(site, files)).counts.references.migrated).toBe(3);
  expect((await migrate(site, { limit: 7 })).counts.references).toMatchObject({
    scanned: 7,
    migrated: 1,
  });
});

test('--limit is not used up by references that cannot move', async () => {
  const site = makeSite();
  for (let row = 0; row < 3; row += 1) {
    addRow(site, referenceText('dbfiles', `6a39cf60-8a8b-4c31-8c7d-6ac8c2f6a00${row}`));
  }
  await addRows(site, 3);
  expect((await migrate(site, { limit: 2 })).counts.references.migrated).toBe(2);
  expect((await migrate(site, { limit: 2 })).counts.references.migrated).toBe(1);
});

test('--limit holds within a row that has several references', async () => {
  const site = makeSite();
  const ids = await Promise.all(
    ['a', 'b', 'c'].map((content) => addBlob(site, 'dbfiles', content)),
  );
  addRow(site, `[${ids.map((id) => referenceText('dbfiles', id)).join(', ')}]`);
  for (const left of [2, 1, 0]) {
    expect((await migrate(site, { limit: 1 })).counts.references.migrated).toBe(1);
    expect((await storagesNamed(site)).dbfiles ?? 0).toBe(left);
  }
});

test('a column that is named twice is walked once; an unknown one is refused', async () => {
  const site = makeSite();
  await addRows(site, 2);
  const { counts } = await migrate(site, { references: ['files.data', 'files.data'] });
  expect(counts.references).toMatchObject({ scanned: 2, migrated: 2 });
  await expect(migrate(site, { references: ['files.date'] })).rejects.toMatchObject({
    kind: 'not-found',
  });
});

test.for(['DELETE', 'WAL'])(
  'a dry run counts what a run would do and changes not one byte (%s)',
  async (journal) => {
    const site = copySite();
    query(site, `PRAGMA journal_mode = ${journal}`);
    const before = snapshot(site.directory);
    const dry = await migrate(site, { dryRun: true, deleteSource: true });
    expect(snapshot(site.directory)).toEqual(before);
    expect(dry.stateFile).toBeNull();
    const { counts } = await migrate(site);
    expect(dry.counts).toEqual(counts);
  },
);

test('an interruption amid a blob leaves nothing of it in the target', async () => {
  const site = makeSite();
  const id = await addBlob(site, 'localfs', Buffer.alloc(4_000_000, 'x'));
  const row = addRow(site, referenceText('localfs', id));
  const between = { from: 'localfs', to: 'archive' };
  const controller = new AbortController();
  const { counts } = await migrate(site, {
    ...between,
    signal: controller.signal,
    async prepare(manager) {
      const { backend } = await manager.storage('localfs');
      const read = backend.read.bind(backend);
      backend.read = async (...all) => {
        const content = await read(...all);
        return { ...content, chunks: interrupted(content.chunks) };
      };
    },
  });
  async function* interrupted(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const part of chunks) {
      yield part;
      controller.abort();
    }
  }
  expect(counts.references).toMatchObject({ migrated: 0, missing: 0, failed: 0 });
  expect(readdirSync(path.join(site.directory, 'archive'))).toEqual([]);
  expect(rowText(site, row)).toBe(referenceText('localfs', id));
  expect((await migrate(site, between)).counts.references.migrated).toBe(1);
});

test('two names of one table: references change, blobs stay, deletion is refused', async () => {
  const site = makeSite(
    'depot.3.name = kottifiles\ndepot.3.backend = kotti.filedepot.DBFileStorage\n',
  );
  const id = await addBlob(site, 'dbfiles', 'one');
  const row = addRow(site, referenceText('dbfiles', id));
  const to = 'kottifiles';
  await expect(migrate(site, { to, deleteSource: true })).rejects.toMatchObject({
    kind: 'refused',
  });
  expect(rowText(site, row)).toBe(referenceText('dbfiles', id));
  const { counts } = await migrate(site, { to });
  expect(counts.blobs).toEqual(noBlobs);
  expect(counts.bytes).toBe(0);
  expect(rowText(site, row)).toBe(referenceText(to, id));
  expect(await identifiers(site, to)).toEqual([id]);
});

test('a symbolic link to the same directory is the same place', async () => {
  const site = makeSite(
    'depot.3.name = linked\ndepot.3.backend = local\ndepot.3.storage_path = %(here)s/link\n',
  );
  symlinkSync(path.join(site.directory, 'blobs'), path.join(site.directory, 'link'));
  const id = await addBlob(site, 'localfs', 'one');
  const row = addRow(site, referenceText('localfs', id));
  const options = { from: 'localfs', to: 'linked' };
  await expect(migrate(site, { ...options, deleteSource: true })).rejects.toMatchObject({
    kind: 'refused',
  });
  const { counts } = await migrate(site, options);
  expect(counts.blobs).toEqual(noBlobs);
  expect(rowText(site, row)).toBe(referenceText('linked', id));
  expect(await readBlob(site, 'linked', id)).toBe('one');
});

test('nested directories are copied between, and nothing there is ever deleted', async () => {
  const site = makeSite(
    'depot.3.name = inner\ndepot.3.backend = local\ndepot.3.storage_path = %(here)s/blobs/inner\n',
  );
  mkdirSync(path.join(site.directory, 'blobs/inner'));
  const id = await addBlob(site, 'localfs', 'one');
  addRow(site, referenceText('localfs', id));
  for (const [from, to] of [
    ['localfs', 'inner'],
    ['inner', 'localfs'],
  ] as const) {
    await expect(migrate(site, { from, to, deleteSource: true })).rejects.toMatchObject({
      kind: 'refused',
    });
    expect((await migrate(site, { from, to })).counts.references.migrated).toBe(1);
  }
  expect(await readBlob(site, 'localfs', id)).toBe('one');
  expect(await readBlob(site, 'inner', id)).toBe('one');
});

test('aliases name storages in references and on the command line', async () => {
  const site = makeSite('\n[depot:aliases]\nold = dbfiles\nnew = localfs\n');
  const id = await addBlob(site, 'dbfiles', 'one');
  const mixed = addRow(site, referenceText('old', id, { files: [`dbfiles/${id}`] }));
  const { source, target, counts } = await migrate(site, { from: 'old', to: 'new' });
  expect([source, target]).toEqual(['dbfiles', 'localfs']);
  expect(counts.blobs.copied).toBe(1);
  expect(rowText(site, mixed)).toBe(referenceText('localfs', id, { files: [`localfs/${id}`] }));
  await expect(migrate(site, { from: 'new', to: 'localfs' })).rejects.toMatchObject({
    kind: 'usage',
  });
});

test('a target in memory is refused', async () => {
  const site = makeSite('depot.3.name = ram\ndepot.3.backend = memory\n');
  await expect(migrate(site, { to: 'ram' })).rejects.toMatchObject({ kind: 'refused' });
});

test('a configuration without any database is refused, saying how to name one', async () => {
  const site = makeSite();
  const from = path.join(site.directory, 'blobs');
  const other = { ...site, ini: path.join(site.directory, 'plain.ini') };
  cpSync(site.ini, other.ini);
  writeFileSync(
    other.ini,
    `[depot]\ndepot.0.name = a\ndepot.0.backend = local\ndepot.0.storage_path = ${from}\n` +
      `depot.1.name = b\ndepot.1.backend = local\ndepot.1.storage_path = ${site.directory}/archive\n`,
  );
  const error: unknown = await migrate(other, { from: 'a', to: 'b' }).catch((reason) => reason);
  expect(error).toBeInstanceOf(DepotError);
  expect(error).toMatchObject({ kind: 'config', hint: expect.stringContaining('databases') });
});

test('the blob is there again under the same identifier after the source was replaced between two runs', async () => {
  const site = makeSite();
  const id = await addBlob(site, 'dbfiles', 'first');
  const lost = '6a39cf60-8a8b-4c31-8c7d-6ac8c2f6a001';
  // The first run copies it for one row; the other row waits for its missing thumbnail.
  addRow(site, referenceText('dbfiles', id));
  const waiting = addRow(site, referenceText('dbfiles', id, { files: [`dbfiles/${lost}`] }));
  await migrate(site);
  await replaceBlob(site, 'dbfiles', id, 'second');
  await addBlob(site, 'dbfiles', 'thumb', lost);
  const { counts } = await migrate(site);
  expect(counts.references.migrated).toBe(1);
  expect(rowText(site, waiting)).toContain('"localfs"');
  expect(await readBlob(site, 'localfs', id)).toBe('second');
});

test('a shared blob that the application deleted from the target meanwhile is copied again', async () => {
  const site = makeSite();
  const id = await addBlob(site, 'dbfiles', 'shared');
  addRow(site, referenceText('dbfiles', id));
  query(site, `CREATE TABLE later (id INTEGER PRIMARY KEY, data TEXT)`);
  addRow(site, referenceText('dbfiles', id), 'later');
  let deleted = false;
  await migrate(site, {
    references: ['files.data', 'later.data'],
    async prepare(manager) {
      const database = (await manager.referenceDatabases())[0];
      const { backend } = await manager.storage('localfs');
      const texts = database?.texts.bind(database);
      if (database === undefined || texts === undefined) return;
      // Deleting the first row, filedepot deletes the blob that its reference names by then.
      database.texts = async (asked) => {
        if (asked.table.name === 'later' && !deleted) {
          deleted = true;
          await backend.delete(id);
          query(site, 'DELETE FROM files');
        }
        return texts(asked);
      };
    },
  });
  expect(deleted).toBe(true);
  expect([...(await resolveReferences(site)).values()]).not.toContain('not-found');
});

test('a blob that the application deleted from the source with its row needs nothing', async () => {
  const site = makeSite();
  const [first, second] = await addRows(site, 2);
  let deleted = false;
  const { counts, error } = await migrate(site, {
    async prepare(manager) {
      const { backend } = await manager.storage('localfs');
      const create = backend.create.bind(backend);
      backend.create = async (id, source, metadata) => {
        const stored = await create(id, source, metadata);
        if (id === first && !deleted) {
          deleted = true;
          query(site, 'DELETE FROM files WHERE id = 1');
          await deleteBlob(site, 'dbfiles', first as string);
        }
        return stored;
      };
    },
  });
  expect(error).toBeNull();
  expect(counts.references).toMatchObject({ migrated: 1, failed: 0, missing: 0 });
  expect(rowText(site, 2)).toBe(referenceText('localfs', second as string));
});
