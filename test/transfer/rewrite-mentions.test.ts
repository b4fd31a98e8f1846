import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { aroundChange } from './meanwhile.js';
import { migrate, undo } from './runs.js';
import {
  addBlob,
  addRow,
  deleteBlob,
  identifiers,
  makeSite,
  query,
  readBlob,
  referenceText,
  rowText,
  type Site,
} from './site.js';

const rewriteMentions = true;

interface WithBlob {
  readonly site: Site;
  readonly id: string;
  /** Of the reference, in `files`. */
  readonly row: number;
}

/** A site with one reference in `dbfiles`. */
async function siteWithBlob(settings = ''): Promise<WithBlob> {
  const site = makeSite(settings);
  const id = await addBlob(site, 'dbfiles', 'content');
  return { site, id, row: addRow(site, referenceText('dbfiles', id)) };
}

function addBody(site: Site, body: string): number {
  const sql = 'INSERT INTO documents (body) VALUES (?) RETURNING id';
  return query<{ id: number }>(site, sql, body)[0]?.id as number;
}

function bodies(site: Site): string[] {
  return query<{ body: string }>(site, 'SELECT body FROM documents ORDER BY id').map(
    ({ body }) => body,
  );
}

test('mentions follow their blob, and then nothing keeps it', async () => {
  const { site, id } = await siteWithBlob();
  addBody(
    site,
    `<img src="/depot/dbfiles/${id}"> and dbfiles/${id}, https://h/depot/dbfiles/${id}?w`,
  );
  const { counts, problems } = await migrate(site, { rewriteMentions, deleteSource: true });
  expect(problems).toEqual([]);
  expect(counts.mentions).toEqual({ rewritten: 3, left: 0 });
  expect(bodies(site)).toEqual([
    `<img src="/depot/localfs/${id}"> and localfs/${id}, https://h/depot/localfs/${id}?w`,
  ]);
  expect(counts.blobs.deleted).toBe(1);
  expect(await readBlob(site, 'localfs', id)).toBe('content');
});

test('without the option they stay, keep the blob, and are named', async () => {
  const { site, id } = await siteWithBlob();
  const body = addBody(site, `/depot/dbfiles/${id}`);
  const { counts, problems } = await migrate(site, { deleteSource: true });
  expect(counts.mentions).toBeUndefined();
  expect(problems).toMatchObject([
    { kind: 'still-mentioned', reference: `documents.body id=${body}`, path: `dbfiles/${id}` },
  ]);
  expect(bodies(site)).toEqual([`/depot/dbfiles/${id}`]);
});

test('a later run rewrites what an earlier one moved, also where its state is lost', async () => {
  const { site, id } = await siteWithBlob();
  addBody(site, `dbfiles/${id}`);
  await migrate(site);
  const stateFile = path.join(site.directory, 'another.sqlite');
  const { counts, problems } = await migrate(site, { rewriteMentions, stateFile });
  expect(problems).toEqual([]);
  expect(counts).toMatchObject({
    references: { migrated: 0 },
    mentions: { rewritten: 1, left: 0 },
  });
  expect(bodies(site)).toEqual([`localfs/${id}`]);
  const again = await migrate(site, { rewriteMentions, stateFile });
  expect(again.counts.mentions).toEqual({ rewritten: 0, left: 0 });
});

test('a dead link to a blob that was deleted since is mended', async () => {
  const { site, id } = await siteWithBlob();
  await migrate(site, { deleteSource: true });
  addBody(site, `/depot/dbfiles/${id}`);
  expect((await migrate(site, { rewriteMentions })).counts.mentions?.rewritten).toBe(1);
  expect(bodies(site)).toEqual([`/depot/localfs/${id}`]);
});

test('aliases stand for their storage, and the site may serve elsewhere', async () => {
  const { site, id } = await siteWithBlob(
    'mountpoint = /cms/files\n\n[depot:aliases]\nold = dbfiles\nnew = localfs\n',
  );
  addBody(site, `/cms/files/old/${id} old/${id} /depot/old/${id}`);
  const { counts, problems } = await migrate(site, { rewriteMentions, from: 'old', to: 'new' });
  expect(bodies(site)).toEqual([`/cms/files/localfs/${id} localfs/${id} /depot/old/${id}`]);
  expect(counts.mentions).toEqual({ rewritten: 2, left: 1 });
  expect(problems).toMatchObject([
    { kind: 'mention-left', reference: 'documents.body id=1', path: `dbfiles/${id}` },
  ]);
});

test('names of the target by an alias do not keep a blob', async () => {
  const { site, id } = await siteWithBlob('\n[depot:aliases]\nnew = localfs\n');
  addBody(site, `/depot/new/${id}`);
  const { counts, problems } = await migrate(site, { deleteSource: true });
  expect(problems).toEqual([]);
  expect(counts.blobs.deleted).toBe(1);
});

