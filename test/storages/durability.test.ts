import fs from 'node:fs';
import promises, { type FileHandle, mkdir, mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { Storage } from '../../src/storage.js';
import { chunksOf } from '../conformance/harness.js';

/** What was made durable, with the numbers of its first and last moment, and what was renamed when. */
interface Sync {
  readonly file: string;
  readonly begin: number;
  readonly end: number;
}

let syncs: Sync[] = [];
let renames: { from: string; to: string; at: number }[] = [];
let moment = 0;
let directory: string;
let restore: () => void;
let openLocal: typeof import('../../src/backends/local.js').openLocal;

function now(): number {
  moment += 1;
  return moment;
}

/** Writes down each rename or link and each synchronization of this process. */
async function watchFileSystem(): Promise<() => void> {
  const probe = await open(import.meta.filename);
  const methods = Object.getPrototypeOf(probe) as FileHandle;
  await probe.close();
  const files = new WeakMap<FileHandle, string>();
  const { link, rename } = promises;
  const originals = { open: promises.open, sync: methods.sync };
  promises.open = async (...args) => {
    const handle = await originals.open(...args);
    files.set(handle, String(args[0]));
    return handle;
  };
  const noted =
    (action: typeof rename): typeof rename =>
    async (from, to) => {
      await action(from, to);
      renames.push({ from: String(from), to: String(to), at: now() });
    };
  Object.assign(promises, { link: noted(link), rename: noted(rename) });
  methods.sync = async function (this: FileHandle) {
    const begin = now();
    await originals.sync.call(this);
    syncs.push({ file: files.get(this) ?? '', begin, end: now() });
  };
  const restoreCalls = watchCalls();
  syncBuiltinESMExports();
  return () => {
    Object.assign(promises, { open: originals.open, link, rename });
    restoreCalls();
    methods.sync = originals.sync;
    syncBuiltinESMExports();
  };
}

/** The same of calls that are made with descriptors, and on the spot. */
function watchCalls(): () => void {
  const { openSync, renameSync, fsync } = fs;
  const names = new Map<number, string>();
  Object.assign(fs, {
    openSync(...args: Parameters<typeof openSync>) {
      const file = openSync(...args);
      names.set(file, String(args[0]));
      return file;
    },
    renameSync(from: string, to: string) {
      renameSync(from, to);
      renames.push({ from, to, at: now() });
    },
    fsync(file: number, done: (error: Error | null) => void) {
      const begin = now();
      fsync(file, (error) => {
        syncs.push({ file: names.get(file) ?? '', begin, end: now() });
        done(error);
      });
    },
  });
  return () => Object.assign(fs, { openSync, renameSync, fsync });
}

beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'depot-durability-'));
  restore = await watchFileSystem();
  // Only now: it takes some of these functions as it is loaded.
  ({ openLocal } = await import('../../src/backends/local.js'));
});

afterAll(async () => {
  restore();
  await rm(directory, { recursive: true });
});

beforeEach(() => {
  syncs = [];
  renames = [];
});

function expectSynced(file: string, { after = 0, before }: { after?: number; before: number }) {
  const found = syncs.some((sync) => sync.file === file && sync.begin > after && sync.end < before);
  expect(found, `${file} synchronized between ${after} and ${before}`).toBe(true);
}

/** The blob's files, then its name; `done` is the moment when its promise has resolved. */
function expectDurable(id: string, done: number): void {
  const published = renames.find(({ to }) => to === path.join(directory, id));
  const { from, at } = published as { from: string; at: number };
  expectSynced(path.join(from, 'file'), { before: at });
  expectSynced(path.join(from, 'metadata.json'), { before: at });
  expectSynced(from, { before: at });
  expectSynced(directory, { after: at, before: done });
}

const storage = (): Storage => new Storage('files', 'local', openLocal(directory));

test('a new blob is durable before it is visible, and its name before the promise resolves', async () => {
  const created = Array.from({ length: 40 }, async (_, number) => {
    const { id } = await storage().create(chunksOf(`blob ${number}`));
    return { id, done: now() };
  });
  for (const { id, done } of await Promise.all(created)) expectDurable(id, done);
});

test('of several new blobs each is durable before it is visible, and all before the promise resolves', async () => {
  const place = storage();
  const blobs = Array.from({ length: 40 }, (_, number) => ({
    id: place.backend.newId(),
    bytes: Buffer.from(`blob ${number}`),
    metadata: { filename: 'a.txt', contentType: 'text/plain', lastModified: null },
  }));
  expect(await place.createMany(blobs)).toEqual(blobs.map(() => true));
  const done = now();
  for (const { id } of blobs) expectDurable(id, done);
});

test('what finishes a creation that broke off is durable before it is visible', async () => {
  const id = '3c1b9742-f338-4dcf-a812-e60d74b46c69';
  const place = path.join(directory, id);
  await mkdir(place);
  await writeFile(path.join(place, 'file'), 'broke off');
  await storage().create(chunksOf('whole'), { id });
  const done = now();
  const at = (name: string): number =>
    renames.find(({ to }) => to === path.join(place, name))?.at as number;
  expectSynced(place, { after: at('file'), before: at('metadata.json') });
  expectSynced(place, { after: at('metadata.json'), before: done });
});

test('each step of a replace is durable before the next', async () => {
  const { id } = await storage().create(chunksOf('old'));
  renames = [];
  const begun = now();
  await storage().replace(id, chunksOf('new'));
  const done = now();
  const place = path.join(directory, id);
  expect(renames.map(({ to }) => path.basename(to).replace(/-[0-9a-f-]{36}$/, ''))).toEqual([
    '.depot-replace',
    'file',
    'metadata.json',
  ]);
  const [decided, file, metadata] = renames as [(typeof renames)[0], ...typeof renames];
  expectSynced(file?.from as string, { after: begun, before: decided.at });
  expectSynced(decided.from, { after: begun, before: decided.at });
  const moments = [begun, decided.at, file?.at, metadata?.at, done] as number[];
  for (const [index, after] of moments.slice(0, -1).entries()) {
    expectSynced(place, { after, before: moments[index + 1] as number });
  }
});

test('a deletion is durable', async () => {
  const { id } = await storage().create(chunksOf('x'));
  renames = [];
  await storage().delete(id);
  const done = now();
  const [taken] = renames as [(typeof renames)[0]];
  expect(taken.from).toBe(path.join(directory, id));
  expectSynced(directory, { after: taken.at, before: done });
});
