import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { depot, done, newDirectory, newStore, objects } from './depot.js';

function write(here: string, file: string, ...lines: string[]): void {
  writeFileSync(path.join(here, file), lines.map((line) => `${line}\n`).join(''));
}

/** A configuration of one local storage under that name. */
function storage(name: string, number = 0): string[] {
  const key = `depot.${number}`;
  return [
    `${key}.name = ${name}`,
    `${key}.backend = local`,
    `${key}.storage_path = %(here)s/files`,
  ];
}

describe.concurrent('which configuration', () => {
  test('is -c, else DEPOT_CONFIG, else ./depot.ini', async () => {
    const here = newStore();
    write(here, 'env.ini', '[depot]', ...storage('env'));
    write(here, 'option.ini', '[depot]', ...storage('option'));
    const env = { DEPOT_CONFIG: 'env.ini' };
    const nameOf = async (args: string[], options = {}) =>
      objects((await depot(here, [...args, '--json', 'storages'], options)).out)[0]?.name;
    expect(await nameOf([])).toBe('files');
    expect(await nameOf([], { env: { DEPOT_CONFIG: '' } })).toBe('files');
    expect(await nameOf([], { env })).toBe('env');
    expect(await nameOf(['-c', 'option.ini'], { env })).toBe('option');
    expect(await nameOf(['--config=option.ini'], { env })).toBe('option');
  });

  test('FILE#APP chooses an application; several without it are an error that lists them', async () => {
    const here = newStore();
    const app = (name: string) => [`[app:${name}]`, 'use = egg:x', ...storage(`of-${name}`)];
    write(here, 'two.ini', ...app('one'), ...app('other'));
    const [chosen] = objects(
      (await depot(here, ['-c', 'two.ini#other', '--json', 'storages'])).out,
    );
    expect(chosen?.name).toBe('of-other');
    const several = await depot(here, ['-c', 'two.ini', 'list']);
    expect(several).toMatchObject({ code: 2, out: '' });
    expect(several.err).toBe(
      'depot: two.ini: more than one application has storages: one, other\nChoose one: -c two.ini#one\n',
    );
    const unknown = await depot(here, ['-c', 'two.ini#third', 'list']);
    expect(unknown).toMatchObject({ code: 2, out: '' });
    expect(unknown.err).toContain('third');
  });

  test('missing is one line, with what to do', async () => {
    const here = newDirectory();
    for (const args of [['list'], ['-c', 'absent.ini', 'list'], ['-c', '.', 'list']]) {
      const ended = await depot(here, args);
      expect(ended).toMatchObject({ code: 2, out: '' });
      expect(ended.err).toMatch(/^depot: \S+: .+\nName the configuration file with -c.*\n$/);
    }
  });
});

describe.concurrent('a broken configuration', () => {
  test.each([
    {
      lines: ['[depot]', ...storage('a'), 'colour = blue'],
      says: 'x.ini line 5 [depot] colour: ',
    },
    { lines: ['[depot]', 'gibberish'], says: 'x.ini line 2: ' },
    {
      lines: ['[depot]', ...storage('a'), ...storage('a')],
      says: 'x.ini line 5 [depot] depot.0.name',
    },
    { lines: ['[depot]', ...storage('a'), ...storage('a', 1)], says: 'x.ini line 5 [depot]' },
    {
      lines: ['[depot]', ...storage('a'), 'depot.0.prefix = x'],
      says: 'x.ini line 5 [depot] depot.0.prefix: unknown option prefix of storage a\nThe local backend knows: storage_path.',
    },
    {
      lines: ['[depot]', ...storage('a'), 'default = b'],
      says: "x.ini line 5 [depot] default: no storage is called 'b'\nThere are a.",
    },
    {
      lines: ['[depot]', ...storage('a'), '[depot:aliases]', 'b = c'],
      says: "x.ini line 6 [depot:aliases] b: no storage is called 'c'",
    },
    {
      lines: ['[depot]', 'depot.0.name = a', 'depot.0.backend = ftp'],
      says: 'x.ini line 3 [depot] depot.0.backend: unknown backend ftp of storage a',
    },
    {
      lines: ['[depot]', 'depot.0.name = a', 'depot.0.backend = local'],
      says: 'storage a needs the option storage_path',
    },
    {
      lines: ['[depot]', ...storage('a'), 'depot.0.storage_path = %(nowhere)s/x'],
      says: 'x.ini line 5 [depot] depot.0.storage_path',
    },
    { lines: [], says: 'x.ini: it configures no storage' },
    { lines: ['[depot'], says: 'x.ini line 1' },
  ])('says where and what: $says', async ({ lines, says }) => {
    const here = newStore();
    write(here, 'x.ini', ...lines);
    const ended = await depot(here, ['-c', 'x.ini', 'list']);
    expect(ended).toMatchObject({ code: 2, out: '' });
    expect(ended.err).toMatch(/^depot: x\.ini.*\n(.+\n)?$/);
    expect(ended.err).toContain(says);
  });
});

describe.concurrent('the environment', () => {
  test('sets options, and wins over the file', async () => {
    const here = newStore();
    mkdirSync(path.join(here, 'elsewhere'));
    const env = { DEPOT_FILES_STORAGE_PATH: path.join(here, 'elsewhere') };
    await done(here, ['put', 'depot.ini'], { env });
    expect(await done(here, ['list'])).toBe('');
    expect(readdirSync(path.join(here, 'elsewhere'))).toHaveLength(1);
  });

  test('spells a name with _ for anything but letters and digits', async () => {
    const here = newStore();
    write(here, 'x.ini', '[depot]', ...storage('my-files.2'));
    const env = { DEPOT_MY_FILES_2_STORAGE_PATH: path.join(here, 'elsewhere') };
    const [described] = objects(
      (await depot(here, ['-c', 'x.ini', '--json', 'storages'], { env })).out,
    );
    expect(described?.options).toEqual({ storage_path: env.DEPOT_MY_FILES_2_STORAGE_PATH });
  });

  test('names the known options where one is unknown', async () => {
    const ended = await depot(newStore(), ['list'], { env: { DEPOT_FILES_COLOUR: 'blue' } });
    expect(ended).toMatchObject({ code: 2, out: '' });
    expect(ended.err).toBe(
      'depot: DEPOT_FILES_COLOUR: unknown option colour of storage files\nThe local backend knows: storage_path.\n',
    );
  });
});

test('a byte-order mark is read past, and said with -v', async () => {
  const here = newDirectory();
  cpSync(path.join(newStore(), 'depot.ini'), path.join(here, 'plain.ini'));
  mkdirSync(path.join(here, 'files'));
  write(here, 'depot.ini', `\ufeff${readFileSync(path.join(here, 'plain.ini'), 'utf8')}`);
  expect(await done(here, ['list'])).toBe('');
  expect((await depot(here, ['-v', 'list'])).err).toMatch(/^depot\.ini: .*byte-order mark.*\n$/);
});
