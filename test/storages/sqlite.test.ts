import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Backend } from '../../src/backend.js';
import { openSql } from '../../src/backends/sql.js';
import { openSqlite } from '../../src/databases/sqlite.js';
import { zoneClock } from '../../src/time.js';
import type { Opened } from '../conformance/harness.js';
import { conformance } from '../conformance.js';

async function openBackend(file: string): Promise<Backend> {
  return openSql(await openSqlite(file), zoneClock('Europe/Berlin'));
}

/** A database without the table. */
async function openEmpty(): Promise<Opened> {
  const directory = await mkdtemp(path.join(tmpdir(), 'depot-sqlite-'));
  const file = path.join(directory, 'site.db');
  await writeFile(file, '');
  const backend = await openBackend(file);
  return {
    backend,
    reopen: () => openBackend(file),
    async close() {
      await backend.close();
      await rm(directory, { recursive: true });
    },
  };
}

conformance('sql on SQLite', {
  keepsLoneSurrogates: false,
  filenameLimit: 100,
  openMissing: openEmpty,
  async open() {
    const opened = await openEmpty();
    await opened.backend.provision();
    return opened;
  },
});
