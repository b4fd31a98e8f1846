import { expect, test } from 'vitest';
import { aroundChange, once, siteWithOne } from './meanwhile.js';
import { migrate } from './runs.js';
import {
  addBlob,
  addRow,
  makeSite,
  query,
  readBlob,
  referenceText,
  rowText,
  type Site,
} from './site.js';

function setText(site: Site, row: number, text: string | null): void {
  query(site, 'UPDATE files SET data = ? WHERE id = ?', text, row);
}

test('a reference that the application edits meanwhile keeps the edit and moves', async () => {
  const { site, id, row } = await siteWithOne();
  const edited = (storage: string): string => referenceText(storage, id, { title: 'Größe' });
  const before = once(() => setText(site, row, edited('dbfiles')));
  const { counts, problems } = await migrate(site, aroundChange({ before }));
  expect(problems).toEqual([]);
  expect(counts.references).toMatchObject({ scanned: 1, migrated: 1 });
  expect(rowText(site, row)).toBe(edited('localfs'));
});

test('a reference that meanwhile names another file moves to that one', async () => {
  const { site, row } = await siteWithOne();
  const newer = await addBlob(site, 'dbfiles', 'newer');
  const before = once(() => setText(site, row, referenceText('dbfiles', newer)));
  await migrate(site, aroundChange({ before }));
  expect(rowText(site, row)).toBe(referenceText('localfs', newer));
  expect(await readBlob(site, 'localfs', newer)).toBe('newer');
});

test('a reference that keeps changing is left as the application wrote it, and named', async () => {
  const { site, id, row } = await siteWithOne();
  let edits = 0;
  const before = (): void => {
    edits += 1;
    setText(site, row, referenceText('dbfiles', id, { edits }));
  };
  const { counts, problems } = await migrate(site, aroundChange({ before }));
  expect(problems).toMatchObject([{ kind: 'reference-changed', reference: 'files.data id=1' }]);
  expect(counts.references).toMatchObject({ scanned: 1, migrated: 0, changed: 1, failed: 0 });
  expect(rowText(site, row)).toBe(referenceText('dbfiles', id, { edits }));
});

test.for([
  ['deleted', 'DELETE FROM files'],
  ['emptied', 'UPDATE files SET data = NULL'],
])('a reference that is %s meanwhile needs nothing', async ([, sql]) => {
  const { site } = await siteWithOne();
  const before = once(() => void query(site, sql as string));
  const { counts, problems, error } = await migrate(site, aroundChange({ before }));
  expect(error).toBeNull();
  expect(problems).toEqual([]);
  expect(counts.references.migrated).toBe(0);
  expect(query(site, 'SELECT data FROM files WHERE data IS NOT NULL')).toEqual([]);
});

test('a row that is read again is counted once, and what it lacks is named once', async () => {
  const site = makeSite();
  const [here, gone] = [
    await addBlob(site, 'dbfiles', 'here'),
    '6a39cf60-8a8b-4c31-8c7d-6ac8c2f6a001',
  ];
  const both = (storage: string, title: string): string =>
    `[${referenceText(storage, here, { title })}, ${referenceText('dbfiles', gone)}]`;
  const row = addRow(site, both('dbfiles', 'a'));
  const before = once(() => setText(site, row, both('dbfiles', 'b')));
  const { counts, problems } = await migrate(site, aroundChange({ before }));
  expect(counts.references).toEqual({ scanned: 2, migrated: 1, missing: 1, changed: 0, failed: 0 });
  expect(counts.blobs).toMatchObject({ copied: 1, missing: 1 });
  expect(problems).toHaveLength(1);
  expect(rowText(site, row)).toBe(both('localfs', 'b'));
});

test('a blob that is missing for many is counted once', async () => {
  const site = makeSite();
  query(site, 'CREATE TABLE more (id INTEGER PRIMARY KEY, data TEXT)');
  const text = referenceText('dbfiles', '6a39cf60-8a8b-4c31-8c7d-6ac8c2f6a001');
  for (const table of ['files', 'files', 'more']) addRow(site, text, table);
  const { counts, problems } = await migrate(site);
  expect(counts.references.missing).toBe(3);
  expect(counts.blobs.missing).toBe(1);
  expect(problems).toHaveLength(3);
});

test('rows that the application adds behind are moved, those before by the next run', async () => {
  const { site } = await siteWithOne();
  query(site, 'UPDATE files SET id = 10');
  const id = await addBlob(site, 'dbfiles', 'added');
  const add = (row: number): void =>
    void query(
      site,
      'INSERT INTO files (id, data) VALUES (?, ?)',
      row,
      referenceText('dbfiles', id),
    );
  const before = once(() => {
    add(5);
    add(20);
  });
  await migrate(site, aroundChange({ before }));
  expect(rowText(site, 20)).toBe(referenceText('localfs', id));
  expect(rowText(site, 5)).toBe(referenceText('dbfiles', id));
  expect((await migrate(site)).counts.references.migrated).toBe(1);
});
