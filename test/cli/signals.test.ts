import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  done,
  findProgram,
  interruptions,
  namesIn,
  newStore,
  outcome,
  start,
  until,
} from './depot.js';

/** Bytes of a sparse file: to read it takes far longer than to notice that somebody reads it. */
const endless = 20_000_000_000;

/** Whether anything is being put together in the store. */
function isStoring(here: string): boolean {
  const staging = path.join(here, 'files', '.depot-staging');
  return namesIn(staging).some((name) => existsSync(path.join(staging, name, 'file')));
}

/** A store with a blob that takes long to read. */
async function storeWithEndless(): Promise<{ here: string; blob: string }> {
  const here = newStore();
  const blob = await done(here, ['put', '-', '--name', 'big'], { input: 'x' });
  truncateSync(path.join(here, blob, 'file'), endless);
  const metadata = path.join(here, blob, 'metadata.json');
  const text = readFileSync(metadata, 'utf8');
  writeFileSync(metadata, text.replace('"content_length": 1,', `"content_length": ${endless},`));
  return { here, blob };
}

describe.concurrent('an interruption', () => {
  test.each(interruptions)('of put while its input stalls: $signal', async ({ signal, code }) => {
    const here = newStore();
    const child = start(here, ['put', 'depot.ini', '-']);
    child.stdin?.write(Buffer.alloc(100_000));
    await once(child.stdout ?? child, 'data');
    await until(child, () => isStoring(here));
    child.kill(signal);
    expect(await outcome(child)).toMatchObject({ code, err: '' });
    expect(readdirSync(path.join(here, 'files'))).toHaveLength(1);
  });

  test.each(interruptions)('of put from a large file: $signal', async ({ signal, code }) => {
    const here = newStore();
    writeFileSync(path.join(here, 'big'), '');
    truncateSync(path.join(here, 'big'), endless);
    const child = start(here, ['put', 'big', 'depot.ini']);
    await until(child, () => isStoring(here));
    child.kill(signal);
    expect(await outcome(child)).toMatchObject({ code, out: '', err: '' });
    expect(readdirSync(path.join(here, 'files'))).toEqual([]);
  });

  test.each(interruptions)('of get leaves no file: $signal', async ({ signal, code }) => {
    const { here, blob } = await storeWithEndless();
    const child = start(here, ['get', blob]);
    await until(child, () => readdirSync(here).length > 2);
    child.kill(signal);
    expect(await outcome(child)).toMatchObject({ code, out: '', err: '' });
    expect(readdirSync(here).sort()).toEqual(['depot.ini', 'files']);
  });

  test.each(interruptions)('of get while its reader stalls: $signal', async ({ signal, code }) => {
    const { here, blob } = await storeWithEndless();
    const child = start(here, ['get', blob, '-']);
    await once(child.stdout ?? child, 'readable');
    child.kill(signal);
    await once(child, 'exit');
    expect(child.exitCode).toBe(code);
  });

  test.each(interruptions)(
    'of delete while its input stalls: $signal',
    async ({ signal, code }) => {
      const here = newStore();
      const [first = '', second = ''] = (await done(here, ['put', 'depot.ini', 'depot.ini'])).split(
        '\n',
      );
      const child = start(here, ['delete', '-']);
      child.stdin?.write(`${first}\n${second.slice(0, 20)}`);
      await until(child, () => !existsSync(path.join(here, first)));
      child.kill(signal);
      expect(await outcome(child)).toMatchObject({ code, out: '', err: '' });
      expect(await done(here, ['list'])).toBe(second);
    },
  );

  test('a second one ends it at once, also where it cannot be stopped', async (context) => {
    const mkfifo = findProgram('mkfifo');
    if (mkfifo === undefined) return context.skip('there is no mkfifo');
    const here = newStore();
    execFileSync(mkfifo, [path.join(here, 'pipe')]);
    const child = start(here, ['put', 'depot.ini', 'pipe']);
    await once(child.stdout ?? child, 'data');
    const ended = once(child, 'exit');
    const repeat = setInterval(() => child.kill('SIGINT'), 100);
    await ended.finally(() => clearInterval(repeat));
    expect([130, null]).toContain(child.exitCode);
    expect([null, 'SIGINT']).toContain(child.signalCode);
    expect((await done(here, ['list'])).split('\n')).toHaveLength(1);
  });
});

describe.concurrent('kill -9', () => {
  test('of get leaves nothing under the final name', async () => {
    const { here, blob } = await storeWithEndless();
    writeFileSync(path.join(here, 'mine'), 'mine');
    for (const args of [['big'], ['mine', '-f']]) {
      const before = readdirSync(here).length;
      const child = start(here, ['get', blob, ...args]);
      await until(child, () => readdirSync(here).length > before);
      child.kill('SIGKILL');
      await outcome(child);
    }
    expect(readdirSync(here)).not.toContain('big');
    expect(readFileSync(path.join(here, 'mine'), 'utf8')).toBe('mine');
  });

  test('of put leaves nothing that a list shows, and the store as good as before', async () => {
    const here = newStore();
    const child = start(here, ['put', '-']);
    child.stdin?.write(Buffer.alloc(1_000_000));
    await until(child, () => isStoring(here));
    child.kill('SIGKILL');
    await outcome(child);
    expect(await done(here, ['list'])).toBe('');
    const blob = await done(here, ['put', 'depot.ini']);
    expect(await done(here, ['list'])).toBe(blob);
  });

  test('of replace leaves the old content', async () => {
    const here = newStore();
    const blob = await done(here, ['put', '-'], { input: 'old' });
    const child = start(here, ['replace', blob, '-']);
    child.stdin?.write(Buffer.alloc(1_000_000));
    await until(child, () => readdirSync(path.join(here, blob)).length > 2);
    child.kill('SIGKILL');
    await outcome(child);
    expect(await done(here, ['get', blob, '-'])).toBe('old');
    await done(here, ['replace', blob, '-'], { input: 'new' });
    expect(await done(here, ['get', blob, '-'])).toBe('new');
  });
});
