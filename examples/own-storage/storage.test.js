import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { conformance, openStorageModule } from 'filedepot/conformance';
import * as storage from './storage.js';

/** A storage in a new directory, or below it where there is nothing. */
async function openBelow(...names) {
  const parent = await mkdtemp(path.join(tmpdir(), 'own-storage-'));
  const options = { directory: path.join(parent, ...names) };
  const backend = await openStorageModule(storage, options);
  return {
    backend,
    reopen: () => openStorageModule(storage, options),
    async close() {
      await backend.close();
      await rm(parent, { recursive: true });
    },
  };
}

conformance('one file a blob', {
  keepsLoneSurrogates: true,
  open: () => openBelow(),
  openMissing: () => openBelow('not', 'there'),
});
