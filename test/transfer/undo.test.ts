import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { aroundChange, kill, once } from './meanwhile.js';
import { resolveReferences, storagesNamed } from './resolved.js';
import { migrate, undo } from './runs.js';
import {
  addBlob,
  addRow,
  copySite,
  deleteBlob,
  identifiers,
  makeSite,
  query,
  readBlob,
  referenceText,
  replaceBlob,
  rowText,
  type Site,
} from './site.js';
import { spreadSite } from './spread.js';

interface Moved {
  readonly site: Site;
  readonly id: string;
  readonly row: number;
  readonly stateFile: string | null;
}

/** A site whose one reference was moved to `localfs`. */
async function movedSite(): Promise<Moved> {
  const site = makeSite();
  const id = await addBlob(site, 'dbfiles', 'first!');
  const row = addRow(site, referenceText('dbfiles', id));
  const { stateFile } = await migrate(site);
  return { site, id, row, stateFile };
}

function allTexts(site: Site): unknown[] {
  const tables = ['files', 'images', 'gallery_pictures', 'members', 'attachments', '"group"'];
  return [...tables, 'translations', 'contracts'].map((table) =>
    query(site, `SELECT * FROM ${table}`),
  );
}

test('gives every reference of a Kotti site its old text, blobs deleted since included', async () => {
  const site = copySite();
  const [texts, contents] = [allTexts(site), await resolveReferences(site)];
  const moved = await migrate(site, { deleteSource: true });
  expect(allTexts(site)).not.toEqual(texts);
  const { counts, problems, error, source, target } = await undo(site, moved.stateFile);
  expect(error).toBeNull();
  expect(problems).toEqual([]);
  expect([source, target]).toEqual(['localfs', 'dbfiles']);
  expect(allTexts(site)).toEqual(texts);
  expect(await resolveReferences(site)).toEqual(contents);
  expect(counts.references.migrated).toBe(moved.counts.references.migrated);
  expect(counts.blobs.copied).toBe(moved.counts.blobs.deleted);

  const again = await undo(site, moved.stateFile);
  expect(again.counts.references.migrated).toBe(0);
  expect(again.problems).toEqual([]);
});

test('counts references, not rows', async () => {
  const site = makeSite();
  const ids = [await addBlob(site, 'dbfiles', 'a'), await addBlob(site, 'dbfiles', 'b')];
  const text = `[${ids.map((id) => referenceText('dbfiles', id)).join(', ')}]`;
  const row = addRow(site, text);
  addRow(site, referenceText('archive', 'f2a7a3c0-0000-1000-8000-000000000000'));
  const { stateFile } = await migrate(site);
  const { counts } = await undo(site, stateFile);
  expect(counts.references).toMatchObject({ scanned: 3, migrated: 2 });
  expect(rowText(site, row)).toBe(text);
});

test('a blob that is newer in the target is copied back first', async () => {
  const { site, id, row, stateFile } = await movedSite();
  await replaceBlob(site, 'localfs', id, 'second');
  const { counts } = await undo(site, stateFile);
  expect(counts.blobs.copied).toBe(1);
  expect(rowText(site, row)).toBe(referenceText('dbfiles', id));
  expect(await readBlob(site, 'dbfiles', id)).toBe('second');
});

test('a blob that is newer in the source stays', async () => {
  const { site, id, row, stateFile } = await movedSite();
  await replaceBlob(site, 'dbfiles', id, 'second');
  const { problems } = await undo(site, stateFile);
  expect(problems).toEqual([]);
  expect(rowText(site, row)).toBe(referenceText('dbfiles', id));
  expect(await readBlob(site, 'dbfiles', id)).toBe('second');
});

test('a blob replaced on both sides is named, and nothing is overwritten', async () => {
  const { site, id, row, stateFile } = await movedSite();
  await replaceBlob(site, 'dbfiles', id, 'here');
  await replaceBlob(site, 'localfs', id, 'there');
  const { counts, problems } = await undo(site, stateFile);
  expect(problems).toMatchObject([{ kind: 'target-differs', reference: 'files.data id=1' }]);
  expect(counts.references).toMatchObject({ migrated: 0, failed: 1 });
  expect(rowText(site, row)).toBe(referenceText('localfs', id));
  expect(await readBlob(site, 'dbfiles', id)).toBe('here');
  expect(await readBlob(site, 'localfs', id)).toBe('there');
});

test.for([
  ['missing', (site: Site, id: string) => deleteBlob(site, 'localfs', id)],
  [
    'damaged',
    (site: Site, id: string) =>
      writeFileSync(path.join(site.directory, 'blobs', id, 'file'), 'short'),
  ],
] as const)('a blob %s in the target does not keep its reference there', async ([, spoil]) => {
  const { site, id, row, stateFile } = await movedSite();
  await spoil(site, id);
  const { counts, problems } = await undo(site, stateFile);
  expect(problems).toEqual([]);
  expect(counts.references.migrated).toBe(1);
  expect(rowText(site, row)).toBe(referenceText('dbfiles', id));
  expect(await readBlob(site, 'dbfiles', id)).toBe('first!');
});