test('what has not moved is not rewritten', async () => {
  const { site, id } = await siteWithBlob();
  const stays = await addBlob(site, 'dbfiles', 'unreferenced');
  const gone = randomUUID();
  addRow(site, referenceText('dbfiles', gone));
  addBody(site, `dbfiles/${id} dbfiles/${stays} dbfiles/${gone}`);
  const { counts } = await migrate(site, { rewriteMentions });
  expect(bodies(site)).toEqual([`localfs/${id} dbfiles/${stays} dbfiles/${gone}`]);
  expect(counts.mentions).toEqual({ rewritten: 1, left: 0 });
});

test('where the target has something else under the identifier, the mention stays', async () => {
  const { site, id } = await siteWithBlob();
  await addBlob(site, 'localfs', 'other', id);
  addRow(site, referenceText('localfs', id));
  addBody(site, `dbfiles/${id}`);
  const { counts, problems } = await migrate(site, { rewriteMentions });
  expect(bodies(site)).toEqual([`dbfiles/${id}`]);
  expect(counts.mentions).toEqual({ rewritten: 0, left: 1 });
  expect(problems.map(({ kind }) => kind)).toEqual(['target-differs', 'mention-left']);
});

test('other spellings stay, keep the blob, and are named with and without deletion', async () => {
  const { site, id } = await siteWithBlob();
  const body = `/depot/dbfiles/${id.toUpperCase()} dbfiles/${id.replaceAll('-', '')}`;
  const row = addBody(site, body);
  addBody(site, `bare ${id}`);
  const { counts, problems } = await migrate(site, { rewriteMentions });
  expect(problems).toMatchObject([
    { kind: 'mention-left', reference: `documents.body id=${row}`, path: `dbfiles/${id}` },
  ]);
  expect(counts.mentions?.rewritten).toBe(0);
  const second = await migrate(site, { rewriteMentions, deleteSource: true });
  expect(second.counts.blobs.deleted).toBe(0);
  expect(second.problems).toContainEqual(expect.objectContaining({ kind: 'still-mentioned' }));
  expect(bodies(site)).toEqual([body, `bare ${id}`]);
});

test('mentions beside references, in JSON, follow too', async () => {
  const { site, id } = await siteWithBlob();
  const mixed = (storage: string, note: string): string =>
    `[${referenceText(storage, id)}, {"html": "<a href=\\"/depot/${note}/${id}\\">"}]`;
  const row = addRow(site, mixed('dbfiles', 'dbfiles'));
  const other = await addBlob(site, 'archive', 'other');
  const foreign = addRow(site, referenceText('archive', other, { cover: `dbfiles/${id}` }));
  const { counts, problems, stateFile } = await migrate(site, { rewriteMentions });
  expect(problems).toEqual([]);
  expect(rowText(site, row)).toBe(mixed('localfs', 'localfs'));
  expect(rowText(site, foreign)).toBe(referenceText('archive', other, { cover: `localfs/${id}` }));
  expect(counts.mentions?.rewritten).toBe(2);
  const back = await undo(site, stateFile);
  expect(back.problems).toEqual([]);
  expect(rowText(site, row)).toBe(mixed('dbfiles', 'dbfiles'));
  expect(rowText(site, foreign)).toBe(referenceText('archive', other, { cover: `dbfiles/${id}` }));
});

test('the references of a column that is left out keep their mentions', async () => {
  const { site, id, row } = await siteWithBlob();
  query(site, 'CREATE TABLE images (id INTEGER PRIMARY KEY, data TEXT)');
  addRow(site, referenceText('dbfiles', id), 'images');
  const { counts } = await migrate(site, { rewriteMentions, references: ['files.data'] });
  expect(rowText(site, row)).toBe(referenceText('localfs', id));
  expect(query(site, 'SELECT data FROM images')).toEqual([{ data: referenceText('dbfiles', id) }]);
  expect(counts.mentions).toEqual({ rewritten: 0, left: 0 });
});

describe('what a row cannot take is left and named', () => {
  test.for([
    [
      'a column that is too short',
      'CREATE TABLE t (id INTEGER PRIMARY KEY, a VARCHAR(39))',
      /takes 39/,
    ],
    ['a key', 'CREATE TABLE t (a TEXT PRIMARY KEY, id INTEGER)', /key of the table/],
    [
      'a condition of the table',
      "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT CHECK (a NOT LIKE '%archive%'))",
      /constraint/i,
    ],
  ] as const)('%s', async ([, schema, why]) => {
    const { site, id } = await siteWithBlob('\n[depot:aliases]\ndb = dbfiles\n');
    const options = { to: 'archive', rewriteMentions };
    query(site, schema);
    query(site, 'INSERT INTO t (a, id) VALUES (?, 1)', `db/${id}`);
    addBody(site, `dbfiles/${id}`);
    const other = await addBlob(site, 'dbfiles', 'other');
    query(site, "INSERT INTO t (a, id) VALUES ('none', 2)");
    addRow(site, referenceText('dbfiles', other));
    const { counts, problems } = await migrate(site, options);
    const reference = expect.stringMatching(/^t\.a /);
    expect(problems).toMatchObject([
      { kind: 'mention-left', reference, message: expect.stringMatching(why) },
    ]);
    expect(counts.mentions).toEqual({ rewritten: 1, left: 1 });
    expect(query(site, 'SELECT a FROM t WHERE id = 1')).toEqual([{ a: `db/${id}` }]);
    expect(bodies(site)).toEqual([`archive/${id}`]);
  });
});

