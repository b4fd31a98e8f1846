import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type Configured, configurationOf, configuredKinds } from '../servers/configured.js';
import { describeWithServer } from '../servers/servers.js';
import { resolveReferences, storagesNamed } from './resolved.js';
import { migrate } from './runs.js';
import { copySite, type Site, withManager } from './site.js';

/** References of the site that can be moved, out of `dbfiles` and out of `localfs`. */
const movable = { dbfiles: 35, localfs: 4 };

/** A Kotti site with one more storage; one in a database takes the place of `dbfiles`. */
async function siteWith(storage: Configured): Promise<{ site: Site; from: keyof typeof movable }> {
  const site = copySite();
  const text = readFileSync(site.ini, 'utf8');
  const ours = configurationOf({ other: storage }).split('\n');
  const own = ours.slice(ours.indexOf('[depot:storage:other]')).join('\n');
  if (storage.sqlalchemyUrl !== undefined) {
    const url = ours.find((line) => line.startsWith('sqlalchemy.url')) as string;
    const changed = text
      .replace(/^sqlalchemy\.url.*$/m, url)
      .replaceAll(/^(kotti\.depot\.0\.name) =.*$/gm, '$1 = other');
    const databases = '[depot]\ndatabases = sqlite:///%(here)s/Kotti.db\n';
    writeFileSync(site.ini, `${changed}\n${databases}\n${own}`);
    return { site, from: 'localfs' };
  }
  const keys = ours
    .filter((line) => line.startsWith('kotti.depot.0.'))
    .map((line) => line.replace('.0.', '.2.'));
  writeFileSync(
    site.ini,
    `${text.replace(/^kotti\.depot\.1\.name.*$/m, `$&\n${keys.join('\n')}`)}\n${own}`,
  );
  return { site, from: 'dbfiles' };
}

/** What the storage knows of each blob that could be found there. */
function infosIn(site: Site, name: string): Promise<Map<string, unknown>> {
  return withManager(site, async (manager) => {
    const storage = await manager.storage(name);
    const infos = new Map<string, unknown>();
    for await (const id of storage.list()) {
      const info = await storage.find(id).catch(() => null);
      if (info === null) continue;
      const { filename, contentType, contentLength, lastModified } = info;
      const seconds = lastModified === null ? null : Math.floor(lastModified.getTime() / 1000);
      infos.set(`${filename} ${contentLength} ${seconds}`, contentType);
    }
    return infos;
  });
}

for (const { kind, server, configure } of configuredKinds) {
  const tests = (url: string): void => {
    test('takes the blobs of a Kotti site with all that is known of them, and gives them back', async () => {
      const storage = await configure(url);
      onTestFinished(storage.remove);
      const { site, from } = await siteWith(storage);
      await withManager(site, async (manager) =>
        (await manager.storage('other')).backend.provision(),
      );
      const before = await resolveReferences(site);
      const infos = await infosIn(site, from);
      const named = await storagesNamed(site);

      const there = await migrate(site, { from, to: 'other', privateOk: true });
      expect(there.error).toBeNull();
      expect(there.counts.references.migrated).toBe(movable[from]);
      expect(await resolveReferences(site)).toEqual(before);
      expect(await storagesNamed(site)).toMatchObject({ other: movable[from] });
      const moved = await infosIn(site, 'other');
      expect(moved.size).toBeGreaterThan(0);
      for (const [blob, type] of moved) expect([blob, infos.get(blob)]).toEqual([blob, type]);

      const again = await migrate(site, { from, to: 'other', privateOk: true });
      expect(again.error).toBeNull();
      expect(again.counts).toMatchObject({ references: { migrated: 0 }, blobs: { copied: 0 } });

      // Nothing is deleted where a configured database holds no reference, as that of the blobs here.
      const deleteSource = storage.sqlalchemyUrl === undefined;
      const back = await migrate(site, { from: 'other', to: from, deleteSource });
      expect(back.error).toBeNull();
      expect(back.counts.references.migrated).toBe(movable[from]);
      expect(back.counts.blobs.deleted).toBe(deleteSource ? moved.size : 0);
      expect(await resolveReferences(site)).toEqual(before);
      expect(await storagesNamed(site)).toEqual(named);
      expect(await infosIn(site, 'other')).toEqual(deleteSource ? new Map() : moved);
    });
  };
  if (server === null) describe(kind, () => tests(''));
  else describeWithServer(server, kind, tests);
}
