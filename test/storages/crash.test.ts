import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Backend } from '../../src/backend.js';
import { openLocal } from '../../src/backends/local.js';
import { openSql } from '../../src/backends/sql.js';
import { openSqlite } from '../../src/databases/sqlite.js';
import { Storage } from '../../src/storage.js';
import { zoneClock } from '../../src/time.js';
import { chunksOf, collected, contentOf, listed } from '../conformance/harness.js';

const kills = 20;
const writer = fileURLToPath(new URL('crash-writer.ts', import.meta.url));
const loader = fileURLToPath(new URL('../typescript-loader.js', import.meta.url));

async function killWriter(kind: string, place: string, id: string, number: number): Promise<void> {
  const args = ['--import', loader, writer, kind, place, id, String(number)];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  child.stdout.resume();
  // A different moment of the writer's loop each time; which one does not matter.
  await new Promise((resolve) => setTimeout(resolve, Math.random() * 60));
  child.kill('SIGKILL');
  await once(child, 'exit');
}

/** Every listed blob is one version, whole, with its own metadata. */
async function expectWholeBlobs(storage: Storage): Promise<number> {
  const ids = await listed(storage);
  for (const id of ids) {
    const { info, chunks } = await storage.read(id);
    const number = Number.parseInt(info.filename, 10);
    const part = Buffer.alloc(30_000 + number, `${number} `);
    expect((await collected(chunks)).equals(Buffer.concat([part, part, part, part]))).toBe(true);
  }
  return ids.length;
}

async function* firstVersion(): AsyncGenerator<Uint8Array> {
  for (let part = 0; part < 4; part += 1) yield Buffer.alloc(30_000, '0 ');
}

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
    const storage = new Storage('files', kind, backend);
    const { id } = await storage.create(firstVersion(), { filename: '0.txt' });
    for (let kill = 1; kill <= kills; kill += 1) {
      await killWriter(kind, place, id, kill * 1000);
      expect(await expectWholeBlobs(storage)).toBeGreaterThan(kill);
    }
    expect((await storage.info(id)).filename).not.toBe('0.txt');
    await storage.replace(id, chunksOf('after the kills'));
    expect(await contentOf(storage, id)).toBe('after the kills');
    await storage.delete(id);
    expect(await storage.find(id)).toBeNull();
    await expectWholeBlobs(storage);
    await backend.close();
  });
});
