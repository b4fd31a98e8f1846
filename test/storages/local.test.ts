import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openLocal } from '../../src/backends/local.js';
import type { Opened } from '../conformance/harness.js';
import { conformance } from '../conformance.js';

/** A storage in a new directory, or below it where there is nothing. */
async function open(...below: string[]): Promise<Opened> {
  const directory = await mkdtemp(path.join(tmpdir(), 'depot-local-'));
  const place = path.join(directory, ...below);
  const backend = openLocal(place);
  return {
    backend,
    reopen: async () => openLocal(place),
    async close() {
      await backend.close();
      await rm(directory, { recursive: true });
    },
  };
}

conformance('local', {
  keepsLoneSurrogates: true,
  open: () => open(),
  openMissing: () => open('not', 'there'),
});
