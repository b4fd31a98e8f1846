import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  chmodSync,
  chownSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { describe, expect, type TestContext, test } from 'vitest';
import {
  depot,
  done,
  executable,
  findProgram,
  interruptions,
  namesIn,
  newStoreWith,
  objects,
  outcome,
  shell,
  start,
  startProgram,
  until,
} from './depot.js';

const toBackup = ['copy', '--from', 'files', '--to', 'backup'];

/** A store with so many files, and an empty second storage. */
async function newPair(count: number): Promise<{ here: string; paths: string[] }> {
  const names = Array.from({ length: count }, (_, number) => `${number}.txt`);
  const { here, paths } = await newStoreWith(...names);
  const backup = ['name = backup', 'backend = local', 'storage_path = %(here)s/backup'];
  appendFileSync(path.join(here, 'depot.ini'), backup.map((line) => `depot.1.${line}\n`).join(''));
  mkdirSync(path.join(here, 'backup'));
  return { here, paths };
}

/** The blobs in the backup, each of which must be whole. */
async function wholeIn(here: string): Promise<string[]> {
  const { code, out } = await depot(here, ['check', '--deep', 'backup']);
  expect({ code, out }).toMatchObject({ code: 0, out: expect.stringContaining('no problems') });
  return readdirSync(path.join(here, 'backup')).filter((name) => !name.startsWith('.'));
}

/** What the last line of `--json` counts. */
function countsIn(out: string): Record<string, number> {
  return (objects(out).at(-1)?.blobs ?? {}) as Record<string, number>;
}

/** Runs it to its end: everything is there then, and nothing else. */
async function finish(here: string, count: number): Promise<void> {
  const { out } = await depot(here, ['--json', ...toBackup]);
  const { copied = 0, replaced = 0, unchanged = 0 } = countsIn(out);
  expect(copied + replaced + unchanged).toBe(count);
  expect(await wholeIn(here)).toHaveLength(count);
  for (const name of readdirSync(path.join(here, 'files'))) {
    const of = (storage: string) => readFileSync(path.join(here, storage, name, 'file'), 'utf8');
    expect(of('backup')).toBe(of('files'));
  }
}

/** Makes a file so large that nobody reads it to its end, and its metadata say so. */
function makeEndless(here: string, blob: string): void {
  const bytes = 20_000_000_000;
  truncateSync(path.join(here, blob, 'file'), bytes);
  const metadata = path.join(here, blob, 'metadata.json');
  const text = readFileSync(metadata, 'utf8');
  writeFileSync(metadata, text.replace('"content_length": 7,', `"content_length": ${bytes},`));
}

describe.concurrent('an interrupted copy', () => {
  test.each(interruptions)('says what it has done: $signal', async ({ signal, code }) => {
    const { here, paths } = await newPair(10);
    makeEndless(here, paths[4] as string);
    const child = start(here, ['--json', ...toBackup]);
    await until(child, () => namesIn(path.join(here, 'backup')).length === 10);
    child.kill(signal);
    const ended = await outcome(child);
    expect(ended).toMatchObject({ code, err: '' });
    expect(objects(ended.out).at(-1)).toMatchObject({ blobs: { copied: 9, failed: 0 } });
    expect(namesIn(path.join(here, 'backup'))).toHaveLength(9);
    expect(await wholeIn(here)).toHaveLength(9);
  });

  test('ends at the second signal, and what it wrote is whole', async () => {
    const { here, paths } = await newPair(10);
    makeEndless(here, paths[0] as string);
    const child = start(here, toBackup);
    await until(child, () => namesIn(path.join(here, 'backup')).length === 10);
    const ended = once(child, 'exit');
    const repeat = setInterval(() => child.kill('SIGINT'), 1);
    await ended.finally(() => clearInterval(repeat));
    expect([130, null]).toContain(child.exitCode);
    expect(await wholeIn(here)).toHaveLength(9);
  });

  test('that is killed while it replaces goes on, however often', async () => {
    const count = 60;
    const { here, paths } = await newPair(count);
    await done(here, ['-q', ...toBackup]);
    for (const [number, blob] of paths.entries()) {
      writeFileSync(path.join(here, 'new'), `other content ${number}`);
      const [, id = ''] = blob.split('/');
      cpSync(path.join(here, 'new'), path.join(here, 'files', id, 'file'));
      const metadata = path.join(here, blob, 'metadata.json');
      const length = `"content_length": ${`other content ${number}`.length},`;
      const text = readFileSync(metadata, 'utf8').replace('"content_length": 7,', length);
      writeFileSync(metadata, text);
    }
    const isNew = (blob: string): boolean =>
      readFileSync(path.join(here, blob.replace('files', 'backup'), 'file'), 'utf8').length > 7;
    for (const goal of [5, 25, 50]) {
      const child = start(here, [...toBackup, '--concurrency', '4']);
      // It may be quicker than this looks.
      await until(child, () => paths.filter(isNew).length >= goal).catch(() => {});
      child.kill('SIGKILL');
      await outcome(child);
      expect(await wholeIn(here)).toHaveLength(count);
    }
    await finish(here, count);
  });
});

