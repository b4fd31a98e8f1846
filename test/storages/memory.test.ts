import { openMemory } from '../../src/backends/memory.js';
import { conformance } from '../conformance.js';

conformance('memory', {
  keepsLoneSurrogates: true,
  async open() {
    const backend = openMemory();
    return { backend, reopen: async () => null, close: () => backend.close() };
  },
});
