import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { aroundChange } from './meanwhile.js';
import { migrate } from './runs.js';
import {
  addBlob,
  addRow,
  identifiers,
  makeSite,
  query,
  readBlob,
  referenceText,
  rowText,
  type Site,
} from './site.js';

const deleteSource = true;

/** A site whose one reference has been moved to `localfs`, its blob still in the source. */
async function movedSite(settings = ''): Promise<{ site: Site; id: string }> {
  const site = makeSite(settings);
  const id = await addBlob(site, 'dbfiles', 'content');
  addRow(site, referenceText('dbfiles', id));
  await migrate(site);
  return { site, id };
}

const spellings: [string, (id: string) => string][] = [
  ['as a URL in rich text', (id) => `<img src="/depot/dbfiles/${id}/download">`],
  ['in upper case', (id) => `see ${id.toUpperCase()}`],
  ['without hyphens', (id) => id.replaceAll('-', '')],
  ['as a URN', (id) => `urn:uuid:${id}`],
  ['percent-encoded', (id) => id.replaceAll('-', '%2D')],
  ['as a character reference', (id) => id.replaceAll('-', '&#45;')],
  ['inside longer hexadecimal', (id) => `00ff${id.replaceAll('-', '')}0`],
  ['in JSON', (id) => JSON.stringify({ cover: { file: id } })],
  ['in an unknown storage', (id) => referenceText('uploads-2009', id)],
  ['in a third storage', (id) => referenceText('archive', id)],
  [
    'in a text that is no JSON',
    (id) => referenceText('dbfiles', id).replaceAll('{', '{"broken": '),
  ],
  ['beside a reference', (id) => referenceText('localfs', id, { backup: `dbfiles/${id}` })],
  ['in a stale public URL', (id) => referenceText('localfs', id, { _public_url: `//cdn/${id}` })],
  ['in a LIKE pattern', (id) => `data LIKE '%${id}%'`],
];

test.for(spellings)('a mention %s protects', async ([, mention]) => {
  const { site, id } = await movedSite();
  query(site, 'INSERT INTO documents (id, body) VALUES (7, ?)', mention(id));
  const { counts, problems } = await migrate(site, { deleteSource, references: ['files.data'] });
  expect(counts.blobs.deleted).toBe(0);
  expect(problems).toMatchObject([
    { kind: 'still-mentioned', reference: 'documents.body id=7', path: `dbfiles/${id}` },
  ]);
  expect(await readBlob(site, 'dbfiles', id)).toBe('content');
});

test('a mention whose first digits look like an encoded hyphen protects', async () => {
  const site = makeSite();
  const id = await addBlob(site, 'dbfiles', 'content', '2d897838-e6ef-11f1-b551-02fc00000001');
  addRow(site, referenceText('dbfiles', id));
  query(site, 'INSERT INTO documents (body) VALUES (?)', `data LIKE '%${id}%'`);
  expect((await migrate(site, { deleteSource })).counts.blobs.deleted).toBe(0);
});

const oddSpellings: [string, string, string][] = [
  ['as it is', 'Report', 'dbfiles/Report'],
  ['in another case', 'Report', '/depot/dbfiles/REPORT'],
  ['in capitals', 'Größe ΟΔΟΣ', 'GRÖSSE ΟΔΟΣ'],
  ['quoted by Python', 'plan (1).pdf', '/depot/dbfiles/plan%20%281%29.pdf'],
  ['quoted by a browser', 'plan (1).pdf', '/depot/dbfiles/plan%20(1).pdf'],
  ['in HTML', 'a&"b"', '<a href="/depot/dbfiles/a&amp;&quot;b&quot;">'],
  ['in numeric references', "it's", 'dbfiles/it&#x27;s'],
  ['in JSON', 'Größe\n1', '{"file": "dbfiles/Gr\\u00f6\\u00dfe\\n1"}'],
  ['in a URL in JSON', 'Größe 1', '{"file": "/depot/dbfiles/Gr%C3%B6%C3%9Fe%201"}'],
  ['in a URL in HTML', 'a&b', '<a href="/depot/dbfiles/a%26b?x=1&amp;y=2">'],
];

