import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { loadModule } from '../../src/modules/load.js';
import type { Opened } from '../conformance/harness.js';
import { conformance, openStorageModule } from '../conformance.js';

const example = path.resolve(import.meta.dirname, '../../examples/own-storage/storage.js');

/** A storage of the example in a new directory, or below it where there is nothing. */
async function openBelow(...names: string[]): Promise<Opened> {
  const module = await loadModule(example, 'test');
  const parent = await mkdtemp(path.join(tmpdir(), 'depot-own-'));
  const options = { directory: path.join(parent, ...names) };
  const backend = await openStorageModule(module, options);
  return {
    backend,
    reopen: () => openStorageModule(module, options),
    async close() {
      await backend.close();
      await rm(parent, { recursive: true });
    },
  };
}

conformance('a module of the user’s own', {
  keepsLoneSurrogates: true,
  open: () => openBelow(),
  openMissing: () => openBelow('not', 'there'),
});
