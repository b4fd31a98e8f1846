import path from 'node:path';
import { expect, test } from 'vitest';
import { resolveReferences, storagesNamed } from './resolved.js';
import { migrate } from './runs.js';
import { copySite, identifiers, withManager } from './site.js';

const example = path.resolve(import.meta.dirname, '../../examples/own-storage/storage.js');

const settings = `
[depot]
depot.0.name = own
depot.0.backend = ${example}
depot.0.directory = own
`;

test('a Kotti site’s blobs go into a storage of the user’s own, and back', async () => {
  const site = copySite(settings);
  await withManager(site, async (manager) => {
    expect(await (await manager.storage('own')).backend.provision()).toBe(
      path.join(site.directory, 'own'),
    );
  });
  const before = await resolveReferences(site);
  const named = await storagesNamed(site);

  const there = await migrate(site, { from: 'dbfiles', to: 'own', deleteSource: true });
  expect(there.error).toBeNull();
  expect(there.counts.references.migrated).toBe(35);
  expect(await resolveReferences(site)).toEqual(before);
  expect(await storagesNamed(site)).toMatchObject({ own: 35 });
  expect(await identifiers(site, 'own')).toHaveLength(there.counts.blobs.copied);

  const again = await migrate(site, { from: 'dbfiles', to: 'own' });
  expect(again.counts).toMatchObject({ references: { migrated: 0 }, blobs: { copied: 0 } });

  const back = await migrate(site, { from: 'own', to: 'dbfiles', deleteSource: true });
  expect(back.error).toBeNull();
  expect(back.counts.references.migrated).toBe(35);
  expect(await resolveReferences(site)).toEqual(before);
  expect(await storagesNamed(site)).toEqual(named);
  expect(await identifiers(site, 'own')).toEqual([]);
});

test('an own storage in the directory of another is the same place: nothing is deleted', async () => {
  const site = copySite(settings.replace('directory = own', 'directory = blobs'));
  const run = migrate(site, { from: 'localfs', to: 'own', deleteSource: true });
  await expect(run).rejects.toMatchObject({
    kind: 'refused',
    message: expect.stringContaining('share a place'),
  });
});
