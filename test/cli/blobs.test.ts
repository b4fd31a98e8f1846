import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { absentId, depot, done, newSite, newStore, newStoreWith, objects } from './depot.js';

const sha256OfContent = 'ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73';

describe.concurrent('info', () => {
  test.each(['info', 'stat'])(
    '%s prints key: value lines, an empty line between blobs',
    async (info) => {
      const { here, paths } = await newStoreWith('a.txt', 'b');
      const blocks = (await done(here, [info, ...paths])).split('\n\n');
      expect(blocks).toHaveLength(2);
      expect(blocks[0]?.split('\n').map((line) => line.split(': ')[0])).toEqual([
        ...['path', 'storage', 'id', 'filename', 'content_type', 'content_length'],
        ...['last_modified', 'public_url'],
      ]);
      expect(blocks[1]).toContain('\nfilename: b\ncontent_type: application/octet-stream\n');
    },
  );

  test('--hash adds the SHA-256', async () => {
    const { here, paths } = await newStoreWith('a.txt');
    expect(await done(here, ['info', '--hash', ...paths])).toMatch(`\nsha256: ${sha256OfContent}`);
    const [object] = objects((await depot(here, ['info', '--hash', '--json', ...paths])).out);
    expect(object).toMatchObject({ filename: 'a.txt', sha256: sha256OfContent, public_url: null });
  });

  test('of several names each that fails, shows the others and exits 1', async () => {
    const { here, paths } = await newStoreWith('a');
    const wrong = [`files/${absentId}`, 'files/no-uuid', 'nowhere/x'];
    const { code, out, err } = await depot(here, ['--json', 'info', ...wrong, ...paths]);
    expect(code).toBe(1);
    expect(objects(out)).toHaveLength(1);
    expect(err.match(/^depot: /gm)).toHaveLength(3);
    expect(err).toContain(absentId);
    expect(err).toContain('no-uuid');
    expect(err).toContain('nowhere');
  });

  test('exits 3 where all are missing, and 2 where all are malformed', async () => {
    const here = newStore();
    const missing = ['info', `files/${absentId}`, `files/${absentId}`];
    expect(await depot(here, missing)).toMatchObject({ code: 3, out: '' });
    expect(await depot(here, ['info', 'files', 'files/x'])).toMatchObject({ code: 2, out: '' });
  });

  test('--hash of a damaged blob exits 1 and shows no hash of a part', async () => {
    const { here, paths } = await newStoreWith('a');
    writeFileSync(path.join(here, paths[0] ?? '', 'file'), 'cont');
    const { code, out, err } = await depot(here, ['info', '--hash', ...paths]);
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toContain('damaged blob');
  });
});

describe.concurrent('replace', () => {
  test('keeps identifier and name, takes a type, and prints the path', async () => {
    const { here, paths } = await newStoreWith('a.txt');
    const [blob = ''] = paths;
    writeFileSync(path.join(here, 'new.pdf'), 'newer content');
    expect(await done(here, ['replace', blob, 'new.pdf', '--type', 'text/html'])).toBe(blob);
    const [info] = objects((await depot(here, ['--json', 'info', blob])).out);
    expect(info).toMatchObject({
      filename: 'a.txt',
      content_type: 'text/html',
      content_length: 13,
    });
    expect(await done(here, ['get', blob, '-'])).toBe('newer content');
    expect(await done(here, ['list'])).toBe(blob);
  });

  test('takes a name, guesses its type, and reads standard input', async () => {
    const { here, paths } = await newStoreWith('a.txt');
    const [blob = ''] = paths;
    const replaced = await depot(here, ['--json', 'replace', blob, '-', '--name', 'b.html'], {
      input: 'piped',
    });
    expect(objects(replaced.out)).toMatchObject([
      { path: blob, filename: 'b.html', content_type: 'text/html', content_length: 5 },
    ]);
  });

  test.each([
    { args: [`files/${absentId}`, 'a.txt'], code: 3 },
    { args: ['files/x', 'a.txt'], code: 2 },
    { args: ['PATH', 'absent'], code: 3 },
    { args: ['PATH', '.'], code: 2 },
    { args: ['PATH'], code: 2 },
    { args: ['PATH', 'a.txt', '--name', ''], code: 2 },
  ])('$args exits $code and changes nothing', async ({ args, code }) => {
    const { here, paths } = await newStoreWith('a.txt');
    const [blob = ''] = paths;
    const before = readdirSync(path.join(here, blob));
    const given = args.map((argument) => (argument === 'PATH' ? blob : argument));
    expect(await depot(here, ['replace', ...given])).toMatchObject({ code, out: '' });
    expect(await done(here, ['get', blob, '-'])).toBe('content');
    expect(readdirSync(path.join(here, blob))).toEqual(before);
  });
});

