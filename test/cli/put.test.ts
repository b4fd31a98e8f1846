import { createHash, randomBytes } from 'node:crypto';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { depot, done, newStore, objects, outcome, start } from './depot.js';

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

  test('stores nothing of a source that breaks', async (context) => {
    // A file of Linux that opens, and fails to be read.
    const broken = '/proc/self/mem';
    if (!existsSync(broken)) return context.skip(`there is no ${broken}`);
    const here = newStore();
    const ended = await depot(here, ['put', broken]);
    expect(ended).toMatchObject({ code: 1, out: '' });
    expect(ended.err).toMatch(/^depot: cannot read \/proc\/self\/mem: .*\n$/);
    expect(readdirSync(path.join(here, 'files'))).toEqual([]);
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
