import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import type { Backend } from '../../src/backend.js';
import { Storage } from '../../src/storage.js';
import { chunksOf, collected, contentOf, listed } from '../conformance/harness.js';

/** Times that a writer is killed in a test. */
export const kills = 20;

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

/** Kills writers of an empty storage again and again: it holds whole blobs, old or new, after each. */
export async function expectWholeAfterKills(
  kind: string,
  place: string,
  backend: Backend,
): Promise<void> {
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
}
