import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { isLocked, type Lock, tryLock, waitForLock } from '../src/lock.js';

const holder = fileURLToPath(new URL('lock-holder.ts', import.meta.url));
const loader = fileURLToPath(new URL('typescript-loader.js', import.meta.url));

let directory: string;
let count = 0;

beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'depot-lock-'));
});

afterAll(() => rm(directory, { recursive: true }));

function lockFile(): string {
  count += 1;
  return path.join(directory, `${count}.lock`);
}

/** Another process that holds the lock until it is killed. */
async function holdElsewhere(file: string): Promise<{ kill(): Promise<void> }> {
  const child = spawn(process.execPath, ['--expose-gc', '--import', loader, holder, file], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  return {
    async kill() {
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}

test('is held once in a process, and free again after its release', () => {
  const file = lockFile();
  const lock = tryLock(file);
  expect(lock).not.toBeNull();
  expect(tryLock(file)).toBeNull();
  lock?.release();
  const again = tryLock(file);
  expect(again).not.toBeNull();
  again?.release();
});

test('leaves nothing but its file', async () => {
  const file = lockFile();
  tryLock(file)?.release();
  const names = (await readdir(directory)).filter((name) => name.startsWith(path.basename(file)));
  expect(names).toEqual([path.basename(file)]);
});

test('is held against other processes, and dies with them', async () => {
  const file = lockFile();
  const other = await holdElsewhere(file);
  expect(tryLock(file)).toBeNull();
  const waiting = waitForLock(file);
  await other.kill();
  (await waiting).release();
});

test('is had by each of those who wait, one at a time', async () => {
  const file = lockFile();
  let holders = 0;
  await Promise.all(
    Array.from({ length: 10 }, async () => {
      const lock = await waitForLock(file);
      holders += 1;
      expect(holders).toBe(1);
      await new Promise((resolve) => setImmediate(resolve));
      holders -= 1;
      lock.release();
    }),
  );
});

test('is refused after the time one is ready to wait', async () => {
  const file = lockFile();
  const lock = tryLock(file) as Lock;
  await expect(waitForLock(file, 0)).rejects.toMatchObject({
    kind: 'refused',
    message: `cannot lock ${file}: another process has held it for 0 s`,
  });
  lock.release();
});

test('on a path that cannot be says why', async () => {
  const missing = path.join(directory, 'nowhere', 'x.lock');
  expect(() => tryLock(missing)).toThrow(
    expect.objectContaining({
      kind: 'not-found',
      message: `cannot open the lock file ${missing}: it does not exist`,
    }),
  );
  const file = lockFile();
  await writeFile(file, 'this is no lock, but a text of more than some hundred bytes. '.repeat(20));
  expect(() => tryLock(file)).toThrow(expect.objectContaining({ kind: 'failed' }));
});

test('can be asked about by many at once, who keep each other off nothing', async () => {
  const file = lockFile();
  tryLock(file)?.release();
  // A reader that stays, as if it were asking all the time.
  const { default: Sqlite } = await import('better-sqlite3');
  const asking = new Sqlite(file);
  asking.exec('BEGIN');
  asking.prepare('SELECT count(*) FROM sqlite_master').get();
  expect(isLocked(file)).toBe(false);
  asking.close();
  const held = await holdElsewhere(file);
  expect(isLocked(file)).toBe(true);
  await held.kill();
  expect(isLocked(file)).toBe(false);
});
