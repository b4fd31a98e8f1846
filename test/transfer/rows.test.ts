import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { storagesNamed } from './resolved.js';
import { migrate } from './runs.js';
import {
  addBlob,
  addRow,
  identifiers,
  makeSite,
  query,
  referenceText,
  rowText,
  type Site,
} from './site.js';

const noBlobs = {
  ...{ copied: 0, copied_by_service: 0, reused: 0 },
  ...{ missing: 0, failed: 0, deleted: 0 },
};

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
