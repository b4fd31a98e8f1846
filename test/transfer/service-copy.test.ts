import { readFileSync, writeFileSync } from 'node:fs';
import { expect, onTestFinished, test } from 'vitest';
import { configurationOf, configuredKinds } from '../servers/configured.js';
import { describeWithServer } from '../servers/servers.js';
import { resolveReferences, storagesNamed } from './resolved.js';
import { migrate } from './runs.js';
import { copySite, query, withManager } from './site.js';

const services = configuredKinds.filter(({ kind }) => kind === 's3' || kind === 'gcs');

for (const { kind, server, configure } of services) {
  describeWithServer(server as NonNullable<typeof server>, `two storages of one ${kind}`, (url) => {
    test('are migrated between without the bytes passing through here', async () => {
      const storage = await configure(url);
      onTestFinished(storage.remove);
      const { options } = storage;
      const site = copySite();
      const both = {
        old: { ...storage, options: { ...options, prefix: 'old/' } },
        new: { ...storage, options: { ...options, prefix: 'new/' } },
      };
      const lines = configurationOf(both).split('\n');
      const keys = lines
        .filter((line) => line.startsWith('kotti.depot.'))
        .map((line) => line.replace(/\.(\d)\./, (_, number) => `.${Number(number) + 2}.`));
      const own = lines.slice(lines.indexOf('[depot:storage:old]')).join('\n');
      const text = readFileSync(site.ini, 'utf8');
      const added = text.replace(/^kotti\.depot\.1\.name.*$/m, `$&\n${keys.join('\n')}`);
      writeFileSync(site.ini, `${added}\n${own}`);
      await withManager(site, async (manager) =>
        (await manager.storage('old')).backend.provision(),
      );
      await migrate(site, { from: 'dbfiles', to: 'old', privateOk: true });
      const before = await resolveReferences(site);
      const { old: count = 0 } = await storagesNamed(site);
      expect(count).toBeGreaterThan(0);

      const { counts, error } = await migrate(site, {
        ...{ from: 'old', to: 'new', privateOk: true, deleteSource: true, verifyFull: true },
      });
      expect(error).toBeNull();
      expect(counts.references.migrated).toBe(count);
      expect(counts.blobs.copied_by_service).toBe(counts.blobs.copied);
      expect(counts.blobs.copied).toBeGreaterThan(0);
      expect(counts.blobs.deleted).toBe(counts.blobs.copied);
      expect(await resolveReferences(site)).toEqual(before);
      expect(await storagesNamed(site)).toMatchObject({ new: count });
    });

    test('know a copy of their own again, and replace it where its source has changed', async () => {
      const storage = await configure(url);
      onTestFinished(storage.remove);
      const site = copySite();
      const { options } = storage;
      const both = {
        old: { ...storage, options: { ...options, prefix: 'old/' } },
        new: { ...storage, options: { ...options, prefix: 'new/' } },
      };
      const [settings = '', own = ''] = configurationOf(both).split(/(?=\[depot:storage:old\])/);
      writeFileSync(site.ini, `${settings}sqlalchemy.url = sqlite:///%(here)s/Kotti.db\n${own}`);
      await withManager(site, async (manager) => {
        const old = await manager.storage('old');
        await old.backend.provision();
        const { id } = await old.create(stream('first'), { filename: 'a.txt' });
        query(
          site,
          `UPDATE files SET data = replace(data, 'dbfiles', 'old') WHERE data LIKE '%dbfiles%'`,
        );
        const text = `{"depot_name": "old", "files": ["old/${id}"], "file_id": "${id}", "path": "old/${id}"}`;
        query(site, 'UPDATE files SET data = ? WHERE id = (SELECT min(id) FROM files)', text);
      });
      const name = { from: 'old', to: 'new', privateOk: true, references: ['files.data'] };
      const first = await migrate(site, name);
      expect(first.counts.blobs).toMatchObject({ copied: 1, copied_by_service: 1 });
      // The reference goes back, and the application replaces the blob.
      query(site, `UPDATE files SET data = replace(data, 'new', 'old') WHERE data LIKE '%new/%'`);
      await withManager(site, async (manager) => {
        const old = await manager.storage('old');
        for await (const id of old.list()) await old.replace(id, stream('second'));
      });
      const second = await migrate(site, name);
      expect(second.counts.blobs).toMatchObject({ copied: 1, failed: 0 });
      await withManager(site, async (manager) => {
        const storage = await manager.storage('new');
        for await (const id of storage.list()) {
          const { sha256 } = await storage.hash(id);
          const old = await manager.storage('old');
          expect(sha256).toBe((await old.hash(id)).sha256);
        }
      });
    });
  });
}

async function* stream(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}
