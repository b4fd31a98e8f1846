import { expect, test } from 'vitest';
import { afterCreate } from './meanwhile.js';
import { resolveReferences, storagesNamed } from './resolved.js';
import { migrate } from './runs.js';
import {
  addBlob,
  addRow,
  deleteBlob,
  makeSite,
  query,
  readBlob,
  referenceText,
  replaceBlob,
  rowText,
} from './site.js';

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
  const [first, second] = [
    await addBlob(site, 'dbfiles', 'first'),
    await addBlob(site, 'dbfiles', 'second'),
  ];
  for (const id of [first, second]) addRow(site, referenceText('dbfiles', id));
  let deleted = false;
  const removing = afterCreate('localfs', async (id) => {
    if (id !== first || deleted) return;
    deleted = true;
    query(site, 'DELETE FROM files WHERE id = 1');
    await deleteBlob(site, 'dbfiles', first);
  });
  const { counts, error } = await migrate(site, removing);
  expect(error).toBeNull();
  expect(counts.references).toMatchObject({ migrated: 1, failed: 0, missing: 0 });
  expect(rowText(site, 2)).toBe(referenceText('localfs', second));
});
