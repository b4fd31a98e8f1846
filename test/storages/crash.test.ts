import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Backend } from '../../src/backend.js';
import { openLocal } from '../../src/backends/local.js';
import { openSql } from '../../src/backends/sql.js';
import { openSqlite } from '../../src/databases/sqlite.js';
import { zoneClock } from '../../src/time.js';
import { describeWithServer } from '../servers/servers.js';
import { expectWholeAfterKills, kills } from './crash.js';
import { newDatabaseAt, openTestGridfs, rawDatabase } from './gridfs-database.js';

const kinds: {
  kind: string;
  open: (directory: string) => Promise<{ place: string; backend: Backend }>;
}[] = [
  {
    kind: 'local',
    open: async (directory) => ({ place: directory, backend: openLocal(directory) }),
  },
  {
    kind: 'sqlite',
    async open(directory) {
      const place = path.join(directory, 'site.db');
      await writeFile(place, '');
      return { place, backend: openSql(await openSqlite(place), zoneClock('UTC')) };
    },
  },
];

describe.each(kinds)('a $kind storage whose writer is killed', ({ kind, open }) => {
  test(`holds whole blobs, old or new, after each of ${kills} kills`, async () => {
    const directory = await mkdtemp(path.join(tmpdir(), 'depot-crash-'));
    onTestFinished(() => rm(directory, { recursive: true }));
    const { place, backend } = await open(directory);
    await backend.provision();
    await expectWholeAfterKills(kind, place, backend);
    await backend.close();
  });
});

describeWithServer('mongodb', 'a gridfs storage whose writer is killed', (url) => {
  test(`holds whole blobs, old or new, after each of ${kills} kills`, async () => {
    const place = newDatabaseAt(url);
    const database = rawDatabase(place);
    const backend = openTestGridfs(place);
    onTestFinished(() => backend.close());
    await backend.provision();
    await expectWholeAfterKills('gridfs', place, backend);
    const left = { depot_replacement: { $exists: true } };
    expect(await database.collection('filedepot.files').countDocuments(left)).toBe(0);
  });
});
