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
        `^${paths[0]} +7 bytes  \\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\dZ  text/plain  a b\\.txt$`,
      ),
    );
  });

  test('-l shows sizes for people, with --bytes exact ones', async () => {
    const here = newStore();
    writeFileSync(path.join(here, 'large'), Buffer.alloc(1_234_567));
    const blob = await done(here, ['put', 'large']);
    expect(await done(here, ['list', '-l'])).toMatch(new RegExp(`^${blob} +1\\.2 MB  `));
    expect(await done(here, ['list', '-l', '--bytes'])).toMatch(new RegExp(`^${blob} +1234567  `));
  });

  test('lists what is asked for by type, name, size and time', async () => {
    const { here, paths } = await newStoreWith('a.txt', 'B.TXT', 'c.png', 'x[1].txt');
    const [a, b, c, x] = paths as [string, string, string, string];
    const metadata = path.join(here, a, 'metadata.json');
    const old = readFileSync(metadata, 'utf8').replace(/"\d{4}-\d\d-\d\d /, '"2001-02-03 ');
    writeFileSync(metadata, old);
    const listed = async (...args: string[]): Promise<string[]> =>
      (await done(here, ['list', ...args])).split('\n').filter(Boolean).sort();
    const sorted = (...all: string[]): string[] => all.sort();
    expect(await listed('--type', 'image/*')).toEqual([c]);
    expect(await listed('--name', '*.txt')).toEqual(sorted(a, b, x));
    expect(await listed('--name', '?.txt')).toEqual(sorted(a, b));
    expect(await listed('--name', 'x[1].*')).toEqual([x]);
    expect(await listed('--since', '2001-02-04')).toEqual(sorted(b, c, x));
    expect(await listed('--since', '1h', '--type', 'text/plain')).toEqual(sorted(b, x));
    expect(await listed('--larger-than', '6')).toEqual(sorted(a, b, c, x));
    expect(await listed('--larger-than', '7')).toEqual([]);
    expect(await listed('--smaller-than', '8', '--limit', '2')).toHaveLength(2);
    expect(await done(here, ['--json', 'list', '--name', 'c*']).then(JSON.parse)).toEqual({
      path: c,
      storage: 'files',
      id: c.slice(6),
    });
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
    { args: ['list', '--since', '2026-02-30'], code: 2 },
    { args: ['list', '--since', 'yesterday'], code: 2 },
    { args: ['list', '--larger-than', '-1'], code: 2 },
  ])('$args exits $code', async ({ args, code }) => {
    const ended = await depot(newStore(), args);
    expect(ended).toMatchObject({ code, out: '' });
    expect(ended.err).toMatch(/^depot: .+\n.+\n$/);
  });
});