describe.concurrent('delete', () => {
  test.each(['delete', 'rm'])('%s deletes what it is given, and prints nothing', async (remove) => {
    const { here, paths } = await newStoreWith('a', 'b', 'c');
    expect(await done(here, [remove, ...paths.slice(0, 2)])).toBe('');
    expect(await done(here, ['list'])).toBe(paths[2]);
    expect(readdirSync(path.join(here, 'files'))).toHaveLength(1);
  });

  test('reads paths from standard input, one a line', async () => {
    const { here, paths } = await newStoreWith('a', 'b', 'c');
    await done(here, ['delete', '-'], { input: `${paths[0]}\n\n${paths[1]}\r\n${paths[2]}` });
    expect(await done(here, ['list'])).toBe('');
  });

  test('deletes all that list prints', async () => {
    const { here } = await newStoreWith(...Array.from({ length: 30 }, (_, index) => `f${index}`));
    const { out } = await depot(here, ['list']);
    await done(here, ['rm', '-'], { input: out });
    expect(await done(here, ['list'])).toBe('');
  });

  test('a missing one is exit 3, or 1 among others, and 0 with -f', async () => {
    const { here, paths } = await newStoreWith('a', 'b');
    const [first = '', second = ''] = paths;
    const missing = `files/${absentId}`;
    expect(await depot(here, ['delete', missing])).toMatchObject({ code: 3, out: '' });
    const some = await depot(here, ['delete', missing, first]);
    expect(some).toMatchObject({ code: 1, out: '' });
    expect(some.err).toMatch(new RegExp(`^depot: no blob ${absentId} .*\n$`));
    await done(here, ['delete', '-f', missing, second]);
    expect(await done(here, ['list'])).toBe('');
  });

  test('-f forgives no other error', async () => {
    const here = newStore();
    expect(await depot(here, ['rm', '-f', 'files/x'])).toMatchObject({ code: 2 });
    expect(await depot(here, ['rm', '-f', `nowhere/${absentId}`])).toMatchObject({ code: 3 });
    expect(await depot(here, ['rm', '-f', '-', '-'])).toMatchObject({ code: 2 });
    expect(await depot(here, ['rm', '-f'])).toMatchObject({ code: 2 });
  });
});

describe.concurrent('a storage in the database', () => {
  const site = ['-c', 'production.ini'];

  test('takes any identifier, and shows control characters in text only', async () => {
    const here = newSite();
    const { default: Sqlite } = await import('better-sqlite3');
    const database = new Sqlite(path.join(here, 'Kotti.db'));
    database.prepare('DELETE FROM blobs').run();
    const odd = 'odd \u001b[31m\nid/..';
    database
      .prepare(
        `INSERT INTO blobs (file_id, filename, content_type, content_length, last_modified, data)
         VALUES (?, ?, 'text/plain', 1, '2026-07-01 12:00:00.000001', x'61')`,
      )
      .run(odd, 'a\u009bb\r\n.txt');
    database.close();
    expect(await done(here, [...site, 'list'])).toBe('dbfiles/odd \\u001b[31m\\nid/..');
    expect(await done(here, [...site, 'info', `dbfiles/${odd}`])).toContain(
      '\nfilename: a\\u009bb\\r\\n.txt\n',
    );
    const [info] = objects((await depot(here, [...site, '--json', 'list', '-l'])).out);
    expect(info).toMatchObject({
      id: odd,
      filename: 'a\u009bb\r\n.txt',
      last_modified: '2026-07-01T10:00:00Z',
    });
    mkdirSync(path.join(here, 'sub'));
    expect(await done(here, [...site, 'get', `dbfiles/${odd}`, 'sub'])).toBe('sub/ab.txt');
    await done(here, [...site, 'delete', `dbfiles/${odd}`]);
    expect(await done(here, [...site, 'list'])).toBe('');
  });

  test('puts, replaces and gives back', async () => {
    const here = newSite();
    const name = `${'n'.repeat(150)}.txt`;
    const blob = await done(here, [...site, 'put', '-', '--name', name], { input: 'x' });
    expect(blob).toMatch(/^dbfiles\//);
    const [info] = objects((await depot(here, [...site, 'info', blob, '--json'])).out);
    expect(info).toMatchObject({ filename: `${'n'.repeat(96)}.txt`, content_length: 1 });
    await done(here, [...site, 'replace', blob, '-'], { input: 'xyz' });
    expect(await done(here, [...site, 'get', blob, '-'])).toBe('xyz');
  });

  test('could not have an identifier of more than 36 characters', async () => {
    const ended = await depot(newSite(), [...site, 'info', `dbfiles/${'x'.repeat(37)}`]);
    expect(ended).toMatchObject({ code: 2, out: '' });
  });
});
