import { spawnSync } from 'node:child_process';
import { createReadStream, existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, onTestFinished, type TestContext, test } from 'vitest';
import { openLocal } from '../../src/backends/local.js';
import { Storage } from '../../src/storage.js';
import { chunksOf, contentOf, listed, pattern } from '../conformance/harness.js';
import { openFiles } from './open-files.js';

/** A storage that holds one blob. */
async function openStorage(): Promise<{ storage: Storage; place: string; id: string }> {
  const place = await mkdtemp(path.join(tmpdir(), 'depot-local-'));
  // Whoever runs the tests, others can come here.
  await chmod(place, 0o755);
  onTestFinished(() => rm(place, { recursive: true }));
  const storage = new Storage('files', 'local', openLocal(place));
  const { id } = await storage.create(chunksOf('kept'), { filename: 'kept.txt' });
  await storage.backend.close();
  return { storage, place, id };
}

async function expectUntouched(storage: Storage, id: string, place: string): Promise<void> {
  await storage.backend.close();
  expect(await contentOf(storage, id)).toBe('kept');
  expect(await listed(storage)).toEqual([id]);
  expect(await readdir(place)).toEqual([id]);
  const names = (await readdir(path.join(place, id))).filter((name) => name !== '.depot-lock');
  expect(names.sort()).toEqual(['file', 'metadata.json']);
}

/** Runs the action without root's rights, to which no file is closed. */
async function asNobody(context: TestContext, action: () => Promise<void>): Promise<void> {
  if (process.geteuid?.() !== 0) return action();
  if (process.seteuid === undefined) return context.skip('root cannot become another user here');
  process.seteuid(65_534);
  try {
    await action();
  } finally {
    process.seteuid(0);
  }
}

const denied = (where: string) => ({
  kind: 'unreachable',
  message: expect.stringMatching(new RegExp(`${where}.*: permission denied$`)),
});

describe('without permission', () => {
  test('to read the storage, everything is unreachable', async (context) => {
    const { storage, place, id } = await openStorage();
    await chmod(place, 0o000);
    await asNobody(context, async () => {
      await expect(storage.info(id)).rejects.toMatchObject(denied(place));
      await expect(storage.find(id)).rejects.toMatchObject(denied(place));
      await expect(storage.create(chunksOf('x'))).rejects.toMatchObject(denied(place));
      await expect(storage.replace(id, chunksOf('x'))).rejects.toMatchObject(denied(place));
      await expect(storage.delete(id)).rejects.toMatchObject(denied(place));
      await expect(listed(storage)).rejects.toMatchObject(denied(place));
      await expect(storage.backend.ping()).rejects.toMatchObject(denied(place));
    });
    await chmod(place, 0o755);
    await expectUntouched(storage, id, place);
  });

  test('to look above the storage, its place is unreachable', async (context) => {
    const { place } = await openStorage();
    const inside = new Storage('inside', 'local', openLocal(path.join(place, 'a', 'b')));
    await inside.backend.provision();
    await chmod(place, 0o000);
    await asNobody(context, async () => {
      await expect(inside.place()).rejects.toMatchObject(denied(place));
      await expect(inside.backend.ping()).rejects.toMatchObject(denied(place));
    });
    await chmod(place, 0o755);
  });

  test('to write into the storage, nothing is created or deleted', async (context) => {
    const { storage, place, id } = await openStorage();
    await chmod(place, 0o555);
    await asNobody(context, async () => {
      await expect(storage.create(chunksOf('x'))).rejects.toMatchObject(denied(place));
      await expect(storage.delete(id)).rejects.toMatchObject(denied(id));
      await expectUntouched(storage, id, place);
    });
  });

  test('to write into a blob, it is not replaced', async (context) => {
    const { storage, place, id } = await openStorage();
    await chmod(path.join(place, id), 0o555);
    await asNobody(context, async () => {
      await expect(storage.replace(id, chunksOf('x'))).rejects.toMatchObject(denied(id));
    });
    await expectUntouched(storage, id, place);
  });

  test('to read a blob, it is listed, and reading it says so', async (context) => {
    const { storage, place, id } = await openStorage();
    await chmod(path.join(place, id), 0o000);
    await asNobody(context, async () => {
      expect(await listed(storage)).toEqual([id]);
      await expect(storage.info(id)).rejects.toMatchObject(denied(id));
      await expect(storage.read(id)).rejects.toMatchObject(denied(id));
      await expect(storage.find(id)).rejects.toMatchObject(denied(id));
    });
    await chmod(path.join(place, id), 0o755);
    await chmod(path.join(place, id, 'file'), 0o000);
    await asNobody(context, async () => {
      await expect(storage.read(id)).rejects.toMatchObject(denied(id));
    });
  });
});

