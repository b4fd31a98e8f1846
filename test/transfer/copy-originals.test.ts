import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { runGc } from '../../src/transfer/run-gc.js';
import { configuredKinds } from '../servers/configured.js';
import { describeWithServer } from '../servers/servers.js';
import { copy } from './copy.js';
import {
  addBlob,
  addRow,
  deleteBlob,
  identifiers,
  makeSite,
  readBlob,
  referenceText,
  replaceBlob,
  type Site,
  withManager,
} from './site.js';

/** Identifiers that Kotti's table takes: of Kotti, of what came from GridFS, and of any other program. */
const ids = [
  'f8978386-e6ef-11f1-b551-02fc00000001',
  '507f1f77bcf86cd799439011',
  'Plan (1904) – ü.pdf',
] as const;

async function siteWithTable(settings = ''): Promise<Site> {
  const site = makeSite(settings);
  for (const id of ids) await addBlob(site, 'dbfiles', `content of ${id}`, id);
  return site;
}

/** Backs up the table, and restores it under the identifiers that it had. */
async function comesBack(site: Site, backup: string): Promise<void> {
  const sorted = [...ids].sort();
  expect((await copy(site, 'dbfiles', backup)).counts.blobs).toMatchObject({ copied: 3 });
  await replaceBlob(site, 'dbfiles', ids[2], 'new content');
  expect((await copy(site, 'dbfiles', backup)).counts.blobs).toMatchObject({
    ...{ copied: 0, unchanged: 2, replaced: 1 },
  });
  addRow(site, referenceText('dbfiles', ids[2]));
  const { counts } = await withManager(site, (manager) =>
    runGc(manager, {
      ...{ name: backup, before: new Date(Date.now() + 60_000), deleting: false },
      ...{ found: async () => {}, observer: { problem() {}, progress() {} } },
      ...{ signal: new AbortController().signal, concurrency: 4 },
    }),
  );
  expect(counts.blobs).toMatchObject({ listed: 3, unreferenced: 2 });
  for (const id of ids) await deleteBlob(site, 'dbfiles', id);
  expect((await copy(site, backup, 'dbfiles')).counts.blobs).toMatchObject({ copied: 3 });
  expect(await identifiers(site, 'dbfiles')).toEqual(sorted);
  expect(await readBlob(site, 'dbfiles', ids[1])).toBe(`content of ${ids[1]}`);
  expect(await readBlob(site, 'dbfiles', ids[2])).toBe('new content');
  const again = await copy(site, backup, 'dbfiles');
  expect(again.counts.blobs).toMatchObject({ unchanged: 3 });
}

test('a table with odd identifiers comes back from local files', async () => {
  const site = await siteWithTable();
  await comesBack(site, 'archive');
  const archive = path.join(site.directory, 'archive');
  const names = (id: string): string[] => readdirSync(path.join(archive, id)).sort();
  // Beside a blob under its own identifier there is nothing that Python does not write.
  expect(names(ids[0])).toEqual(['file', 'metadata.json']);
  const derived = '507f1f77-bcf8-8d0e-90de-6cd799439011';
  expect(names(derived)).toEqual(['.depot-original', 'file', 'metadata.json']);
  expect(readFileSync(path.join(archive, derived, '.depot-original'), 'utf8')).toBe(ids[1]);
});

test('a copy over what Python has not finished keeps the original identifier', async () => {
  const site = await siteWithTable();
  await copy(site, 'dbfiles', 'archive');
  const derived = path.join(site.directory, 'archive', '507f1f77-bcf8-8d0e-90de-6cd799439011');
  await deleteBlob(site, 'archive', path.basename(derived));
  mkdirSync(derived);
  writeFileSync(path.join(derived, 'file'), 'half');
  expect((await copy(site, 'dbfiles', 'archive')).counts.blobs).toMatchObject({ copied: 1 });
  await deleteBlob(site, 'dbfiles', ids[1]);
  await copy(site, 'archive', 'dbfiles');
  expect(await identifiers(site, 'dbfiles')).toEqual([...ids].sort());
});

for (const { kind, server, configure } of configuredKinds) {
  if (server === null) continue;
  if (kind.startsWith('sql')) continue;
  describeWithServer(server, `a backup in ${kind}`, (url) => {
    test('gives a table with odd identifiers back', async () => {
      const { options, own, remove } = await configure(url);
      onTestFinished(remove);
      const lines = (prefix: string, settings: Readonly<Record<string, string>>): string =>
        Object.entries(settings)
          .map(([key, value]) => `${prefix}${key} = ${value.replaceAll('%', '%%')}\n`)
          .join('');
      const storage = lines('depot.3.', { name: 'backup', ...options });
      const section = `[depot:storage:backup]\n${lines('', own)}`;
      const site = await siteWithTable(storage + section);
      await withManager(site, async (manager) => {
        await (await manager.storage('backup')).backend.provision();
      });
      await comesBack(site, 'backup');
    });
  });
}
