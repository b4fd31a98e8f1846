import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Manager } from '../../src/manager.js';
import type { Selection } from '../../src/transfer/selection.js';
import { resolveReferences, storagesNamed } from './resolved.js';
import { migrate } from './runs.js';
import {
  addBlob,
  addRow,
  chunk,
  copySite,
  identifiers,
  makeSite,
  query,
  referenceText,
  rowText,
  type Site,
  withManager,
} from './site.js';

/** Adds a reference with a blob of so many bytes; returns its row. */
async function addSized(site: Site, bytes: number, extra = {}): Promise<number> {
  const id = await addBlob(site, 'dbfiles', 'x'.repeat(bytes));
  return addRow(site, referenceText('dbfiles', id, extra));
}

/** Notes of which blobs the source is asked what it knows. */
async function listening(manager: Manager, asked: string[]): Promise<void> {
  const { backend } = await manager.storage('dbfiles');
  const info = backend.info.bind(backend);
  backend.info = (id) => {
    asked.push(id);
    return info(id);
  };
  const infos = backend.infos?.bind(backend);
  backend.infos = async (ids) => {
    asked.push(...ids);
    return (await infos?.(ids)) ?? [];
  };
}

function storageOf(site: Site, row: number): string | undefined {
  return /"depot_name": "(\w+)"/.exec(rowText(site, row))?.[1];
}

test('moves larger and smaller files, by more and by less than the limit', async () => {
  const site = makeSite();
  const rows = [];
  for (const bytes of [0, 99, 100, 101, 200]) rows.push(await addSized(site, bytes));
  const larger = await migrate(site, { selection: { largerThan: 100 } });
  expect(larger).toMatchObject({ error: null, problems: [] });
  expect(larger.counts.references).toEqual({
    ...{ scanned: 5, migrated: 2, not_selected: 3 },
    ...{ missing: 0, changed: 0, failed: 0 },
  });
  expect(larger.counts.blobs).toMatchObject({ copied: 2, missing: 0, failed: 0 });
  expect(rows.map((row) => storageOf(site, row))).toEqual([
    ...['dbfiles', 'dbfiles', 'dbfiles', 'localfs', 'localfs'],
  ]);
  expect((await identifiers(site, 'localfs')).length).toBe(2);

  const between = await migrate(site, { selection: { largerThan: 0, smallerThan: 100 } });
  expect(between.counts.references).toMatchObject({ migrated: 1, not_selected: 2 });
  expect(rows.map((row) => storageOf(site, row))).toEqual([
    ...['dbfiles', 'localfs', 'dbfiles', 'localfs', 'localfs'],
  ]);
  const rest = await migrate(site);
  expect(rest.counts.references).toEqual({
    ...{ scanned: 5, migrated: 2, missing: 0, changed: 0, failed: 0 },
  });
});

test('moves files stored before a time; a time that is not known is not before', async () => {
  const site = makeSite();
  const rows = new Map<string, number>();
  for (const time of ['2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z', null]) {
    const id = randomUUID();
    await withManager(site, async (manager) => {
      const lastModified = time === null ? null : new Date(time);
      const localfs = await manager.storage('localfs');
      await localfs.create(chunk('content'), { id, lastModified });
    });
    if (time === null) {
      const metadata = path.join(site.directory, 'blobs', id, 'metadata.json');
      writeFileSync(metadata, '{"filename": "a.txt", "content_type": "text/plain"}');
    }
    rows.set(String(time), addRow(site, referenceText('localfs', id)));
  }
  const selection = { modifiedBefore: new Date('2026-01-02T00:00:00Z') };
  const { counts, problems } = await migrate(site, { from: 'localfs', to: 'archive', selection });
  expect(problems).toEqual([]);
  expect(counts.references).toMatchObject({ migrated: 1, not_selected: 2, failed: 0 });
  expect(storageOf(site, rows.get('2026-01-01T00:00:00Z') as number)).toBe('archive');
});