/** Mounts a small file system there; skips the test where that is not allowed. */
function mountSmall(context: TestContext, directory: string): (size: string) => void {
  const mount = (options: string): number | null =>
    spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', directory]).status;
  if (mount('size=512k') !== 0) context.skip('file systems cannot be mounted here');
  context.onTestFinished(() => void spawnSync('umount', ['-l', directory]));
  return (size) => expect(mount(`remount,size=${size}`)).toBe(0);
}

describe.concurrent('a copy', () => {
  test('to a full disk stops, says so once, and goes on when there is room', async (context) => {
    const { here, paths } = await newPair(10);
    for (const blob of paths) {
      writeFileSync(path.join(here, 'big'), Buffer.alloc(100_000, 'x'));
      await done(here, ['replace', blob, 'big']);
    }
    const grow = mountSmall(context, path.join(here, 'backup'));
    const { code, out, err } = await depot(here, ['--json', ...toBackup]);
    expect(code).toBe(1);
    expect(err).toMatch(/^depot: .*no space left on the disk\n[^\n]+\n$/);
    expect(await wholeIn(here)).toHaveLength(countsIn(out).copied ?? 0);
    grow('16m');
    await finish(here, 10);
  });

  test('to a backup that may not be written to exits 5, and says so once', async (context) => {
    const setpriv = findProgram('setpriv');
    if (process.getuid?.() !== 0 || setpriv === undefined) {
      return context.skip('root cannot become another user here');
    }
    const { here } = await newPair(10);
    for (const name of ['', ...(readdirSync(here, { recursive: true }) as string[])]) {
      chmodSync(path.join(here, name), 0o755);
    }
    chownSync(path.join(here, 'backup'), 65_534, 65_534);
    chmodSync(path.join(here, 'backup'), 0o555);
    chmodSync(path.dirname(here), 0o755);
    const command = [process.execPath, executable, ...toBackup] as const;
    const as = ['--reuid', '65534', '--clear-groups'];
    const ended = await outcome(startProgram(here, [setpriv, ...as, ...command], {}));
    expect(ended.err).toMatch(/^depot: cannot store .*: permission denied\n$/);
    expect(ended.code).toBe(5);
    expect(namesIn(path.join(here, 'backup'))).toEqual([]);
  });

  test.each([
    ['nothing in its environment', 'env -i', ''],
    ['no locale that knows of letters', 'env -i LC_ALL=C HOME=/nonexistent', ''],
    ['no standard input, output or error', 'env -i', '<&- >&- 2>&-'],
    ['nobody who takes its errors', 'env -i', '</dev/null 2>/dev/full'],
  ])('from cron has %s, and does its work', async (_, before, behind) => {
    const { here } = await newPair(5);
    const configuration = `-c "${here}/depot.ini"`;
    const script = `cd / && ${before} "$NODE" "$DEPOT" ${configuration} -q ${toBackup.join(' ')} ${behind}`;
    expect(await shell(here, script)).toMatchObject({ code: 0, out: '', err: '' });
    expect(await wholeIn(here)).toHaveLength(5);
  });

  test('whose summary cannot be written has failed, with all that it copied', async () => {
    const { here } = await newPair(5);
    const { code, err } = await shell(here, `depot ${toBackup.join(' ')} >/dev/full`);
    expect({ code, err }).toMatchObject({ code: 1, err: expect.stringContaining('no space left') });
    expect(await wholeIn(here)).toHaveLength(5);
  });
});