test.for(oddSpellings)('a mention of an odd identifier %s protects', async ([, id, text]) => {
  const site = makeSite();
  await addBlob(site, 'dbfiles', 'content', id);
  addRow(site, referenceText('dbfiles', id));
  query(site, 'INSERT INTO documents (body) VALUES (?)', text);
  const { counts } = await migrate(site, { deleteSource });
  expect(counts.references.migrated).toBe(1);
  expect(counts.blobs.deleted).toBe(0);
});

test('identifiers that differ in their case alone protect each other', async () => {
  const site = makeSite();
  for (const id of ['Report', 'report']) {
    await addBlob(site, 'dbfiles', id, id);
    addRow(site, referenceText('dbfiles', id));
  }
  query(site, 'INSERT INTO documents (body) VALUES (?)', 'dbfiles/Report');
  expect((await migrate(site, { deleteSource })).counts.blobs.deleted).toBe(0);
});

test('a mention in any table and column protects, whatever its declared type', async () => {
  const { site, id } = await movedSite();
  query(site, 'CREATE TABLE odd (moment DATETIME, n INTEGER, PRIMARY KEY (n)) WITHOUT ROWID');
  query(site, 'INSERT INTO odd VALUES (?, 1)', `copy of ${id}`);
  const { counts, problems } = await migrate(site, { deleteSource });
  expect(counts.blobs.deleted).toBe(0);
  expect(problems).toMatchObject([{ reference: 'odd.moment n=1' }]);
});

test('references that name the target, by any of its names, do not protect', async () => {
  const { site, id } = await movedSite('\n[depot:aliases]\nnew = localfs\nold = dbfiles\n');
  addRow(
    site,
    referenceText('new', id, { thumb_url: `https://site.example/depots/new/${id}/a.txt` }),
  );
  addRow(site, `[${referenceText('localfs', id)}, {"deep": ${referenceText('localfs', id)}}]`);
  const { counts, problems } = await migrate(site, { deleteSource });
  expect(problems).toEqual([]);
  expect(counts.blobs.deleted).toBe(1);
});

test('a reference by an old alias moves, one by an alias that is gone protects', async () => {
  const { site, id } = await movedSite('\n[depot:aliases]\nold = dbfiles\n');
  const gone = addRow(site, referenceText('older', id));
  const { counts } = await migrate(site, { deleteSource });
  expect(counts.blobs.deleted).toBe(0);
  query(site, 'DELETE FROM files WHERE id = ?', gone);
  const old = addRow(site, referenceText('old', id));
  expect((await migrate(site, { deleteSource })).counts.blobs.deleted).toBe(1);
  expect(rowText(site, old)).toBe(referenceText('localfs', id));
});

/** The settings for a second database beside the site's own. */
const two = 'databases =\n    sqlite:///%(here)s/site.db\n    sqlite:///%(here)s/second.db\n';

function secondOf(site: Site): Site {
  return { ...site, database: path.join(site.directory, 'second.db') };
}

test('a mention in a second database protects', async () => {
  const site = makeSite(two);
  const second = secondOf(site);
  query(second, 'CREATE TABLE files (id INTEGER PRIMARY KEY, data TEXT)');
  const id = await addBlob(site, 'dbfiles', 'content');
  const other = await addBlob(site, 'dbfiles', 'other');
  addRow(site, referenceText('dbfiles', id));
  addRow(second, referenceText('dbfiles', other, { note: `compare ${id}` }));
  const { counts, problems } = await migrate(site, { deleteSource });
  expect(counts.references.migrated).toBe(2);
  expect(counts.blobs.deleted).toBe(1);
  expect(problems).toMatchObject([{ kind: 'still-mentioned', path: `dbfiles/${id}` }]);
});