test('a reference moves whole or not at all, as its own file says', async () => {
  const site = makeSite();
  const [small, large] = [
    await addBlob(site, 'dbfiles', 'small'),
    await addBlob(site, 'dbfiles', 'x'.repeat(1000)),
  ];
  const smallWithLarge = addRow(
    site,
    referenceText('dbfiles', small, { files: [`dbfiles/${large}`] }),
  );
  const largeWithSmall = addRow(
    site,
    referenceText('dbfiles', large, { files: [`dbfiles/${small}`] }),
  );
  const absent = `dbfiles/${randomUUID()}`;
  const smallAndIncomplete = await addSized(site, 1, { files: [absent] });
  const { counts, problems } = await migrate(site, { selection: { largerThan: 100 } });
  expect(problems).toEqual([]);
  expect(counts.references).toMatchObject({ migrated: 1, not_selected: 2, missing: 0 });
  expect(counts.blobs).toMatchObject({ copied: 2, missing: 0 });
  expect(storageOf(site, largeWithSmall)).toBe('localfs');
  expect(storageOf(site, smallWithLarge)).toBe('dbfiles');
  expect(storageOf(site, smallAndIncomplete)).toBe('dbfiles');
});

test('moves some of the references of one text, and leaves the others in it', async () => {
  const site = makeSite();
  const ids = [];
  for (const bytes of [10, 1000, 20, 2000]) {
    ids.push(await addBlob(site, 'dbfiles', 'x'.repeat(bytes)));
  }
  addRow(site, `[${ids.map((id) => referenceText('dbfiles', id)).join(', ')}]`);
  const selection = { largerThan: 100 };
  for (const [migrated, not_selected] of [
    [1, 2],
    [1, 2],
    [0, 2],
  ]) {
    const { counts } = await migrate(site, { selection, limit: 1 });
    expect(counts.references).toMatchObject({ migrated, not_selected });
  }
  expect(await storagesNamed(site)).toEqual({ dbfiles: 2, localfs: 2 });
});

test('what is not selected is no problem; what cannot be judged is one', async () => {
  const site = makeSite(
    'depot.3.name = a-much-longer-name\ndepot.3.backend = local\ndepot.3.storage_path = %(here)s/archive\n',
  );
  const text = referenceText('dbfiles', await addBlob(site, 'dbfiles', 'small'));
  query(site, `CREATE TABLE tight (id INTEGER PRIMARY KEY, data VARCHAR(${text.length}))`);
  addRow(site, text, 'tight');
  const to = 'a-much-longer-name';
  const kinds = async (selection: Selection): Promise<string[]> =>
    (await migrate(site, { to, selection })).problems.map(({ kind }) => kind);
  expect(await kinds({})).toEqual(['reference-too-long']);
  expect(await kinds({ largerThan: 100 })).toEqual([]);
  addRow(site, referenceText('dbfiles', randomUUID()));
  expect(await kinds({ largerThan: 100 })).toEqual(['missing-blob']);
});

test('--limit counts what is moved, and a dry run selects alike', async () => {
  const site = makeSite();
  for (let row = 0; row < 30; row += 1) await addSized(site, row);
  const selection = { largerThan: 19 };
  const dry = await migrate(site, { selection, limit: 4, dryRun: true });
  expect(dry.counts.references.migrated).toBe(4);
  for (const migrated of [4, 4, 2, 0]) {
    const { counts } = await migrate(site, { selection, limit: 4 });
    expect(counts.references.migrated).toBe(migrated);
  }
  expect(await storagesNamed(site)).toEqual({ dbfiles: 20, localfs: 10 });
});

test('a file is looked up once to be left out, and what goes with it not at all', async () => {
  const site = makeSite();
  const thumbnails = [];
  for (let row = 0; row < 3; row += 1) {
    const thumbnail = await addBlob(site, 'dbfiles', 'x'.repeat(200));
    thumbnails.push(thumbnail);
    await addSized(site, row, { files: [`dbfiles/${thumbnail}`] });
  }
  const asked: string[] = [];
  await migrate(site, {
    selection: { largerThan: 100 },
    limit: 1,
    prepare: (manager) => listening(manager, asked),
  });
  expect(asked.length).toBe(3);
  expect(new Set(asked).size).toBe(3);
  for (const thumbnail of thumbnails) expect(asked).not.toContain(thumbnail);
});