function mount(context: TestContext, place: string, ...options: string[]): void {
  if (spawnSync('mount', [...options, place]).status !== 0) {
    context.skip('file systems cannot be mounted here');
  }
  onTestFinished(() => void spawnSync('umount', [place]));
}

describe('on a full disk', () => {
  test('nothing is left', async (context) => {
    const { storage, place } = await openStorage();
    mount(context, place, '-t', 'tmpfs', '-o', 'size=500k', 'tmpfs');
    const { id } = await storage.create(chunksOf('kept'), { filename: 'kept.txt' });
    const full = { kind: 'failed', message: expect.stringMatching(/: no space left on the disk$/) };
    const bytes = pattern(1_000_000);
    await expect(storage.create(chunksOf(bytes))).rejects.toMatchObject(full);
    await expect(storage.replace(id, chunksOf(bytes))).rejects.toMatchObject(full);
    await expectUntouched(storage, id, place);
    await storage.replace(id, chunksOf('fits'));
    expect(await contentOf(storage, id)).toBe('fits');
  });

  test('without a free inode neither', async (context) => {
    const { storage, place } = await openStorage();
    // The root, the blob's directory and its two files.
    mount(context, place, '-t', 'tmpfs', '-o', 'nr_inodes=7', 'tmpfs');
    const { id } = await storage.create(chunksOf('kept'), { filename: 'kept.txt' });
    await storage.backend.close();
    const full = { kind: 'failed', message: expect.stringMatching(/: no space left on the disk$/) };
    await expect(storage.create(chunksOf('x'))).rejects.toMatchObject(full);
    await expectUntouched(storage, id, place);
  });
});

test('a read-only file system is said to be one', async (context) => {
  const { storage, place, id } = await openStorage();
  mount(context, place, '--bind', place);
  mount(context, place, '-o', 'remount,ro,bind');
  const readOnly = { kind: 'unreachable', message: expect.stringMatching(/is read-only$/) };
  await expect(storage.create(chunksOf('x'))).rejects.toMatchObject(readOnly);
  await expect(storage.replace(id, chunksOf('x'))).rejects.toMatchObject(readOnly);
  await expect(storage.delete(id)).rejects.toMatchObject(readOnly);
  await expectUntouched(storage, id, place);
});

test('no file stays open, however a read ends', async (context) => {
  if (!existsSync('/proc/self/fd')) return context.skip('the system does not tell its open files');
  const { storage, place } = await openStorage();
  const bytes = pattern(3_000_000);
  const { id } = await storage.create(chunksOf(bytes));
  const whole = await storage.read(id);
  expect(openFiles(place)).toHaveLength(1);
  for await (const chunk of whole.chunks) expect(chunk.byteLength).toBeGreaterThan(0);
  expect(openFiles(place)).toEqual([]);

  await (await storage.read(id)).close();
  expect(openFiles(place)).toEqual([]);

  for await (const chunk of (await storage.read(id)).chunks) {
    expect(chunk.byteLength).toBeGreaterThan(0);
    break;
  }
  expect(openFiles(place)).toEqual([]);

  const begun = await storage.read(id);
  await begun.chunks[Symbol.asyncIterator]().next();
  await begun.close();
  expect(openFiles(place)).toEqual([]);

  const controller = new AbortController();
  const aborted = await storage.read(id, { signal: controller.signal });
  controller.abort(new Error('enough'));
  await expect(aborted.chunks[Symbol.asyncIterator]().next()).rejects.toThrow('enough');
  await aborted.close();
  expect(openFiles(place)).toEqual([]);

  await truncate(path.join(place, id, 'file'), 1_000_000);
  await expect(storage.hash(id)).rejects.toMatchObject({ kind: 'damaged' });
  await writeFile(path.join(place, id, 'metadata.json'), 'damaged');
  await expect(storage.info(id)).rejects.toMatchObject({ kind: 'damaged' });
  await expect(storage.read(id)).rejects.toMatchObject({ kind: 'damaged' });
  expect(openFiles(place)).toEqual([]);
});

