import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { depot, done, executable, newDirectory } from './depot.js';

const { version } = JSON.parse(
  readFileSync(path.join(path.dirname(executable), '..', 'package.json'), 'utf8'),
) as { version: string };

const commands = {
  init: ['[file]'],
  put: ['--storage', '--name', '--type', 'standard input'],
  get: ['--force', 'standard output', '[dest]'],
  list: ['--long', '--limit', 'list|ls'],
  info: ['--hash', 'info|stat'],
  replace: ['--name', '--type', 'standard input'],
  delete: ['--force', 'delete|rm', 'standard input'],
  storages: ['--ping', 'create'],
  'storages create': ['<storage>'],
  references: ['--count'],
  serve: ['--host', '--port', '--token', 'DEPOT_SERVE_TOKEN'],
  'migrate-storage': [
    ...[
      'migrate-storage|migrate',
      '--from',
      '--to',
      '--dry-run',
      '--delete-source',
      '--references',
    ],
    ...['--exclude', '--larger-than', '--smaller-than', '--older-than'],
    ...[
      '--where',
      '--limit',
      '--shard',
      '--concurrency',
      '--bwlimit',
      '--tpslimit',
      '--state',
      '--verify',
      '--undo',
      '--report',
      '--no-progress',
    ],
  ],
};

describe.concurrent('help', () => {
  test('of depot names every command and option', async () => {
    const help = await done(newDirectory(), ['--help']);
    expect(await done(newDirectory(), ['-h'])).toBe(help);
    expect(await done(newDirectory(), ['help'])).toBe(help);
    for (const name of Object.keys(commands)) expect(help).toContain(`  ${name.split(' ')[0]}`);
    for (const option of ['--config', '--json', '--quiet', '--verbose', '--version']) {
      expect(help).toContain(option);
    }
  });

  test.each(Object.entries(commands))('of %s needs no configuration', async (name, words) => {
    const help = await done(newDirectory(), [...name.split(' '), '--help']);
    expect(help).toMatch(new RegExp(`^Usage: depot ${name}`));
    for (const word of words) expect(help).toContain(word);
    const lines = help.split('\n').map(({ length }) => length);
    expect(Math.max(...lines)).toBeLessThanOrEqual(80);
  });

  test('is what depot alone says, on standard error: exit 2', async () => {
    const alone = await depot(newDirectory(), []);
    expect(alone).toMatchObject({ code: 2, out: '' });
    expect(alone.err).toBe(`${await done(newDirectory(), ['--help'])}\n`);
  });
});

test.concurrent('the version is that of the package, wherever it is asked for', async () => {
  for (const args of [['--version'], ['-V'], ['--json', '--version'], ['list', '--version']]) {
    expect(await done(newDirectory(), args)).toBe(version);
  }
});

describe('the program file', () => {
  test('says in one line that a Node is too old', (context) => {
    const node = '/usr/bin/node';
    const found = existsSync(node) ? spawnSync(node, ['-p', 'process.versions.node']) : undefined;
    const old = found?.stdout.toString().trim() ?? '';
    if (found === undefined || Number(old.split('.')[0]) >= 22) {
      return context.skip(`${node} is no old Node`);
    }
    for (const args of [['--version'], ['list'], []]) {
      const { status, stdout, stderr } = spawnSync(node, [executable, ...args], {
        encoding: 'utf8',
      });
      expect({ status, stdout, stderr }).toEqual({
        status: 2,
        stdout: '',
        stderr: `depot: needs Node 22.14 or newer: this is ${old}\n`,
      });
    }
  });

  test('says in one line that it was not built', () => {
    const here = newDirectory();
    mkdirSync(path.join(here, 'bin'));
    cpSync(executable, path.join(here, 'bin', 'depot.js'));
    cpSync(path.join(executable, '..', '..', 'package.json'), path.join(here, 'package.json'));
    const args = [path.join(here, 'bin', 'depot.js'), 'list'];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toMatch(/^depot: cannot start: .*main\.js.*\n$/);
  });
});
