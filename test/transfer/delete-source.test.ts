import { chmodSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { resolveReferences } from './resolved.js';
import { migrate } from './runs.js';
import {
  addBlob,
  addRow,
  copySite,
  deleteBlob,
  identifiers,
  makeSite,
  readBlob,
  referenceText,
  replaceBlob,
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

test('deletes what was moved, and nothing that has no reference', async () => {
  const site = copySite();
  const before = await resolveReferences(site);
  const blobs = await identifiers(site, 'dbfiles');
  const { counts, error, problems } = await migrate(site, { deleteSource });
  expect(error).toBeNull();
  expect(await resolveReferences(site)).toEqual(before);
  const left = await identifiers(site, 'dbfiles');
  expect(counts.blobs.deleted).toBe(blobs.length - left.length);
  expect(counts.blobs.deleted).toBeGreaterThan(10);
  expect(problems.map(({ kind }) => kind)).not.toContain('delete-failed');
  const copies = new Set(await identifiers(site, 'localfs'));
  for (const id of blobs) expect(left.includes(id) || copies.has(id)).toBe(true);
});

test('a later run deletes what an earlier one moved, once', async () => {
  const { site, id } = await movedSite();
  expect(await identifiers(site, 'dbfiles')).toEqual([id]);
  expect((await migrate(site, { deleteSource })).counts.blobs.deleted).toBe(1);
  expect(await identifiers(site, 'dbfiles')).toEqual([]);
  const again = await migrate(site, { deleteSource });
  expect(again.counts.blobs.deleted).toBe(0);
  expect(again.problems).toEqual([]);
  expect(await readBlob(site, 'localfs', id)).toBe('content');
});

test('deletes out of a local storage too', async () => {
  const site = makeSite();
  const id = await addBlob(site, 'localfs', 'content');
  addRow(site, referenceText('localfs', id));
  const { counts } = await migrate(site, { from: 'localfs', to: 'dbfiles', deleteSource });
  expect(counts.blobs.deleted).toBe(1);
  expect(await identifiers(site, 'localfs')).toEqual([]);
  expect(await readBlob(site, 'dbfiles', id)).toBe('content');
});

test('thumbnails and blobs that several references share go when all have moved', async () => {
  const site = makeSite();
  const [id, thumb] = [await addBlob(site, 'dbfiles', 'a'), await addBlob(site, 'dbfiles', 'b')];
  const text = referenceText('dbfiles', id, {
    files: [`dbfiles/${thumb}`],
    thumb_100x100_id: thumb,
    thumb_100x100_path: `dbfiles/${thumb}`,
    thumb_100x100_url: `/depot/dbfiles/${thumb}`,
  });
  for (let row = 0; row < 3; row += 1) addRow(site, text);
  const limited = await migrate(site, { deleteSource, limit: 2 });
  expect(limited.counts.blobs.deleted).toBe(0);
  expect(limited.problems.map(({ kind }) => kind)).toEqual(['still-mentioned', 'still-mentioned']);
  expect((await migrate(site, { deleteSource })).counts.blobs.deleted).toBe(2);
});

test('a blob replaced in the source since it was copied is copied again and kept', async () => {
  const { site, id } = await movedSite();
  await replaceBlob(site, 'dbfiles', id, 'changed');
  const { counts, problems } = await migrate(site, { deleteSource });
  expect(counts.blobs.deleted).toBe(0);
  expect(problems).toMatchObject([{ kind: 'source-replaced', path: `dbfiles/${id}` }]);
  expect(await readBlob(site, 'localfs', id)).toBe('changed');
  expect(await readBlob(site, 'dbfiles', id)).toBe('changed');
  expect((await migrate(site, { deleteSource })).counts.blobs.deleted).toBe(1);
});

test('a blob replaced in the target is kept in the source, and stays what it is', async () => {
  const { site, id } = await movedSite();
  await replaceBlob(site, 'localfs', id, 'changed');
  const { counts, problems } = await migrate(site, { deleteSource });
  expect(counts.blobs.deleted).toBe(0);
  expect(problems).toMatchObject([{ kind: 'target-differs' }]);
  expect(await readBlob(site, 'localfs', id)).toBe('changed');
  expect(await readBlob(site, 'dbfiles', id)).toBe('content');
});

test('a blob that is gone from the target, or damaged there, is kept in the source', async () => {
  const { site, id } = await movedSite();
  const directory = path.join(site.directory, 'blobs', id);
  writeFileSync(path.join(directory, 'file'), 'conten');
  const damaged = await migrate(site, { deleteSource });
  expect(damaged.problems).toMatchObject([{ kind: 'delete-failed' }]);
  await deleteBlob(site, 'localfs', id);
  const gone = await migrate(site, { deleteSource });
  expect(gone.problems).toMatchObject([{ kind: 'target-differs' }]);
  expect(damaged.counts.blobs.deleted + gone.counts.blobs.deleted).toBe(0);
  expect(await readBlob(site, 'dbfiles', id)).toBe('content');
});

test('a reference that comes back to the source after the search protects its blob', async () => {
  const { site, id } = await movedSite();
  let cameBack = 0;
  const { counts, problems } = await migrate(site, {
    deleteSource,
    async prepare(manager) {
      const { backend } = await manager.storage('localfs');
      const read = backend.read.bind(backend);
      backend.read = async (...all) => {
        // The comparison of a large blob takes its time; an old transaction of the site commits.
        if (cameBack === 0) cameBack = addRow(site, referenceText('dbfiles', id));
        return read(...all);
      };
    },
  });
  expect(cameBack).toBeGreaterThan(0);
  expect(counts.blobs.deleted).toBe(0);
  expect(problems).toMatchObject([{ kind: 'still-mentioned', path: `dbfiles/${id}` }]);
  expect(await readBlob(site, 'dbfiles', id)).toBe('content');
});

test.for(['dbfiles', 'localfs'])(
  'a blob replaced in %s after it was compared is kept',
  async (storage) => {
    const { site, id } = await movedSite();
    let searches = 0;
    const { counts, problems } = await migrate(site, {
      deleteSource,
      references: ['files.data'],
      async prepare(manager) {
        const [database] = await manager.referenceDatabases();
        const tables = database?.tables.bind(database);
        if (database === undefined || tables === undefined) return;
        database.tables = async () => {
          searches += 1;
          // For the columns, for any reference at all, before and behind the comparison.
          if (searches === 4) await replaceBlob(site, storage, id, 'changed');
          return tables();
        };
      },
    });
    expect(searches).toBe(4);
    expect(counts.blobs.deleted).toBe(0);
    expect(problems).toMatchObject([{ kind: 'source-replaced', path: `dbfiles/${id}` }]);
    expect(await readBlob(site, storage, id)).toBe('changed');
    expect(await identifiers(site, 'dbfiles')).toEqual([id]);
  },
);

test('a directory that cannot be written keeps its blobs and says so', async (context) => {
  if (process.getuid?.() === 0) context.skip('root may write anywhere');
  const site = makeSite();
  const id = await addBlob(site, 'localfs', 'content');
  addRow(site, referenceText('localfs', id));
  chmodSync(path.join(site.directory, 'blobs'), 0o555);
  const { error, counts } = await migrate(site, { from: 'localfs', to: 'archive', deleteSource });
  chmodSync(path.join(site.directory, 'blobs'), 0o755);
  expect(error).toMatchObject({ kind: 'unreachable' });
  expect(counts.blobs.deleted).toBe(0);
  expect(await readBlob(site, 'archive', id)).toBe('content');
});

/** Lets time fly faster with each look at the clock: every part of the work is one blob. */
function hurry(): void {
  let now = 60_000;
  vi.spyOn(performance, 'now').mockImplementation(() => {
    now *= 8;
    return now;
  });
  onTestFinished(() => void vi.restoreAllMocks());
}

test('what is named again while blobs are deleted stays', async () => {
  const site = makeSite();
  const ids: string[] = [];
  for (const content of ['one', 'two', 'three']) {
    ids.push(await addBlob(site, 'dbfiles', content));
    addRow(site, referenceText('dbfiles', ids.at(-1) as string));
  }
  await migrate(site);
  hurry();
  const deleted: string[] = [];
  const { counts, problems } = await migrate(site, {
    deleteSource,
    async prepare(manager) {
      const { backend } = await manager.storage('dbfiles');
      const remove = backend.delete.bind(backend);
      backend.delete = async (id) => {
        deleted.push(id);
        await remove(id);
        for (const other of ids.filter((one) => one !== id))
          addRow(site, referenceText('dbfiles', other));
      };
    },
  });
  expect(deleted).toHaveLength(1);
  expect(counts.blobs.deleted).toBe(1);
  const kept = ids.filter((id) => !deleted.includes(id));
  expect((await identifiers(site, 'dbfiles')).sort()).toEqual(kept.sort());
  expect(problems.map(({ kind, path }) => `${kind} ${path}`).sort()).toEqual(
    kept.map((id) => `still-mentioned dbfiles/${id}`).sort(),
  );
});

test('a run that is interrupted has deleted what it had compared', async () => {
  const site = makeSite();
  for (const content of ['one', 'two', 'three'])
    addRow(site, referenceText('dbfiles', await addBlob(site, 'dbfiles', content)));
  await migrate(site);
  hurry();
  const aborted = new AbortController();
  const compared: string[] = [];
  await migrate(site, {
    ...{ deleteSource, signal: aborted.signal },
    async prepare(manager) {
      const { backend } = await manager.storage('localfs');
      const read = backend.read.bind(backend);
      backend.read = async (id, ...rest) => {
        compared.push(id);
        if (compared.length === 2) aborted.abort();
        return read(id, ...rest);
      };
    },
  });
  expect(await identifiers(site, 'dbfiles')).toHaveLength(2);
  const { counts } = await migrate(site, { deleteSource });
  expect(counts.blobs.deleted).toBe(2);
  expect(await identifiers(site, 'dbfiles')).toEqual([]);
});
