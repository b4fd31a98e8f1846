import { randomUUID } from 'node:crypto';
import type { Backend } from '../../src/backend.js';
import { type GcsSettings, openGcs } from '../../src/backends/gcs.js';
import type { Opened } from '../conformance/harness.js';

/** Opens a storage as the registry does, with what a test wants different. */
export function openTestGcs(
  settings: GcsSettings,
  network: { idleTimeout?: number; retried?: () => void } = {},
): Promise<Backend> {
  return openGcs(settings, null, {
    name: 'cloud',
    where: 'depot.ini line 3 [app:main] kotti.depot.1.name',
    retried: () => {},
    idleTimeout: 20_000,
    ...network,
  });
}

/** Settings for a bucket of a name that nobody has. */
export function newBucketAt(url: string, settings: Partial<GcsSettings> = {}): GcsSettings {
  return { bucket: `depot-${randomUUID()}`, policy: 'private', api_endpoint: url, ...settings };
}

/** A storage whose bucket is not there yet, and removed at the end. */
export async function openWithoutBucket(settings: GcsSettings): Promise<Opened> {
  const backend = await openTestGcs(settings);
  return {
    backend,
    reopen: () => openTestGcs(settings),
    async close() {
      await backend.close();
      await removeBucket(settings);
    },
  };
}

/** An empty storage, whose bucket is removed at the end. */
export async function openBucket(settings: GcsSettings): Promise<Opened> {
  const opened = await openWithoutBucket(settings);
  await opened.backend.provision();
  return opened;
}

async function removeBucket({ bucket, api_endpoint: url }: GcsSettings): Promise<void> {
  const at = `${url}/storage/v1/b/${bucket}`;
  const listed = await fetch(`${at}/o`);
  if (!listed.ok) return;
  const { items = [] } = (await listed.json()) as { items?: { name: string }[] };
  for (const { name } of items) {
    await fetch(`${at}/o/${encodeURIComponent(name)}`, { method: 'DELETE' });
  }
  await fetch(at, { method: 'DELETE' });
}
