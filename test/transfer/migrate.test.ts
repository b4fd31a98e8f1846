import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { resolveReferences, snapshot, storagesNamed } from './resolved.js';
import { migrate } from './runs.js';
import {
  addBlob,
  addRow,
  copySite,
  identifiers,
  makeSite,
  query,
  readBlob,
  referenceText,
  rowText,
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

const noBlobs = {
  ...{ copied: 0, copied_by_service: 0, reused: 0 },
  ...{ missing: 0, failed: 0, deleted: 0 },
};

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

test.for(['DELETE', 'WAL'])(
  'a dry run counts what a run would do and changes not one byte (%s)',
  async (journal) => {
    const site = copySite();
    query(site, `PRAGMA journal_mode = ${journal}`);
    const before = snapshot(site.directory);
    const dry = await migrate(site, { dryRun: true, deleteSource: true });
    expect(snapshot(site.directory)).toEqual(before);
    expect(dry.stateFile).toBeNull();
    const { counts } = await migrate(site, { deleteSource: true });
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
