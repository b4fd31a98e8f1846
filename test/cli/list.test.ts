import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { depot, done, fixtures, newDirectory, newStore, newStoreWith, objects } from './depot.js';

describe.concurrent('list', () => {
  test.each(['list', 'ls'])('%s prints the paths of the default storage', async (list) => {
    const { here, paths } = await newStoreWith('a', 'b', 'c');
    expect((await done(here, [list])).split('\n').sort()).toEqual(paths.toSorted());
    expect((await done(here, [list, 'files'])).split('\n').sort()).toEqual(paths.toSorted());
    expect((await done(here, [list, '--limit', '2'])).split('\n')).toHaveLength(2);
    expect((await done(here, [list, '--limit', '9'])).split('\n')).toHaveLength(3);
  });

  test('of an empty storage prints nothing', async () => {
    expect(await done(newStore(), ['list'])).toBe('');
    expect(await done(newStore(), ['list', '-l', '--json'])).toBe('');
  });

  test('-l adds size, time, type and filename', async () => {
    const { here, paths } = await newStoreWith('a b.txt');
    const line = await done(here, ['list', '-l']);
    expect(line).toMatch(
      new RegExp(
        `^${paths[0]} +7  \\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\dZ  text/plain  a b\\.txt$`,
      ),
    );
  });

  test('--json prints one object a line, with -l the whole info', async () => {
    const { here, paths } = await newStoreWith('a.txt');
    const [short] = objects((await depot(here, ['--json', 'list'])).out);
    expect(short).toEqual({ path: paths[0], storage: 'files', id: paths[0]?.slice(6) });
    const [long] = objects((await depot(here, ['list', '-l', '--json'])).out);
    const [info] = objects((await depot(here, ['info', paths[0] ?? '', '--json'])).out);
    expect(long).toEqual(info);
  });

  test('-l names a damaged blob, lists the others and exits 1', async () => {
    const { here, paths } = await newStoreWith('a', 'b');
    writeFileSync(path.join(here, paths[0] ?? '', 'metadata.json'), '{"filename": ');
    const { code, out, err } = await depot(here, ['list', '-l']);
    expect(code).toBe(1);
    expect(out).toMatch(new RegExp(`^${paths[1]} .*\n$`));
    expect(err).toMatch(/^depot: damaged metadata in .*metadata\.json: .*\n$/);
  });

  test('reads a store that Python wrote, and its filenames as they are', async () => {
    const here = newDirectory();
    cpSync(path.join(fixtures, 'local', 'store'), path.join(here, 'files'), { recursive: true });
    writeFileSync(path.join(here, 'depot.ini'), readFileSync(path.join(newStore(), 'depot.ini')));
    const { code, out, err } = await depot(here, ['list', '-l', '--json']);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    const expected = JSON.parse(
      readFileSync(path.join(fixtures, 'local', 'expected.json'), 'utf8'),
    ) as { id: string; filename: string }[];
    const namesOf = (all: { id?: unknown; filename?: unknown }[]) =>
      new Map(all.map(({ id, filename }) => [id, filename]));
    expect(namesOf(objects(out))).toEqual(namesOf(expected));
  });

  test.each([
    { args: ['list', 'nowhere'], code: 3 },
    { args: ['list', '--limit', '0'], code: 2 },
    { args: ['list', '--limit', '-1'], code: 2 },
    { args: ['list', '--limit', '1e3'], code: 2 },
    { args: ['list', 'files', 'files'], code: 2 },
  ])('$args exits $code', async ({ args, code }) => {
    const ended = await depot(newStore(), args);
    expect(ended).toMatchObject({ code, out: '' });
    expect(ended.err).toMatch(/^depot: .+\n.+\n$/);
  });
});
