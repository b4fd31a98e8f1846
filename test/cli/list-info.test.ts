import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { depot, done, executable, newSite, newStore, objects, outcome } from './depot.js';

/** More bytes than a pipe takes before somebody reads them. */
const beyondPipe = 300_000;

/** Runs `depot ARGS | READER`; returns what the reader prints, and depot's own exit code. */
async function piped(here: string, args: string, reader: string) {
  const script = `{ "$0" "$1" ${args}; echo "exit $?" >&2; } | ${reader}`;
  const { PATH = '' } = process.env;
  const child = spawn('/bin/sh', ['-c', script, process.execPath, executable], {
    cwd: here,
    env: { PATH },
  });
  return outcome(child);
}

/** A store whose list, printed, is longer than `beyondPipe`. */
async function longStore(): Promise<string> {
  const here = newStore();
  const blob = await done(here, ['put', 'depot.ini']);
  const lines = Math.ceil(beyondPipe / `${blob}\n`.length);
  for (let line = 0; line < lines; line += 1) {
    const directory = path.join(here, 'files', randomUUID());
    mkdirSync(directory);
    writeFileSync(path.join(directory, 'file'), '');
    writeFileSync(
      path.join(directory, 'metadata.json'),
      JSON.stringify({
        filename: 'x',
        content_type: 'text/plain',
        content_length: 0,
        last_modified: '2026-01-02 03:04:05',
      }),
    );
  }
  return here;
}

describe('a reader that goes away', () => {
  test('ends list quietly, in text, with -l and with --json', async () => {
    const here = await longStore();
    for (const args of ['list', 'list -l', '--json list', '-v list -l']) {
      const { out, err } = await piped(here, args, 'head -1');
      expect(out).toMatch(/^.+\n$/);
      expect(err).toBe('exit 0\n');
    }
    expect(await piped(here, 'list', 'true')).toMatchObject({ out: '', err: 'exit 0\n' });
  });

  test('ends get quietly', async () => {
    const here = newStore();
    const blob = await done(here, ['put', '-'], { input: 'x'.repeat(beyondPipe) });
    const { out, err } = await piped(here, `get ${blob} -`, 'head -c 3');
    expect({ out, err }).toEqual({ out: 'xxx', err: 'exit 0\n' });
  });
});

describe.concurrent('a filename with control characters', () => {
  const name = 'a\u001b[2J\r\n\tb\u202e.txt';
  const escaped = 'a\\u001b[2J\\r\\n\\tb\\u202e.txt';

  test('is escaped in text, and left alone in --json', async () => {
    const here = newStore();
    const blob = await done(here, ['put', '-', '--name', name], { input: 'x' });
    expect(await done(here, ['info', blob])).toContain(`\nfilename: ${escaped}\n`);
    expect((await done(here, ['list', '-l'])).endsWith(`  ${escaped}`)).toBe(true);
    for (const args of [
      ['info', blob],
      ['list', '-l'],
    ]) {
      const { out } = await depot(here, ['--json', ...args]);
      expect(objects(out)).toMatchObject([{ filename: name }]);
    }
  });
});

test('--json of info and list has the keys of the contract, in its order', async () => {
  const here = newStore();
  const blob = await done(here, ['put', 'depot.ini']);
  const keys = ['path', 'storage', 'id', 'filename', 'content_type', 'content_length'];
  keys.push('last_modified', 'public_url');
  const keysOf = async (...args: string[]) => {
    const printed = objects(await done(here, ['--json', ...args]).then((out) => `${out}\n`));
    return printed.map((object) => Object.keys(object));
  };
  expect(await keysOf('info', blob, blob)).toEqual([keys, keys]);
  expect(await keysOf('info', '--hash', blob)).toEqual([[...keys, 'sha256']]);
  expect(await keysOf('list', '-l')).toEqual([keys]);
  expect(await keysOf('list')).toEqual([['path', 'storage', 'id']]);
});

describe.concurrent('info --references', () => {
  const site = ['-c', 'production.ini', '--json', 'info', '--references'];

  test('shows the rows that name a blob, in whatever spelling', async () => {
    const here = newSite();
    const expected = JSON.parse(readFileSync(path.join(here, 'expected.json'), 'utf8')) as {
      references: {
        table: string;
        column: string;
        primary_key: Record<string, unknown>;
        files?: { path: string; status: string }[];
      }[];
    };
    const rows = new Map<string, Set<string>>();
    for (const { table, column, primary_key: key, files = [] } of expected.references) {
      const keys = Object.entries(key).map(([name, value]) => `${name}=${value}`);
      for (const file of files.filter(({ status }) => status === 'ok')) {
        const known = rows.get(file.path) ?? new Set();
        rows.set(file.path, known.add(`${table}.${column} ${keys.join(' ')}`));
      }
    }
    const { code, out } = await depot(here, [...site, ...rows.keys()]);
    expect(code).toBe(0);
    const found = objects(out);
    expect(found).toHaveLength(rows.size);
    for (const { path: blob, references } of found) {
      const named = rows.get(blob as string) ?? new Set();
      expect(references).toEqual(expect.arrayContaining([...named]));
    }
  });

  test('needs a database', async () => {
    const here = newStore();
    const blob = await done(here, ['put', 'depot.ini']);
    expect(await depot(here, ['info', '--references', blob])).toMatchObject({ code: 2, out: '' });
  });
});