test('a dry run writes nothing and says how many would be rewritten, and deleted', async () => {
  const { site, id } = await siteWithBlob();
  addBody(site, `dbfiles/${id} /depot/dbfiles/${id}`);
  const kept = await addBlob(site, 'dbfiles', 'kept');
  addRow(site, referenceText('dbfiles', kept));
  addBody(site, `bare ${kept}`);
  await addBlob(site, 'dbfiles', 'unreferenced');
  const options = { rewriteMentions, deleteSource: true };
  const { counts, problems } = await migrate(site, { ...options, dryRun: true });
  expect(problems).toMatchObject([{ kind: 'still-mentioned', path: `dbfiles/${kept}` }]);
  expect(counts.mentions).toEqual({ rewritten: 2, left: 0 });
  expect(counts.blobs.deleted).toBe(1);
  expect(bodies(site)).toEqual([`dbfiles/${id} /depot/dbfiles/${id}`, `bare ${kept}`]);
  const without = await migrate(site, { deleteSource: true, dryRun: true });
  expect(without.counts.blobs.deleted).toBe(0);
  expect(without.problems.map(({ path }) => path).sort()).toEqual(
    [`dbfiles/${id}`, `dbfiles/${kept}`].sort(),
  );
  const done = await migrate(site, options);
  expect(done.problems).toEqual(problems);
  expect(done.counts).toMatchObject({ mentions: { rewritten: 2 }, blobs: { deleted: 1 } });
});

test('what the application writes meanwhile is not overwritten', async () => {
  const { site, id } = await siteWithBlob();
  const row = addBody(site, `dbfiles/${id}`);
  let edits = 0;
  const { counts } = await migrate(site, {
    rewriteMentions,
    ...aroundChange({
      before(changes) {
        if (edits > 0 || !changes.some(({ column }) => column === 'body')) return;
        edits += 1;
        query(site, 'UPDATE documents SET body = ? WHERE id = ?', `new: dbfiles/${id}`, row);
      },
    }),
  });
  expect(edits).toBe(1);
  expect(counts.mentions).toEqual({ rewritten: 1, left: 0 });
  expect(bodies(site)).toEqual([`new: localfs/${id}`]);
});

describe('undo', () => {
  test('gives mentions back, and their blobs before', async () => {
    const { site, id } = await siteWithBlob();
    addBody(site, `/depot/dbfiles/${id}`);
    const { stateFile } = await migrate(site, { rewriteMentions, deleteSource: true });
    expect(await identifiers(site, 'dbfiles')).toEqual([]);
    const { counts, problems } = await undo(site, stateFile);
    expect(problems).toEqual([]);
    expect(counts.mentions).toEqual({ rewritten: 1, left: 0 });
    expect(bodies(site)).toEqual([`/depot/dbfiles/${id}`]);
    expect(await readBlob(site, 'dbfiles', id)).toBe('content');
  });

  test('leaves a text that has changed since, and names it', async () => {
    const { site, id } = await siteWithBlob();
    const row = addBody(site, `/depot/dbfiles/${id}`);
    const { stateFile } = await migrate(site, { rewriteMentions });
    query(site, 'UPDATE documents SET body = ?', `/depot/localfs/${id} edited`);
    const { counts, problems } = await undo(site, stateFile);
    expect(problems).toMatchObject([
      { kind: 'reference-changed', reference: `documents.body id=${row}` },
    ]);
    expect(counts.mentions).toEqual({ rewritten: 0, left: 1 });
    expect(bodies(site)).toEqual([`/depot/localfs/${id} edited`]);
  });

  test('gives no mention back to a blob that is nowhere', async () => {
    const { site, id, row } = await siteWithBlob();
    addBody(site, `/depot/dbfiles/${id}`);
    const { stateFile } = await migrate(site, { rewriteMentions, deleteSource: true });
    query(site, 'DELETE FROM files WHERE id = ?', row);
    await deleteBlob(site, 'localfs', id);
    const { problems } = await undo(site, stateFile);
    expect(problems).toMatchObject([{ kind: 'missing-blob', path: `dbfiles/${id}` }]);
    expect(bodies(site)).toEqual([`/depot/localfs/${id}`]);
  });
});