test('shards select what is theirs, and look at nothing else', async () => {
  const site = makeSite();
  for (let row = 0; row < 20; row += 1) await addSized(site, row);
  const shards = [1, 2, 3].map((index) => ({ index, count: 3 }));
  const asked: string[] = [];
  for (const shard of shards) {
    const { counts } = await migrate(site, {
      ...{ selection: { largerThan: 100 }, shard },
      prepare: (manager) => listening(manager, asked),
    });
    expect(counts.references).toMatchObject({ not_selected: counts.references.scanned });
  }
  expect(asked.length).toBe(20);
  let migrated = 0;
  for (const shard of shards) {
    const { counts } = await migrate(site, { selection: { largerThan: 9 }, shard });
    migrated += counts.references.migrated;
  }
  expect(migrated).toBe(10);
  expect(await storagesNamed(site)).toEqual({ dbfiles: 10, localfs: 10 });
});

test('--delete-source deletes what references name in the target, and nothing else', async () => {
  const site = makeSite();
  for (const bytes of [10, 1000]) await addSized(site, bytes);
  const selection = { largerThan: 100 };
  const first = await migrate(site, { selection, deleteSource: true });
  expect(first.counts.blobs).toMatchObject({ copied: 1, deleted: 1 });
  expect((await identifiers(site, 'dbfiles')).length).toBe(1);
  await migrate(site);
  const none = await migrate(site, { selection, deleteSource: true });
  expect(none.counts.blobs).toMatchObject({ copied: 0, deleted: 1 });
  expect(await identifiers(site, 'dbfiles')).toEqual([]);
});

test('--exclude leaves columns out of what is moved, and in what is protected', async () => {
  const site = makeSite();
  query(site, 'CREATE TABLE drafts (id INTEGER PRIMARY KEY, data TEXT)');
  const id = await addBlob(site, 'dbfiles', 'shared');
  addRow(site, referenceText('dbfiles', id));
  addRow(site, referenceText('dbfiles', id), 'drafts');
  const exclude = ['drafts.data'];
  const { counts, problems } = await migrate(site, { exclude, deleteSource: true });
  expect(counts.references).toEqual({
    ...{ scanned: 1, migrated: 1, missing: 0, changed: 0, failed: 0 },
  });
  expect(problems).toMatchObject([{ kind: 'still-mentioned', reference: 'drafts.data id=1' }]);
  expect(await identifiers(site, 'dbfiles')).toEqual([id]);

  const named = { references: ['drafts.data', 'files.data'], exclude };
  expect((await migrate(site, named)).counts.references).toMatchObject({ scanned: 1, migrated: 0 });
  await expect(migrate(site, { exclude: ['drafts.nothing'] })).rejects.toMatchObject({
    kind: 'not-found',
    message: expect.stringContaining('no column drafts.nothing'),
  });
});

test('any two limits together move what each of them leaves out', async () => {
  const runs = fc.asyncProperty(
    fc.array(fc.array(fc.nat(50), { minLength: 1, maxLength: 3 }), { maxLength: 5 }),
    fc.nat(50),
    async (rows, limit) => {
      const site = makeSite();
      for (const sizes of rows) {
        const references = [];
        for (const size of sizes) {
          const id = await addBlob(site, 'dbfiles', 'x'.repeat(size));
          references.push(referenceText('dbfiles', id));
        }
        addRow(site, `[${references.join(', ')}]`);
      }
      const all = rows.flat();
      const larger = all.filter((size) => size > limit).length;
      const first = await migrate(site, { selection: { largerThan: limit } });
      expect(first.counts.references).toMatchObject({
        migrated: larger,
        not_selected: all.length - larger,
      });
      const second = await migrate(site, { selection: { smallerThan: limit + 1 } });
      expect(second.counts.references).toMatchObject({
        migrated: all.length - larger,
        not_selected: 0,
      });
      expect((await storagesNamed(site)).dbfiles).toBeUndefined();
    },
  );
  await fc.assert(runs, { numRuns: 15 });
});

test('a Kotti site moves in parts, and every reference resolves in between', async () => {
  const site = copySite();
  const before = await resolveReferences(site);
  const missing = (await migrate(site, { dryRun: true })).counts.references.missing;
  let migrated = 0;
  for (const selection of [{ largerThan: 1000 }, { smallerThan: 100 }, { smallerThan: 1001 }]) {
    const { counts } = await migrate(site, { selection });
    expect(counts.references.failed).toBe(0);
    migrated += counts.references.migrated;
    expect(await resolveReferences(site)).toEqual(before);
  }
  expect(migrated).toBeGreaterThan(0);
  expect((await storagesNamed(site)).dbfiles ?? 0).toBe(missing);
});
