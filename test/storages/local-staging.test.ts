import { randomUUID } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { openLocal } from '../../src/backends/local.js';
import { Storage } from '../../src/storage.js';
import { chunksOf, contentOf, listed } from '../conformance/harness.js';

async function newPlace(): Promise<string> {
  const place = await mkdtemp(path.join(tmpdir(), 'depot-staging-'));
  onTestFinished(() => rm(place, { recursive: true }));
  return place;
}

const open = (place: string): Storage => new Storage('files', 'local', openLocal(place));

/** What a killed writer has left, last written to so many hours ago. */
function leave(place: string, name: string, hours: number): string {
  const staged = path.join(place, '.depot-staging', name);
  mkdirSync(staged, { recursive: true });
  const file = path.join(staged, 'file');
  writeFileSync(file, 'half');
  const then = Date.now() / 1000 - hours * 3600;
  for (const one of [file, staged]) utimesSync(one, then, then);
  return staged;
}

test('what a killed writer left more than a day ago goes with the next write', async () => {
  const place = await newPlace();
  leave(place, randomUUID(), 25);
  const storage = open(place);
  const { id } = await storage.create(chunksOf('content'));
  await storage.backend.close();
  expect(await readdir(place)).toEqual([id]);
});

test('what was written to since is left to its writer, and all of it to one who only reads', async () => {
  const place = await newPlace();
  const old = leave(place, randomUUID(), 25);
  const recent = leave(place, randomUUID(), 23);
  const growing = leave(place, randomUUID(), 25);
  writeFileSync(path.join(growing, 'file'), 'more');
  const then = Date.now() / 1000 - 25 * 3600;
  utimesSync(growing, then, then);
  const reader = open(place);
  expect(await listed(reader)).toEqual([]);
  await reader.backend.close();
  expect(existsSync(old)).toBe(true);
  const writer = open(place);
  const { id } = await writer.create(chunksOf('content'));
  await writer.backend.close();
  expect([old, recent, growing].map(existsSync)).toEqual([false, true, true]);
  expect(await contentOf(open(place), id)).toBe('content');
});

test('what others have put there, or a symbolic link leads to, stays', async () => {
  const place = await newPlace();
  const named = leave(place, 'named by somebody', 25);
  const writer = open(place);
  await writer.create(chunksOf('content'));
  await writer.backend.close();
  expect(existsSync(named)).toBe(true);
  const [elsewhere, linked] = [await newPlace(), await newPlace()];
  const old = leave(elsewhere, randomUUID(), 25);
  symlinkSync(path.join(elsewhere, '.depot-staging'), path.join(linked, '.depot-staging'));
  const other = open(linked);
  await other.create(chunksOf('content'));
  await other.backend.close();
  expect(existsSync(old)).toBe(true);
});

test('a blob that is there is left without a trace by who would create it', async () => {
  const place = await newPlace();
  const storage = open(place);
  const { id } = await storage.create(chunksOf('kept'));
  cpSync(path.join(place, id), path.join(place, 'before'), { recursive: true });
  await expect(storage.create(chunksOf('other'), { id })).rejects.toMatchObject({
    kind: 'refused',
  });
  expect(await readdir(path.join(place, id))).toEqual(await readdir(path.join(place, 'before')));
  expect(await contentOf(storage, id)).toBe('kept');
});

test('looking for leftovers ends where it is interrupted', async () => {
  const place = await newPlace();
  for (const name of ['one', 'two', 'three']) leave(place, name, 25);
  const { backend } = open(place);
  const controller = new AbortController();
  const seen: string[] = [];
  for await (const { description } of backend.leftovers?.(controller.signal) ?? []) {
    seen.push(description);
    controller.abort();
  }
  expect(seen).toHaveLength(1);
});