test('a blob that is nowhere any more is missing, and its reference stays', async () => {
  const { site, id, row, stateFile } = await movedSite();
  await deleteBlob(site, 'localfs', id);
  await deleteBlob(site, 'dbfiles', id);
  const { counts, problems } = await undo(site, stateFile);
  expect(problems).toMatchObject([{ kind: 'missing-blob' }]);
  expect(counts.references).toMatchObject({ migrated: 0, missing: 1 });
  expect(rowText(site, row)).toBe(referenceText('localfs', id));
});

test('a reference that the application changed since is left alone, and named', async () => {
  const { site, id, row, stateFile } = await movedSite();
  const edited = referenceText('localfs', id, { title: 'new' });
  query(site, 'UPDATE files SET data = ? WHERE id = ?', edited, row);
  const { counts, problems } = await undo(site, stateFile);
  expect(problems).toMatchObject([{ kind: 'reference-changed', reference: 'files.data id=1' }]);
  expect(counts.references).toMatchObject({ migrated: 0, changed: 1 });
  expect(rowText(site, row)).toBe(edited);
});

test('a reference to another file since is no business of it', async () => {
  const { site, row, stateFile } = await movedSite();
  const newer = referenceText('localfs', await addBlob(site, 'localfs', 'newer'));
  query(site, 'UPDATE files SET data = ? WHERE id = ?', newer, row);
  const { problems } = await undo(site, stateFile);
  expect(problems).toEqual([]);
  expect(rowText(site, row)).toBe(newer);
});

test('a reference that the application changes just then keeps what it wrote', async () => {
  const { site, id, row, stateFile } = await movedSite();
  const edited = referenceText('localfs', id, { title: 'new' });
  const { problems } = await undo(site, stateFile, {
    ...aroundChange({
      before: () => void query(site, 'UPDATE files SET data = ? WHERE id = ?', edited, row),
    }),
  });
  expect(problems).toMatchObject([{ kind: 'reference-changed' }]);
  expect(rowText(site, row)).toBe(edited);
});

test('a blob that the application replaces just then arrives in the source', async () => {
  const { site, id, row, stateFile } = await movedSite();
  await replaceBlob(site, 'localfs', id, 'second');
  const before = once(() => replaceBlob(site, 'localfs', id, 'third!'));
  const { problems } = await undo(site, stateFile, aroundChange({ before }));
  expect(problems).toEqual([]);
  expect(rowText(site, row)).toBe(referenceText('dbfiles', id));
  expect(await readBlob(site, 'dbfiles', id)).toBe('third!');
});

test('… also where it was killed just then, and a run in either direction goes on', async () => {
  for (const goOn of [undo, migrate]) {
    const { site, id, row, stateFile } = await movedSite();
    const before = once(() => replaceBlob(site, 'localfs', id, 'second'));
    const killed = await undo(site, stateFile, aroundChange({ before, after: kill }));
    expect(killed.error).toMatchObject({ message: 'killed' });
    expect(rowText(site, row)).toBe(referenceText('dbfiles', id));
    const { problems } = await (goOn === undo ? undo(site, stateFile) : migrate(site));
    expect(problems).toEqual([]);
    expect(await readBlob(site, goOn === undo ? 'dbfiles' : 'localfs', id)).toBe('second');
  }
});

test('a blob that the application deletes with its row meanwhile stops nothing', async () => {
  const { site, id, stateFile } = await movedSite();
  const other = await addBlob(site, 'dbfiles', 'other');
  addRow(site, referenceText('dbfiles', other));
  await migrate(site);
  await replaceBlob(site, 'dbfiles', id, 'here');
  await replaceBlob(site, 'localfs', id, 'there');
  const remove = once(async () => {
    query(site, 'DELETE FROM files WHERE id = 1');
    await deleteBlob(site, 'localfs', id);
  });
  const { counts, error } = await undo(site, stateFile, {
    async prepare(manager) {
      const { backend } = await manager.storage('dbfiles');
      const read = backend.read.bind(backend);
      backend.read = async (...all) => {
        await remove();
        return read(...all);
      };
    },
  });
  expect(error).toBeNull();
  expect(counts.references.migrated).toBe(1);
  expect(await storagesNamed(site)).toEqual({ dbfiles: 1 });
});

test('turns back what --references moved, whatever columns are configured', async () => {
  const site = makeSite('references = files.data\n');
  query(site, 'CREATE TABLE drafts (id INTEGER PRIMARY KEY, data TEXT)');
  const id = await addBlob(site, 'dbfiles', 'draft');
  addRow(site, referenceText('dbfiles', id), 'drafts');
  const { stateFile } = await migrate(site, { references: ['drafts.data'] });
  expect((await undo(site, stateFile)).counts.references.migrated).toBe(1);
  expect(query(site, 'SELECT data FROM drafts')).toEqual([{ data: referenceText('dbfiles', id) }]);
});

