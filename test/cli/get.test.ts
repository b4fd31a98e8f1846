import { execFileSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { absentId, depot, done, findProgram, newStore, objects } from './depot.js';

describe.concurrent('get', () => {
  async function storeWith(name: string): Promise<{ here: string; blob: string }> {
    const here = newStore();
    const blob = await done(here, ['put', '-', '--name', name], { input: 'content' });
    return { here, blob };
  }

  test('writes a file, into a directory, to its own name, and to standard output', async () => {
    const { here, blob } = await storeWith('own.txt');
    mkdirSync(path.join(here, 'sub'));
    expect(await done(here, ['get', blob])).toBe('own.txt');
    expect(await done(here, ['get', blob, 'other.txt'])).toBe('other.txt');
    expect(await done(here, ['get', blob, 'sub'])).toBe('sub/own.txt');
    expect(await done(here, ['get', blob, 'sub/', '-f'])).toBe('sub/own.txt');
    expect(await done(here, ['get', blob, '-'])).toBe('content');
    for (const file of ['own.txt', 'other.txt', 'sub/own.txt']) {
      expect(readFileSync(path.join(here, file), 'utf8')).toBe('content');
    }
    expect(readdirSync(here).sort()).toEqual(['depot.ini', 'files', 'other.txt', 'own.txt', 'sub']);
  });

  test('keeps a file that it overwrites as private as it was', async () => {
    const { here, blob } = await storeWith('own.txt');
    writeFileSync(path.join(here, 'own.txt'), 'mine', { mode: 0o600 });
    await done(here, ['get', '-f', blob]);
    expect(readFileSync(path.join(here, 'own.txt'), 'utf8')).toBe('content');
    expect(statSync(path.join(here, 'own.txt')).mode & 0o777).toBe(0o600);
  });

  test('with --json prints path and file', async () => {
    const { here, blob } = await storeWith('own.txt');
    const { out } = await depot(here, ['get', blob, 'x', '--json']);
    expect(objects(out)).toEqual([{ path: blob, file: 'x' }]);
  });

  test.each([[], ['own.txt'], ['.'], ['sub']])(
    'does not overwrite without -f: %j',
    async (...dest) => {
      const { here, blob } = await storeWith('own.txt');
      mkdirSync(path.join(here, 'sub'));
      writeFileSync(path.join(here, 'own.txt'), 'mine');
      writeFileSync(path.join(here, 'sub', 'own.txt'), 'mine');
      const { code, out, err } = await depot(here, ['get', blob, ...dest]);
      expect({ code, out }).toEqual({ code: 4, out: '' });
      expect(err).toMatch(/^depot: cannot write .*own\.txt: it exists already\n.*-f.*\n$/);
      expect(readFileSync(path.join(here, 'own.txt'), 'utf8')).toBe('mine');
      await done(here, ['get', '-f', blob, ...dest]);
      const written = path.join(here, dest[0] === 'sub' ? 'sub/own.txt' : 'own.txt');
      expect(readFileSync(written, 'utf8')).toBe('content');
    },
  );

  test.each([
    { stored: '../../etc/passwd', safe: 'passwd' },
    { stored: '/etc/passwd', safe: 'passwd' },
    { stored: 'C:\\windows\\win.ini', safe: 'win.ini' },
    { stored: '.bashrc', safe: 'bashrc' },
    { stored: '...', safe: 'unnamed' },
    { stored: '..', safe: 'unnamed' },
    { stored: 'a/', safe: 'unnamed' },
    { stored: ' . . hidden', safe: 'hidden' },
    { stored: 'a\u0000b\u0007\u001b[31m\u009b31m\u202ecod.exe', safe: 'ab[31m31mcod.exe' },
    { stored: `${'x'.repeat(300)}.pdf`, safe: `${'x'.repeat(251)}.pdf` },
    { stored: '€'.repeat(300), safe: '€'.repeat(85) },
  ])('makes a safe name of the stored filename $stored', async ({ stored, safe }) => {
    const { here, blob } = await storeWith('x');
    const metadata = path.join(here, blob, 'metadata.json');
    const parsed = JSON.parse(readFileSync(metadata, 'utf8')) as object;
    writeFileSync(metadata, JSON.stringify({ ...parsed, filename: stored }));
    mkdirSync(path.join(here, 'a', 'b'), { recursive: true });
    const { code, err } = await depot(path.join(here, 'a', 'b'), [
      '-c',
      '../../depot.ini',
      'get',
      blob,
    ]);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(readdirSync(path.join(here, 'a', 'b'))).toEqual([safe]);
    expect(readdirSync(here).sort()).toEqual(['a', 'depot.ini', 'files']);
  });

  test.each([
    { dest: 'absent/x', code: 3, why: 'there is no directory absent' },
    { dest: 'absent/', code: 3, why: 'there is no directory absent' },
    { dest: 'depot.ini/x', code: 1, why: 'it is not a directory' },
  ])('says what is wrong with the destination $dest', async ({ dest, code, why }) => {
    const { here, blob } = await storeWith('x');
    const ended = await depot(here, ['get', blob, dest]);
    expect(ended).toMatchObject({ code, out: '' });
    expect(ended.err).toMatch(/^depot: cannot write .*\n$/);
    expect(ended.err).toContain(why);
  });

  test('writes into a pipe itself, and puts no file in its place', async (context) => {
    const { here, blob } = await storeWith('x');
    const mkfifo = findProgram('mkfifo');
    if (mkfifo === undefined) return context.skip('there is no mkfifo');
    const pipe = path.join(here, 'pipe');
    execFileSync(mkfifo, [pipe]);
    for (const force of [[], ['-f']]) {
      const writing = done(here, ['get', blob, 'pipe', ...force]);
      const [, read] = await Promise.all([writing, readFile(pipe, 'utf8')]);
      expect(read).toBe('content');
    }
    expect(statSync(pipe).isFIFO()).toBe(true);
  });

  test('-f overwrites what a link leads to, and the link stays', async () => {
    const { here, blob } = await storeWith('x');
    mkdirSync(path.join(here, 'sub'));
    writeFileSync(path.join(here, 'sub', 'target'), 'old');
    symlinkSync('sub/target', path.join(here, 'link'));
    expect(await depot(here, ['get', blob, 'link'])).toMatchObject({ code: 4 });
    await done(here, ['get', '-f', blob, 'link']);
    expect(lstatSync(path.join(here, 'link')).isSymbolicLink()).toBe(true);
    expect(readFileSync(path.join(here, 'sub', 'target'), 'utf8')).toBe('content');
    expect(readdirSync(path.join(here, 'sub'))).toEqual(['target']);
  });

  test('leaves nothing behind where the blob breaks off', async () => {
    const { here, blob } = await storeWith('x');
    writeFileSync(path.join(here, blob, 'file'), 'cont');
    const { code, err } = await depot(here, ['get', blob]);
    expect(code).toBe(1);
    expect(err).toMatch(/^depot: damaged blob files\/.*: only 4 bytes where 7 bytes/);
    expect(readdirSync(here).sort()).toEqual(['depot.ini', 'files']);
    const printed = await depot(here, ['get', blob, '-']);
    expect(printed.code).toBe(1);
  });

  test.each([
    { blob: `files/${absentId}`, code: 3 },
    { blob: `nowhere/${absentId}`, code: 3 },
    { blob: 'files/no-uuid', code: 2 },
    { blob: 'files/../depot.ini', code: 2 },
    { blob: 'files/', code: 2 },
    { blob: '/x', code: 2 },
    { blob: 'files', code: 2 },
    { blob: '', code: 2 },
  ])('of $blob exits $code', async ({ blob, code }) => {
    const here = newStore();
    const ended = await depot(here, ['get', blob, 'x']);
    expect(ended).toMatchObject({ code, out: '' });
    expect(ended.err).toMatch(/^depot: .+\n/);
    expect(existsSync(path.join(here, 'x'))).toBe(false);
  });
});
