import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openLocal } from '../../src/backends/local.js';
import { conformance } from '../conformance.js';

conformance('local', {
  keepsLoneSurrogates: true,
  async open() {
    const directory = await mkdtemp(path.join(tmpdir(), 'depot-local-'));
    const backend = openLocal(directory);
    return {
      backend,
      reopen: async () => openLocal(directory),
      async close() {
        await backend.close();
        await rm(directory, { recursive: true });
      },
    };
  },
});
