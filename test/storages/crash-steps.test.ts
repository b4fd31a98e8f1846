import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { openLocal } from '../../src/backends/local.js';
import { Storage } from '../../src/storage.js';
import { chunksOf, collected, listed } from '../conformance/harness.js';
import { id, version } from './crash-version.js';

const child = fileURLToPath(new URL('crash-step.ts', import.meta.url));
const loader = fileURLToPath(new URL('../typescript-loader.js', import.meta.url));

type Operation = 'create' | 'create together' | 'replace' | 'delete';

const storageIn = (place: string): Storage => new Storage('files', 'local', openLocal(place));

/** Lets a process do the operation, killed before its file system call `step`. True if it was. */
async function killedAt(
  step: number,
  place: string,
  operation: Operation,
  number: number,
): Promise<boolean> {
  const args = ['--import', loader, child, place, operation, String(number), String(step)];
  const running = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  const [code, signal] = await once(running, 'exit');
  expect({ code, signal }).toEqual(
    signal === null ? { code: 0, signal: null } : { code: null, signal: 'SIGKILL' },
  );
  return signal === 'SIGKILL';
}

/** The number of the version that is there, whole, as reading and listing agree; null for none. */
async function versionIn(place: string): Promise<number | null> {
  const storage = storageIn(place);
  const found = await storage.find(id);
  expect(await listed(storage)).toEqual(found === null ? [] : [id]);
  if (found === null) return null;
  const { info, chunks } = await storage.read(id);
  const number = Number.parseInt(info.filename, 10);
  expect(info.contentLength).toBe(version(number).bytes.byteLength);
  expect((await collected(chunks)).equals(version(number).bytes)).toBe(true);
  return number;
}

/** Neither a dead process' lock nor what it left behind stands in the way. */
async function expectUsable(place: string): Promise<void> {
  const storage = storageIn(place);
  const { bytes, filename } = version(9);
  const there = (await storage.find(id)) !== null;
  if (there) await storage.replace(id, chunksOf(bytes), { filename });
  else await storage.create(chunksOf(bytes), { id, filename });
  expect(await versionIn(place)).toBe(9);
  await storage.delete(id);
  expect(await versionIn(place)).toBeNull();
  await storage.backend.close();
  expect((await readdir(place)).filter((name) => name !== '.depot-staging')).toEqual([]);
}

async function temporaryDirectory(): Promise<string> {
  const directory = await mkdtemp(path.join(tmpdir(), 'depot-crash-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  return directory;
}

async function withVersion(place: string): Promise<void> {
  const { bytes, filename } = version(1);
  await storageIn(place).create(chunksOf(bytes), { id, filename });
}

async function unfinished(place: string): Promise<void> {
  await mkdir(path.join(place, id));
  await writeFile(path.join(place, id, 'file'), 'broke off');
}

interface Case {
  readonly name: string;
  readonly operation: Operation;
  prepare(place: string): Promise<void>;
  readonly before: number | null;
  readonly after: number | null;
}

const cases: readonly Case[] = [
  { name: 'a create', operation: 'create', prepare: async () => {}, before: null, after: 2 },
  {
    name: 'a create together with others',
    operation: 'create together',
    prepare: async () => {},
    before: null,
    after: 2,
  },
  {
    name: 'a create of what broke off before',
    operation: 'create',
    prepare: unfinished,
    before: null,
    after: 2,
  },
  { name: 'a replace', operation: 'replace', prepare: withVersion, before: 1, after: 2 },
  { name: 'a delete', operation: 'delete', prepare: withVersion, before: 1, after: null },
];

test.each(cases)('$name may be killed before any of its calls', async (one) => {
  const directory = await temporaryDirectory();
  const seen: (number | null)[] = [];
  for (let step = 1, killed = true; killed; step += 1) {
    const place = path.join(directory, String(step));
    await mkdir(place);
    await one.prepare(place);
    killed = await killedAt(step, place, one.operation, 2);
    seen.push(await versionIn(place));
    await expectUsable(place);
  }
  // First the old state, from one call on the new one.
  const turned = seen.indexOf(one.after);
  expect(turned).toBeGreaterThan(0);
  expect(seen.slice(0, turned)).toEqual(seen.slice(0, turned).map(() => one.before));
  expect(seen.slice(turned)).toEqual(seen.slice(turned).map(() => one.after));
});

test('a replace may be killed while it finishes one that was killed', async () => {
  const directory = await temporaryDirectory();
  const decided = path.join(directory, 'decided');
  for (let step = 1, found: number | null = 1; found === 1; step += 1) {
    await rm(decided, { recursive: true, force: true });
    await mkdir(decided);
    await withVersion(decided);
    await killedAt(step, decided, 'replace', 2);
    found = await versionIn(decided);
  }
  const seen: (number | null)[] = [];
  for (let step = 1, killed = true; killed; step += 1) {
    const place = path.join(directory, String(step));
    await cp(decided, place, { recursive: true });
    killed = await killedAt(step, place, 'replace', 3);
    seen.push(await versionIn(place));
    await expectUsable(place);
  }
  expect([...new Set(seen)]).toEqual([2, 3]);
  expect(seen.toSorted()).toEqual(seen);
});