test.for([false, true])(
  'a database without any reference is refused before anything moves, dry run: %s',
  async (dryRun) => {
    const site = makeSite(two);
    query(secondOf(site), 'CREATE TABLE files (id INTEGER PRIMARY KEY, data TEXT)');
    const id = await addBlob(site, 'dbfiles', 'content');
    const row = addRow(site, referenceText('dbfiles', id));
    await expect(migrate(site, { deleteSource, dryRun })).rejects.toMatchObject({
      kind: 'refused',
      message: expect.stringContaining('second.db'),
    });
    expect(rowText(site, row)).toBe(referenceText('dbfiles', id));
    expect(await identifiers(site, 'dbfiles')).toEqual([id]);
    expect(await identifiers(site, 'localfs')).toEqual([]);
  },
);

test('a database whose last reference goes meanwhile keeps everything', async () => {
  const site = makeSite(two);
  const second = secondOf(site);
  query(second, 'CREATE TABLE files (id INTEGER PRIMARY KEY, data TEXT)');
  const id = await addBlob(site, 'dbfiles', 'content');
  addRow(second, referenceText('archive', id));
  addRow(site, referenceText('dbfiles', id));
  const { error, counts } = await migrate(site, {
    deleteSource,
    ...aroundChange({ after: () => void query(second, 'DELETE FROM files') }),
  });
  expect(error).toMatchObject({ kind: 'refused', message: expect.stringContaining('second.db') });
  expect(counts.references.migrated).toBe(1);
  expect(await identifiers(site, 'dbfiles')).toEqual([id]);
});

test.for([
  ['missing', () => {}],
  ['no database', (file: string) => writeFileSync(file, 'x'.repeat(10_000))],
  ['a directory', (file: string) => mkdirSync(file)],
] as const)('a second database that is %s: nothing is moved or deleted', async ([, make]) => {
  const { site, id } = await movedSite();
  const row = addRow(site, referenceText('dbfiles', id));
  writeFileSync(site.ini, `\n${two}`, { flag: 'a' });
  make(path.join(site.directory, 'second.db'));
  await expect(migrate(site, { deleteSource })).rejects.toMatchObject({ kind: 'unreachable' });
  expect(rowText(site, row)).toBe(referenceText('dbfiles', id));
  expect(await identifiers(site, 'dbfiles')).toEqual([id]);
});

test("the application's own database protects where others are configured", async () => {
  const { site, id } = await movedSite();
  query(site, 'INSERT INTO documents (body) VALUES (?)', `dbfiles/${id}`);
  const second = secondOf(site);
  query(second, 'CREATE TABLE files (id INTEGER PRIMARY KEY, data TEXT)');
  addRow(second, referenceText('localfs', id));
  writeFileSync(site.ini, '\ndatabases = sqlite:///%(here)s/second.db\n', { flag: 'a' });
  const { counts, problems } = await migrate(site, { deleteSource });
  expect(counts.blobs.deleted).toBe(0);
  expect(problems).toMatchObject([{ reference: 'documents.body id=1' }]);
});

test("the application's own database that is unreadable stops it before anything is done", async () => {
  const site = makeSite();
  const id = await addBlob(site, 'localfs', 'content');
  const second = secondOf(site);
  query(second, 'CREATE TABLE files (id INTEGER PRIMARY KEY, data TEXT)');
  addRow(second, referenceText('localfs', id));
  writeFileSync(site.ini, '\ndatabases = sqlite:///%(here)s/second.db\n', { flag: 'a' });
  rmSync(site.database);
  const options = { from: 'localfs', to: 'archive', deleteSource };
  await expect(migrate(site, options)).rejects.toMatchObject({ kind: 'unreachable' });
  expect(query(second, 'SELECT data FROM files')).toEqual([{ data: referenceText('localfs', id) }]);
});