test('turns back what a killed run had done', async () => {
  const site = makeSite();
  const id = await addBlob(site, 'dbfiles', 'content');
  const row = addRow(site, referenceText('dbfiles', id));
  const { stateFile } = await migrate(site, aroundChange({ after: kill }));
  expect(rowText(site, row)).toBe(referenceText('localfs', id));
  expect((await undo(site, stateFile)).counts.references.migrated).toBe(1);
  expect(rowText(site, row)).toBe(referenceText('dbfiles', id));
});

test('old aliases come back too, and derived identifiers', async () => {
  const site = makeSite('\n[depot:aliases]\nold = dbfiles\n');
  const id = await addBlob(site, 'dbfiles', 'content', 'odd name');
  const row = addRow(site, referenceText('old', id, { files: [`dbfiles/${id}`] }));
  const { stateFile } = await migrate(site, { deleteSource: true });
  expect(await identifiers(site, 'dbfiles')).toEqual([]);
  await undo(site, stateFile);
  expect(rowText(site, row)).toBe(referenceText('old', id, { files: [`dbfiles/${id}`] }));
  expect(await readBlob(site, 'dbfiles', id)).toBe('content');
});

test('moving, turning back and moving again converges, whatever was replaced on the way', async () => {
  const { site, id, row, stateFile } = await movedSite();
  await replaceBlob(site, 'localfs', id, 'second');
  await undo(site, stateFile);
  await replaceBlob(site, 'dbfiles', id, 'third!');
  const again = await migrate(site);
  expect(again.problems).toEqual([]);
  expect(rowText(site, row)).toBe(referenceText('localfs', id));
  expect(await readBlob(site, 'localfs', id)).toBe('third!');
  await undo(site, stateFile);
  expect(await storagesNamed(site)).toEqual({ dbfiles: 1 });
});

/** The site's database under another name, named by these settings instead. */
function moveDatabase(site: Site, settings: string): Site {
  const database = path.join(site.directory, 'moved.db');
  renameSync(site.database, database);
  const ini = readFileSync(site.ini, 'utf8').replace('%(here)s/site.db', '%(here)s/moved.db');
  writeFileSync(site.ini, ini + settings);
  return { ...site, database };
}

test('a state file of no run, and of one database among several, are refused', async () => {
  const { site, stateFile } = await movedSite();
  const none = path.join(site.directory, 'none.sqlite');
  await expect(undo(site, none)).rejects.toMatchObject({ kind: 'not-found' });
  const both = 'databases =\n    sqlite:///%(here)s/moved.db\n    sqlite:///%(here)s/second.db\n';
  const moved = moveDatabase(site, both);
  query({ ...site, database: path.join(site.directory, 'second.db') }, 'CREATE TABLE t (a TEXT)');
  await expect(undo(moved, stateFile)).rejects.toMatchObject({
    kind: 'not-found',
    message: expect.stringContaining('site.db'),
    hint: expect.stringContaining('name it alone'),
  });
});

test('turns a reference back beside others that the application has edited since', async () => {
  const site = makeSite();
  const [kept, edited] = [await addBlob(site, 'dbfiles', 'a'), await addBlob(site, 'dbfiles', 'b')];
  const text = (one: string, other: string, title: string): string =>
    `[${referenceText(one, kept)}, ${referenceText(other, edited, { title })}]`;
  const row = addRow(site, text('dbfiles', 'dbfiles', 'old'));
  const { stateFile } = await migrate(site);
  const changed = text('localfs', 'localfs', 'new');
  query(site, 'UPDATE files SET data = ? WHERE id = ?', changed, row);
  const { counts, problems } = await undo(site, stateFile);
  expect(counts.references).toMatchObject({ scanned: 2, migrated: 1, changed: 1 });
  expect(problems).toMatchObject([{ kind: 'reference-changed', reference: 'files.data id=1' }]);
  expect(rowText(site, row)).toBe(text('dbfiles', 'localfs', 'new'));
});

test.each([[[1, 2, 3]], [[3, 2, 1]], [[2, 3, 1]]])(
  'turns back what shards have moved, in whatever order: %j',
  async (order) => {
    const { site, references } = await spreadSite({ rows: 30, files: 20 });
    const texts = () => query(site, 'SELECT id, data FROM files ORDER BY id');
    const before = texts();
    const states = new Map<number, string | null>();
    for (const index of [1, 2, 3]) {
      const { stateFile } = await migrate(site, { shard: { index, count: 3 } });
      states.set(index, stateFile);
    }
    expect(await storagesNamed(site)).toEqual({ localfs: references });
    const contents = await resolveReferences(site);
    let migrated = 0;
    for (const index of [...order, ...order]) {
      const { problems, counts } = await undo(site, states.get(index) ?? null);
      expect(problems).toEqual([]);
      migrated += counts.references.migrated;
      expect(await resolveReferences(site)).toEqual(contents);
    }
    expect(migrated).toBe(references);
    expect(texts()).toEqual(before);
  },
);

test('the one database may have moved since', async () => {
  const { site, stateFile } = await movedSite();
  const moved = moveDatabase(site, '');
  expect((await undo(moved, stateFile)).problems).toEqual([]);
  expect(await storagesNamed(moved)).toEqual({ dbfiles: 1 });
});
