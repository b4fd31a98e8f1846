import { existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import stringWidth from 'string-width';
import { describe, expect, test } from 'vitest';
import {
  depot,
  done,
  findProgram,
  newDirectory,
  newSite,
  newStore,
  objects,
  onTerminal,
  outcome,
  shell,
  start,
} from './depot.js';

const migration = [
  '-c',
  'production.ini',
  'migrate-storage',
  '--from',
  'dbfiles',
  '--to',
  'localfs',
];
const bash = findProgram('bash');
const python = findProgram('python3');
const fullDevice = '/dev/full';

describe.concurrent('a reader that goes away', () => {
  test('stops put before all is stored: exit 1', async () => {
    const here = newStore();
    for (const name of ['a', 'b', 'c']) writeFileSync(path.join(here, name), name);
    const child = start(here, ['put', 'a', 'b', 'c']);
    child.stdout?.destroy();
    expect(await outcome(child)).toMatchObject({ code: 1, err: '' });
    expect((await done(here, ['list'])).split('\n')).toHaveLength(1);
  });

  test('stops a migration where it is consistent: exit 1, and a rerun goes on', async () => {
    const here = newSite();
    const child = start(here, ['--json', ...migration]);
    child.stdout?.destroy();
    expect((await outcome(child)).code).toBe(1);
    await depot(here, migration);
    const { out } = await depot(here, ['--json', ...migration]);
    expect(objects(out).at(-1)).toMatchObject({
      references: { migrated: 0, missing: 2, failed: 0 },
      blobs: { copied: 0, failed: 0 },
    });
  });

  test.runIf(bash)('of standard error is of no consequence', async () => {
    const here = newStore();
    const ended = await shell(
      here,
      'depot -v info nowhere/x 2> >(true); echo $?; depot list nowhere 2>&-; echo $?',
    );
    expect(ended).toMatchObject({ out: '3\n3\n', err: '' });
  });

  test.runIf(bash)('that was never there: a closed standard output', async () => {
    const here = newStore();
    const ended = await shell(
      here,
      'depot put depot.ini >&-; echo $?; depot list >&- 2>&-; echo $?',
    );
    expect(ended).toMatchObject({ out: '0\n0\n', err: '' });
  });

  test.skipIf(!bash || !existsSync(fullDevice))(
    'a full disk under standard output is said in a line: exit 1',
    async () => {
      const here = newStore();
      const blob = await done(here, ['put', 'depot.ini']);
      for (const command of [`get ${blob} -`, 'storages --json', 'put depot.ini', '--help']) {
        const ended = await shell(here, `depot ${command} > ${fullDevice}`);
        expect(ended).toMatchObject({
          code: 1,
          err: 'depot: cannot write to standard output: no space left on the disk\n',
        });
      }
    },
  );
});

describe.concurrent('--json', () => {
  test('prints nothing but one object a line, whatever goes wrong', async () => {
    const here = newSite();
    const site = ['-c', 'production.ini', '--json'];
    const wrong = ['info', 'dbfiles/absent', 'localfs/x', 'nowhere/x'];
    expect(await depot(here, [...site, ...wrong])).toMatchObject({ code: 1, out: '' });
    for (const args of [
      ['storages', '--ping'],
      ['references'],
      ['references', '--count'],
      ['list', '-l', 'dbfiles'],
      ['list', 'localfs'],
      ['migrate', '--from', 'dbfiles', '--to', 'localfs', '--dry-run'],
      ['storages', 'create', 'localfs'],
    ]) {
      const { out } = await depot(here, [...site, ...args]);
      const printed = objects(out);
      expect(printed.length).toBeGreaterThan(0);
      const keys = printed.flatMap((object) => Object.keys(object));
      expect(keys.filter((key) => !/^[a-z][a-z0-9_]*$/.test(key))).toEqual([]);
    }
  });

  test('works before and behind the command', async () => {
    const here = newStore();
    await done(here, ['put', 'depot.ini']);
    const before = await depot(here, ['--json', 'list']);
    expect(objects(before.out)).toHaveLength(1);
    expect((await depot(here, ['list', '--json'])).out).toBe(before.out);
  });
});

describe.concurrent('what is said beside the data', () => {
  test('-q leaves data and errors, -v adds to them', async () => {
    const here = newSite();
    const quiet = await depot(here, ['-q', ...migration, '--limit', '1']);
    expect(quiet).toMatchObject({ code: 0, err: '' });
    expect(quiet.out).toMatch(/^Migrated 1 reference /);
    const normal = await depot(here, [...migration, '--limit', '1']);
    expect(normal.err).toContain('--undo depot-state/dbfiles-to-localfs.sqlite\n');
    const blob = await done(here, ['-c', 'production.ini', 'put', '-']);
    const verbose = await depot(here, ['-v', '-c', 'production.ini', 'delete', blob]);
    expect(verbose).toMatchObject({ out: '', err: `deleted ${blob}\n` });
    expect(await depot(here, ['-q', '-v', 'list'])).toMatchObject({ code: 2, out: '' });
  });

  test.each([{}, { NO_COLOR: '1' }, { TERM: 'dumb' }, { FORCE_COLOR: '1', TERM: 'xterm' }])(
    'has no control sequences where it is no terminal: %j',
    async (env) => {
      const here = newSite();
      for (const args of [
        ['-v', ...migration],
        ['-c', 'production.ini', 'storages', '--ping'],
        ['--help'],
      ]) {
        const { out, err } = await depot(here, args, { env });
        // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
        expect(out + err).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
      }
    },
  );
});

describe.runIf(python).concurrent('on a terminal', () => {
  const hideCursor = '\u001b[?25l';
  const showCursor = '\u001b[?25h';

  test('shows how far it is, and leaves every line of the result standing', async () => {
    const { code, out } = await onTerminal(python ?? '', newSite(), migration);
    expect(code).toBe(1);
    expect(out).toContain(hideCursor);
    expect(out.lastIndexOf(showCursor)).toBeGreaterThan(out.lastIndexOf(hideCursor));
    expect(out).toMatch(/\d+ references migrated, \d+ blobs copied, /);
    // Between saving and restoring the cursor's place nothing may scroll.
    const bars = out.split('\u001b7').slice(1);
    expect(bars.filter((bar) => bar.split('\u001b8')[0]?.includes('\n'))).toEqual([]);
    expect(out.match(/depot: .* does not exist\r\n/g)).toHaveLength(2);
    expect(out).toContain('\r\n  references: 42 read');
  });

  test.each([
    { args: ['--no-progress'], env: {} },
    { args: [], env: { TERM: 'dumb' } },
    { args: ['-q'], env: {} },
    { args: ['--json'], env: {} },
  ])('shows no bar with $args $env', async ({ args, env }) => {
    const { out } = await onTerminal(python ?? '', newSite(), [...migration, ...args], env);
    expect(out).toContain('does not exist');
    expect(out).not.toContain('\u001b');
  });

  test('has no colours, with NO_COLOR or without', async () => {
    for (const env of [{}, { NO_COLOR: '1' }]) {
      const { out } = await onTerminal(python ?? '', newSite(), migration, env);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: it begins a colour
      expect(out).not.toMatch(/\u001b\[[0-9;]*m/);
    }
  });

  test('prints each row of a table by itself where it is too narrow', async () => {
    const here = newSite();
    const args = ['-c', 'production.ini', 'storages'];
    const { out } = await onTerminal(python ?? '', here, args, { COLUMNS: '40' });
    expect(out).toMatch(/^NAME {5}dbfiles\r\nKIND {5}sql\r\n/);
    expect(out).toMatch(/\r\n\r\nNAME {5}localfs\r\n/);
    const wide = await onTerminal(python ?? '', here, args, { COLUMNS: '300' });
    expect(wide.out).toMatch(/^NAME +KIND +DEFAULT +ALIASES +OPTIONS\r\n/);
  });

  test('aligns what takes two cells of a terminal, or none', async () => {
    const here = newDirectory();
    const names = ['files', '漢字', 'e\u0301t\u0301', '🚢🚢'];
    const settings = names.flatMap((name, index) => [
      `depot.${index}.name = ${name}`,
      `depot.${index}.backend = local`,
      `depot.${index}.storage_path = ${index}`,
    ]);
    writeFileSync(path.join(here, 'depot.ini'), `[depot]\n${settings.join('\n')}\n`);
    const { out } = await depot(here, ['storages']);
    const lines = out.trimEnd().split('\n').slice(1);
    expect(lines).toHaveLength(names.length);
    const starts = lines.map((line) => stringWidth(line.slice(0, line.indexOf('local'))));
    expect(new Set(starts).size).toBe(1);
  });

  test('escapes what it could misread', async () => {
    const here = newStore();
    const blob = await done(here, ['put', '-', '--name', 'a\u001b]0;x\u0007b']);
    const { out } = await onTerminal(python ?? '', here, ['info', blob]);
    expect(out).toContain('filename: a\\u001b]0;x\\u0007b\r\n');
  });
});
