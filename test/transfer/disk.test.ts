import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { expect, onTestFinished, type TestContext, test } from 'vitest';
import { runMigrationProcess } from './processes.js';
import { resolveReferences, storagesNamed } from './resolved.js';
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

/** Mounts a small file system, which can be told to grow; skips the test where that is not allowed. */
function mountSmall(context: TestContext, directory: string, size: string): (size: string) => void {
  const mount = (options: string): number | null =>
    spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', directory]).status;
  if (mount(`size=${size}`) !== 0) context.skip('file systems cannot be mounted here');
  onTestFinished(() => void spawnSync('umount', ['-l', directory]));
  return (grown) => expect(mount(`remount,size=${grown}`)).toBe(0);
}

/** References to ten blobs of 300 kB in a storage. */
async function fill(site: Site, storage: string): Promise<void> {
  for (let row = 0; row < 10; row += 1) {
    const id = await addBlob(site, storage, Buffer.alloc(300_000, row));
    addRow(site, referenceText(storage, id));
  }
}

test('a full disk under a local target stops the run, and a run with more room goes on', async (context) => {
  const site = makeSite();
  const grow = mountSmall(context, path.join(site.directory, 'blobs'), '1m');
  await fill(site, 'dbfiles');
  const before = await resolveReferences(site);
  const { code, stderr, summary } = await runMigrationProcess(site, ['--concurrency', '2']);
  expect(code).toBe(1);
  expect(stderr).toContain('no space left on the disk');
  expect(stderr.trim().split('\n')).toHaveLength(2);
  expect(summary?.references.migrated).toBe((await storagesNamed(site)).localfs ?? 0);
  expect(await resolveReferences(site)).toEqual(before);
  const half = await migrate(site, { deleteSource: true });
  expect(half.error).toMatchObject({ kind: 'failed' });
  expect(await resolveReferences(site)).toEqual(before);
  grow('16m');
  expect((await migrate(site, { deleteSource: true })).problems).toEqual([]);
  expect(await resolveReferences(site)).toEqual(before);
  expect(await identifiers(site, 'dbfiles')).toEqual([]);
});

test('a full disk under the database stops the run, and a run with more room goes on', async (context) => {
  const site = makeSite();
  const disk = path.join(site.directory, 'disk');
  mkdirSync(disk);
  const grow = mountSmall(context, disk, '1m');
  cpSync(site.database, path.join(disk, 'site.db'));
  rmSync(site.database);
  symlinkSync(path.join(disk, 'site.db'), site.database);
  await fill(site, 'localfs');
  const before = await resolveReferences(site);
  const stopped = await migrate(site, { from: 'localfs', to: 'dbfiles' });
  expect(stopped.error).toMatchObject({
    kind: 'failed',
    message: expect.stringContaining('space'),
  });
  expect(await resolveReferences(site)).toEqual(before);
  grow('16m');
  const again = await migrate(site, { from: 'localfs', to: 'dbfiles', deleteSource: true });
  expect([again.error, again.problems]).toEqual([null, []]);
  expect(await resolveReferences(site)).toEqual(before);
  expect(await identifiers(site, 'localfs')).toEqual([]);
});

test('a full disk under the state file changes no reference', async (context) => {
  const site = makeSite();
  const disk = path.join(site.directory, 'disk');
  mkdirSync(disk);
  mountSmall(context, disk, '256k');
  await fill(site, 'dbfiles');
  query(site, `UPDATE files SET data = replace(data, '}', ', "note": "${'x'.repeat(3000)}"}')`);
  const before = await resolveReferences(site);
  const { error } = await migrate(site, { stateFile: path.join(disk, 'state.sqlite') });
  expect(error).toMatchObject({ message: expect.stringContaining('state.sqlite') });
  expect(await storagesNamed(site)).toEqual({ dbfiles: 10 });
  expect(await resolveReferences(site)).toEqual(before);
  expect((await migrate(site)).counts.references.migrated).toBe(10);
});

test('a target directory that is gone is named before anything is done', async () => {
  const site = makeSite();
  const id = await addBlob(site, 'dbfiles', 'content');
  const row = addRow(site, referenceText('dbfiles', id));
  rmSync(path.join(site.directory, 'blobs'), { recursive: true });
  await expect(migrate(site)).rejects.toMatchObject({
    kind: 'unreachable',
    message: expect.stringContaining('blobs'),
  });
  expect(rowText(site, row)).toBe(referenceText('dbfiles', id));
});

test('a target that cannot be written stops the run', async (context) => {
  if (process.getuid?.() === 0) context.skip('root may write anywhere');
  const site = makeSite();
  const row = addRow(site, referenceText('dbfiles', await addBlob(site, 'dbfiles', 'content')));
  const text = rowText(site, row);
  chmodSync(path.join(site.directory, 'blobs'), 0o555);
  const { error } = await migrate(site);
  chmodSync(path.join(site.directory, 'blobs'), 0o755);
  expect(error).toMatchObject({ kind: 'unreachable' });
  expect(rowText(site, row)).toBe(text);
});

test('a target that becomes read-only stops the run, root or not', async (context) => {
  const site = makeSite();
  const directory = path.join(site.directory, 'blobs');
  mountSmall(context, directory, '16m');
  await fill(site, 'dbfiles');
  spawnSync('mount', ['-o', 'remount,ro', directory]);
  const { error, counts } = await migrate(site);
  expect(error).toMatchObject({
    kind: 'unreachable',
    message: expect.stringContaining('read-only'),
  });
  expect(counts.references).toMatchObject({ migrated: 0, failed: 0 });
  expect(await storagesNamed(site)).toEqual({ dbfiles: 10 });
});
