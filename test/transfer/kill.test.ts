import { readdirSync } from 'node:fs';
import path from 'node:path';
import Sqlite from 'better-sqlite3';
import { expect, onTestFinished, test } from 'vitest';
import { runMigrationProcess, signalWhen, startMigration } from './processes.js';
import { resolveReferences, storagesNamed } from './resolved.js';
import {
  addRow,
  chunk,
  identifiers,
  makeSite,
  referenceText,
  type Site,
  withManager,
} from './site.js';

/** Rows, of which each has a blob of its own and shares another with the next. */
const rows = 60;

async function fullSite(storage: string): Promise<Site> {
  const site = makeSite();
  const ids = Array.from(
    { length: rows },
    (_, row) => `f8fd9e46-e6ef-11f1-b551-${String(row).padStart(12, '0')}`,
  );
  await withManager(site, async (manager) => {
    const opened = await manager.storage(storage);
    for (const [row, id] of ids.entries()) {
      const size = row % 30 === 0 ? 3_000_000 : row * 997;
      await opened.create(chunk(Buffer.alloc(size, id)), { id, filename: 'a.bin' });
    }
  });
  for (const [row, id] of ids.entries()) {
    const shared = ids[(row + 1) % rows] as string;
    addRow(site, referenceText(storage, id, { files: [`${storage}/${shared}`] }));
  }
  return site;
}

/** How far a migration has come: blobs in the target, less those that the source has lost. */
function progressOf(site: Site, from: string): () => number {
  const handle = new Sqlite(site.database, { timeout: 10_000, readonly: true });
  onTestFinished(() => void handle.close());
  const inTable = handle.prepare<[], number>('SELECT count(*) FROM blobs').pluck();
  const inDirectory = (): number =>
    readdirSync(path.join(site.directory, 'blobs')).filter((name) => !name.startsWith('.')).length;
  return () => {
    const table = inTable.get() ?? 0;
    return from === 'dbfiles' ? inDirectory() + rows - table : table + rows - inDirectory();
  };
}

test.for([
  ['dbfiles', 'localfs', []],
  ['localfs', 'dbfiles', []],
  ['dbfiles', 'localfs', ['--delete-source']],
  ['localfs', 'dbfiles', ['--delete-source']],
] as const)(
  'killed again and again from %s to %s %s, every reference stays whole',
  async ([from, to, more]) => {
    const site = await fullSite(from);
    const before = await resolveReferences(site);
    expect(before.size).toBe(2 * rows);
    const args = ['--from', from, '--to', to, '--concurrency', '2', ...more];
    const progress = progressOf(site, from);
    const end = more.length === 0 ? rows : 2 * rows;
    let kills = 0;
    for (let step = 1; step <= 6; step += 1) {
      const point = Math.floor((step * end) / 7);
      const ended = await signalWhen(
        startMigration(site, args),
        'SIGKILL',
        () => progress() >= point,
      );
      if (ended.signal === 'SIGKILL') kills += 1;
      expect(await resolveReferences(site)).toEqual(before);
    }
    expect(kills).toBeGreaterThan(0);
    const last = await runMigrationProcess(site, args);
    expect(last.code, last.stderr).toBe(0);
    expect(last.problems).toEqual([]);
    expect(await resolveReferences(site)).toEqual(before);
    expect(await storagesNamed(site)).toEqual({ [to]: rows });
    expect(await identifiers(site, to)).toHaveLength(rows);
    expect(await identifiers(site, from)).toHaveLength(more.length === 0 ? rows : 0);
  },
);

test('a killed undo leaves every reference whole, and goes on', async () => {
  const site = await fullSite('dbfiles');
  const before = await resolveReferences(site);
  await runMigrationProcess(site, ['--delete-source']);
  const state = path.join(site.directory, 'depot-state', 'dbfiles-to-localfs.sqlite');
  const progress = progressOf(site, 'localfs');
  for (const point of [1, rows / 2, rows - 1]) {
    await signalWhen(startMigration(site, ['--undo', state]), 'SIGKILL', () => progress() >= point);
    expect(await resolveReferences(site)).toEqual(before);
  }
  const last = await runMigrationProcess(site, ['--undo', state]);
  expect(last.code, last.stderr).toBe(0);
  expect(await storagesNamed(site)).toEqual({ dbfiles: rows });
  expect(await resolveReferences(site)).toEqual(before);
});

test.for([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)(
  '%s ends it consistently with %i, and a further run goes on',
  async ([signal, code]) => {
    const site = await fullSite('dbfiles');
    const before = await resolveReferences(site);
    const progress = progressOf(site, 'dbfiles');
    const ended = await signalWhen(
      startMigration(site, ['--concurrency', '1']),
      signal,
      () => progress() >= 3,
    );
    expect(ended.code, ended.stderr).toBe(code);
    const copied = (await identifiers(site, 'localfs')).length;
    expect(copied).toBeLessThan(rows);
    expect(ended.summary?.blobs.copied).toBe(copied);
    expect(await resolveReferences(site)).toEqual(before);
    expect(ended.summary?.references.migrated).toBe((await storagesNamed(site)).localfs ?? 0);
    const last = await runMigrationProcess(site);
    expect(last.code, last.stderr).toBe(0);
    expect(last.summary?.blobs.copied).toBe(rows - copied);
    expect(await storagesNamed(site)).toEqual({ localfs: rows });
    expect(await resolveReferences(site)).toEqual(before);
  },
);
