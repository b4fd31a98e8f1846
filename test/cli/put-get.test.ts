import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import {
  appendFileSync,
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
import { absentId, depot, done, findProgram, newStore, objects, outcome, start } from './depot.js';

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

describe.concurrent('put', () => {
  test('prints the path of each file, and stores its bytes, name and type', async () => {
    const here = newStore();
    writeFileSync(path.join(here, 'a.txt'), 'a');
    writeFileSync(path.join(here, 'b.tar.gz'), 'bb');
    const paths = (await done(here, ['put', 'a.txt', 'b.tar.gz'])).split('\n');
    expect(paths).toHaveLength(2);
    for (const blob of paths) expect(blob).toMatch(/^files\/[0-9a-f]{8}-/);
    const infos = objects((await depot(here, ['--json', 'info', ...paths])).out);
    expect(infos).toMatchObject([
      { filename: 'a.txt', content_type: 'text/plain', content_length: 1 },
      { filename: 'b.tar.gz', content_type: 'application/x-tar', content_length: 2 },
    ]);
  });

  test('with --json prints the info object', async () => {
    const here = newStore();
    writeFileSync(path.join(here, 'a.txt'), 'a');
    const [info] = objects((await depot(here, ['--json', 'put', 'a.txt'])).out);
    expect(Object.keys(info ?? {})).toEqual([
      'path',
      'storage',
      'id',
      'filename',
      'content_type',
      'content_length',
      'last_modified',
      'public_url',
    ]);
    expect(info?.path).toBe(`${info?.storage}/${info?.id}`);
    expect(info?.last_modified).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  });

  test('takes --name, --type and --storage', async () => {
    const here = newStore();
    writeFileSync(path.join(here, 'a.txt'), 'a');
    const options = ['--name', 'b.pdf', '--type', 'text/x-own', '--storage', 'files'];
    const blob = await done(here, ['put', 'a.txt', ...options]);
    const [info] = objects((await depot(here, ['--json', 'info', blob])).out);
    expect(info).toMatchObject({ filename: 'b.pdf', content_type: 'text/x-own' });
    const [guessed] = objects(
      (await depot(here, ['--json', 'put', 'a.txt', '--name', 'b.pdf'])).out,
    );
    expect(guessed?.content_type).toBe('application/pdf');
  });

  test('reads standard input, as unnamed unless it is given a name', async () => {
    const here = newStore();
    const blob = await done(here, ['put', '-'], { input: 'piped' });
    const named = await done(here, ['put', '-', '--name', 'p.txt'], { input: '' });
    const infos = objects((await depot(here, ['--json', 'info', blob, named])).out);
    expect(infos).toMatchObject([
      { filename: 'unnamed', content_type: 'application/octet-stream', content_length: 5 },
      { filename: 'p.txt', content_type: 'text/plain', content_length: 0 },
    ]);
  });

  test('passes 50 MB through pipes unchanged', async () => {
    const here = newStore();
    const bytes = Buffer.concat(Array.from({ length: 50 }, () => randomBytes(1_000_000)));
    const blob = await done(here, ['put', '-'], { input: bytes });
    const { stdout, code } = await depot(here, ['get', blob, '-']);
    expect({ code, sha256: sha256(stdout) }).toEqual({ code: 0, sha256: sha256(bytes) });
    const [info] = objects((await depot(here, ['--json', 'info', '--hash', blob])).out);
    expect(info?.sha256).toBe(sha256(bytes));
  });

  test.each([
    { name: 'with spaces .txt' },
    { name: 'with\nnewline.txt' },
    { name: 'emoji 🗄️.txt' },
    { name: '-dash.txt' },
    { name: '--force' },
    { name: 'quote"\'`$(x).txt' },
    { name: `${'ö'.repeat(125)}.text` },
  ])('stores and gives back a file called $name', async ({ name }) => {
    const here = newStore();
    writeFileSync(path.join(here, name), name);
    const blob = await done(here, ['put', '--', name]);
    const [info] = objects((await depot(here, ['--json', 'info', blob])).out);
    expect(info?.filename).toBe(name);
    mkdirSync(path.join(here, 'back'));
    await done(here, ['get', blob, 'back']);
    const [written = ''] = readdirSync(path.join(here, 'back'));
    expect(readFileSync(path.join(here, 'back', written), 'utf8')).toBe(name);
    // Only what could be misread is left out.
    expect(written).toBe(name.replace('\n', ''));
  });

  test('takes a file that grows meanwhile as it was, and one that hides its length', async () => {
    const here = newStore();
    const log = path.join(here, 'log');
    writeFileSync(log, Buffer.alloc(3_000_000, 'x'));
    const child = start(here, ['put', 'log']);
    const growing = setInterval(() => appendFileSync(log, 'more'), 1);
    const { code, out } = await outcome(child).finally(() => clearInterval(growing));
    expect(code).toBe(0);
    const [info] = objects((await depot(here, ['--json', 'info', out.trim()])).out);
    expect(Number(info?.content_length)).toBeGreaterThanOrEqual(3_000_000);
    if (!existsSync('/proc/version')) return;
    const system = await done(here, ['put', '/proc/version']);
    const text = readFileSync('/proc/version', 'utf8');
    expect((await depot(here, ['get', system, '-'])).out).toBe(text);
  });

  test('names each file that it cannot read, stores the others and exits 1', async () => {
    const here = newStore();
    writeFileSync(path.join(here, 'a.txt'), 'a');
    const { code, out, err } = await depot(here, ['put', 'absent', 'a.txt', here]);
    expect(code).toBe(1);
    expect(out.split('\n')).toHaveLength(2);
    expect(err).toBe(
      `depot: cannot read absent: it does not exist\ndepot: cannot read ${here}: it is a directory\n`,
    );
    expect((await done(here, ['list'])).split('\n')).toHaveLength(1);
  });

  test.each([
    { args: ['put', 'absent'], code: 3 },
    { args: ['put', '.'], code: 2 },
    { args: ['put', '-s', 'nowhere', 'a.txt'], code: 3 },
    { args: ['put', '--name', 'x', 'a.txt', 'a.txt'], code: 2 },
    { args: ['put', '--name', '', 'a.txt'], code: 2 },
    { args: ['put', '--type', 'text', 'a.txt'], code: 2 },
    { args: ['put', '--type', 'text/plain\r\nX: y', 'a.txt'], code: 2 },
    { args: ['put', '-', '-'], code: 2 },
    { args: ['put'], code: 2 },
    { args: ['put', '-dash.txt'], code: 2 },
  ])('$args exits $code and stores nothing', async ({ args, code }) => {
    const here = newStore();
    writeFileSync(path.join(here, 'a.txt'), 'a');
    const ended = await depot(here, args, { input: 'x' });
    expect(ended).toMatchObject({ code, out: '' });
    expect(ended.err).toMatch(/^depot: .+\n/);
    expect(await done(here, ['list'])).toBe('');
  });
});

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
