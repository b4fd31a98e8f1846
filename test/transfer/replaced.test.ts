import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { afterCreate, aroundChange, kill, once, siteWithOne } from './meanwhile.js';
import { migrate } from './runs.js';
import {
  addBlob,
  addRow,
  makeSite,
  readBlob,
  referenceText,
  replaceBlob,
  rowText,
} from './site.js';

test('a blob replaced between its copy and the change of its reference arrives', async () => {
  const { site, id, row } = await siteWithOne();
  const before = once(() => replaceBlob(site, 'dbfiles', id, 'second'));
  const { counts, problems } = await migrate(site, aroundChange({ before }));
  expect(problems).toEqual([]);
  expect(counts.references.migrated).toBe(1);
  expect(rowText(site, row)).toBe(referenceText('localfs', id));
  expect(await readBlob(site, 'localfs', id)).toBe('second');
});

test('… also where the run was killed just then and another one goes on', async () => {
  const { site, id, row } = await siteWithOne();
  const killed = await migrate(
    site,
    aroundChange({
      before: once(() => replaceBlob(site, 'dbfiles', id, 'second')),
      after: kill,
    }),
  );
  expect(killed.error).toMatchObject({ message: 'killed' });
  expect(rowText(site, row)).toBe(referenceText('localfs', id));
  await migrate(site);
  expect(await readBlob(site, 'localfs', id)).toBe('second');

  await replaceBlob(site, 'localfs', id, 'third');
  const again = await migrate(site);
  expect(again.problems).toEqual([]);
  expect(await readBlob(site, 'localfs', id)).toBe('third');
});

test('… also where the site was just writing it: a further run looks again', async () => {
  const site = makeSite();
  const id = await addBlob(site, 'localfs', 'first!');
  addRow(site, referenceText('localfs', id));
  const metadata = path.join(site.directory, 'blobs', id, 'metadata.json');
  const text = readFileSync(metadata);
  const between = { from: 'localfs', to: 'archive' };
  // Python empties the file before it writes it anew.
  const before = once(() => writeFileSync(metadata, ''));
  const first = await migrate(site, { ...between, ...aroundChange({ before }) });
  expect(first.error).toBeNull();
  expect(first.counts.references.migrated).toBe(1);
  expect(first.problems).toMatchObject([{ kind: 'damaged-blob', path: `archive/${id}` }]);
  writeFileSync(metadata, text);
  await replaceBlob(site, 'localfs', id, 'second');
  for (let run = 0; run < 2; run += 1) {
    expect((await migrate(site, between)).problems).toEqual([]);
    expect(await readBlob(site, 'archive', id)).toBe('second');
  }
});

test('a blob replaced twice, in the source and then in the target, keeps what came last', async () => {
  const { site, id } = await siteWithOne();
  const { problems } = await migrate(
    site,
    aroundChange({
      before: once(() => replaceBlob(site, 'dbfiles', id, 'second')),
      after: once(() => replaceBlob(site, 'localfs', id, 'third!')),
    }),
  );
  expect(problems).toMatchObject([{ kind: 'target-differs', path: `localfs/${id}` }]);
  expect(await readBlob(site, 'localfs', id)).toBe('third!');
});

test('a blob replaced before its reference was ever moved is copied anew by the next run', async () => {
  const { site, id, row } = await siteWithOne();
  const stopped = await migrate(
    site,
    aroundChange({
      before: kill,
    }),
  );
  expect(stopped.error).toMatchObject({ message: 'killed' });
  expect(rowText(site, row)).toBe(referenceText('dbfiles', id));
  await replaceBlob(site, 'dbfiles', id, 'second');
  const { problems } = await migrate(site);
  expect(problems).toEqual([]);
  expect(await readBlob(site, 'localfs', id)).toBe('second');
});

test('… also where the run was killed amid the copies of a page', async () => {
  const { site, id } = await siteWithOne();
  const other = await addBlob(site, 'dbfiles', 'other');
  addRow(site, referenceText('dbfiles', other));
  const stopped = await migrate(site, {
    concurrency: 1,
    async prepare(manager) {
      const { backend } = await manager.storage('localfs');
      const create = backend.create.bind(backend);
      backend.create = async (target, ...rest) => {
        if (target === other) throw new Error('killed');
        return create(target, ...rest);
      };
      const database = (await manager.referenceDatabases())[0];
      if (database !== undefined) database.change = () => Promise.reject(new Error('killed'));
    },
  });
  expect(stopped.error).toMatchObject({ message: 'killed' });
  await replaceBlob(site, 'dbfiles', id, 'second');
  const { problems } = await migrate(site);
  expect(problems).toEqual([]);
  expect(await readBlob(site, 'localfs', id)).toBe('second');
});

test('… and where it was killed before the copy could be noted', async () => {
  const { site, id } = await siteWithOne();
  const stopped = await migrate(site, afterCreate('localfs', kill));
  expect(stopped.error).toMatchObject({ message: 'killed' });
  await replaceBlob(site, 'dbfiles', id, 'second');
  const { problems } = await migrate(site);
  expect(problems).toEqual([]);
  expect(await readBlob(site, 'localfs', id)).toBe('second');
});

test('what the application wrote into the target after the move is never overwritten', async () => {
  const { site, id } = await siteWithOne();
  await migrate(site);
  await replaceBlob(site, 'localfs', id, 'newest');
  const late = addRow(site, referenceText('dbfiles', id));
  await replaceBlob(site, 'dbfiles', id, 'older!');
  const { counts, problems } = await migrate(site);
  expect(problems).toMatchObject([{ kind: 'target-differs' }]);
  expect(counts.references.failed).toBe(1);
  expect(rowText(site, late)).toBe(referenceText('dbfiles', id));
  expect(await readBlob(site, 'localfs', id)).toBe('newest');
});

test('… nor what it writes while our copy is under way', async () => {
  const { site, id } = await siteWithOne();
  await migrate(site);
  const late = addRow(site, referenceText('dbfiles', id));
  await replaceBlob(site, 'dbfiles', id, 'older!');
  const { problems } = await migrate(site, {
    async prepare(manager) {
      const { backend } = await manager.storage('localfs');
      const replace = backend.replace.bind(backend);
      backend.replace = async (...all) => {
        await replaceBlob(site, 'localfs', id, 'newest');
        return replace(...all);
      };
    },
  });
  expect(problems).toMatchObject([{ kind: 'target-differs', path: `dbfiles/${id}` }]);
  expect(rowText(site, late)).toBe(referenceText('dbfiles', id));
  expect(await readBlob(site, 'localfs', id)).toBe('newest');
});