test('a source whose file is missing is no missing blob', async () => {
  const { storage, place, id } = await openStorage();
  async function* missing(): AsyncGenerator<Uint8Array> {
    yield* createReadStream(path.join(place, 'nowhere'));
  }
  const failed = { kind: 'failed', message: expect.stringContaining('nowhere') };
  await expect(storage.create(missing())).rejects.toMatchObject(failed);
  await expect(storage.replace(id, missing())).rejects.toMatchObject(failed);
  await expectUntouched(storage, id, place);
});

test('what was decided is the blob, even if it cannot be put in its place', async () => {
  const { storage, place, id } = await openStorage();
  const file = path.join(place, id, 'file');
  await rm(file);
  await mkdir(file);
  const failed = { kind: 'failed', message: expect.stringContaining(id) };
  await expect(storage.replace(id, chunksOf('new'))).rejects.toMatchObject(failed);
  expect(await contentOf(storage, id)).toBe('new');
  await rm(file, { recursive: true });
  await storage.replace(id, chunksOf('newest'));
  expect(await contentOf(storage, id)).toBe('newest');
});

test('an identifier that is too long for a file name is none', async () => {
  const { storage, place, id } = await openStorage();
  const long = `${'-'.repeat(300)}${id}`;
  expect(await storage.find(long)).toBeNull();
  await expect(storage.info(long)).rejects.toMatchObject({ kind: 'usage' });
  await expect(storage.create(chunksOf('x'), { id: long })).rejects.toMatchObject({
    kind: 'usage',
  });
  expect(storage.idFor(long)).toMatch(/^[0-9a-f-]{36}$/);
  await expectUntouched(storage, id, place);
});

test('a plain file under an identifier is no blob, and stays', async () => {
  const { storage, place } = await openStorage();
  const id = '06dd2dcf-4166-49d0-8bbd-5dd2440ac098';
  await writeFile(path.join(place, id), 'not a blob');
  const missing = { kind: 'not-found' };
  await expect(storage.info(id)).rejects.toMatchObject(missing);
  await expect(storage.read(id)).rejects.toMatchObject(missing);
  await expect(storage.replace(id, chunksOf('x'))).rejects.toMatchObject(missing);
  await expect(storage.delete(id)).rejects.toMatchObject(missing);
  await expect(storage.create(chunksOf('x'), { id })).rejects.toMatchObject({ kind: 'refused' });
  expect(existsSync(path.join(place, id))).toBe(true);
  await storage.backend.close();
  expect(await readdir(place)).not.toContain('.depot-staging');
});

test('a blob whose directory is elsewhere, behind a symbolic link, is one', async () => {
  const { storage, place, id } = await openStorage();
  const elsewhere = await openStorage();
  const linked = '06dd2dcf-4166-49d0-8bbd-5dd2440ac098';
  await symlink(path.join(elsewhere.place, elsewhere.id), path.join(place, linked));
  expect((await listed(storage)).sort()).toEqual([linked, id].sort());
  await storage.replace(linked, chunksOf('new'));
  expect(await contentOf(storage, linked)).toBe('new');
  await storage.delete(linked);
  expect(await storage.find(linked)).toBeNull();
  expect(await contentOf(elsewhere.storage, elsewhere.id)).toBe('new');
});
