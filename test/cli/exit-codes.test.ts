import { existsSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { absentId, depot, done, newDirectory, newSite, newStore } from './depot.js';

const env = { DEPOT_CONFIG: 'production.ini' };

/** An error in one line, and in a second one what to do. */
const withHint = /^depot: .+\n.+\n$/;

/** Commands on one blob, with the blob's path in place of PATH. */
const onBlob = [
  ['get', 'PATH', 'x'],
  ['info', 'PATH'],
  ['info', '--hash', 'PATH'],
  ['replace', 'PATH', 'production.ini'],
  ['delete', 'PATH'],
];

function given(args: readonly string[], blob: string): string[] {
  return args.map((argument) => (argument === 'PATH' ? blob : argument));
}

describe.concurrent('a path', () => {
  const wrong = [
    { blob: 'localfs', code: 2, says: '"localfs" is no path of the form storage/id' },
    { blob: '/localfs', code: 2, says: '"/localfs" is no path of the form storage/id' },
    { blob: 'localfs/', code: 2, says: '"localfs/" is no path of the form storage/id' },
    { blob: 'localfs/x', code: 2, says: 'storage localfs cannot have the identifier "x"' },
    { blob: `localfs/../${absentId}`, code: 2, says: 'storage localfs cannot have the identifier' },
    { blob: `nowhere/${absentId}`, code: 3, says: 'no storage "nowhere" in ' },
    { blob: `localfs/${absentId}`, code: 3, says: `no blob ${absentId} in ` },
    { blob: `dbfiles/${absentId}`, code: 3, says: `no blob ${absentId} in the table blobs of ` },
  ];
  const cases = wrong.flatMap((path) => onBlob.map((args) => ({ ...path, args })));

  test.each(cases)('$blob of $args is exit $code', async ({ args, blob, code, says }) => {
    const here = newSite();
    const ended = await depot(here, given(args, blob), { env });
    expect(ended).toMatchObject({ code, out: '' });
    expect(ended.err.startsWith(`depot: ${says}`)).toBe(true);
    expect(ended.err.split('\n').length).toBeLessThanOrEqual(3);
    expect(existsSync(path.join(here, 'x'))).toBe(false);
  });
});

test.concurrent.each([
  ['list', 'nowhere'],
  ['put', '-s', 'nowhere', 'production.ini'],
  ['storages', 'create', 'nowhere'],
  ['migrate-storage', '--from', 'nowhere', '--to', 'localfs'],
  ['migrate-storage', '--from', 'dbfiles', '--to', 'nowhere'],
])('%s with the unknown storage %s is exit 3, and names the known ones', async (...args) => {
  const ended = await depot(newSite(), args, { env });
  expect(ended).toMatchObject({ code: 3, out: '' });
  expect(ended.err).toMatch(
    /^depot: no storage "nowhere" in .*production\.ini\nIt has: dbfiles, localfs\.\n$/,
  );
});

describe.concurrent('a database that is not there', () => {
  test.each([
    ['list'],
    ['put', 'production.ini'],
    ['references'],
    ['references', '--count'],
    ['storages', 'create', 'dbfiles'],
    ['migrate-storage', '--from', 'dbfiles', '--to', 'localfs'],
    ['migrate-storage', '--from', 'localfs', '--to', 'dbfiles', '--dry-run'],
    ...onBlob.map((args) => given(args, `dbfiles/${absentId}`)),
  ])('is exit 5 for %s, and is not made', async (...args) => {
    const here = newSite();
    renameSync(path.join(here, 'Kotti.db'), path.join(here, 'moved.db'));
    const before = readdirSync(here);
    const ended = await depot(here, args, { env });
    expect(ended).toMatchObject({ code: 5, out: '' });
    expect(ended.err).toMatch(withHint);
    expect(ended.err).toContain(path.join(here, 'Kotti.db'));
    expect(readdirSync(here)).toEqual(before);
  });

  test('is exit 5 where it is no database', async () => {
    const here = newSite();
    writeFileSync(
      path.join(here, 'Kotti.db'),
      'no database at all, but long enough to tell\n'.repeat(99),
    );
    const ended = await depot(here, ['list'], { env });
    expect(ended).toMatchObject({ code: 5, out: '' });
    expect(ended.err).toContain('no SQLite database');
  });
});

describe.concurrent('wrong usage', () => {
  test.each([
    { args: ['frobnicate'], says: "unknown command 'frobnicate'" },
    { args: ['lst'], says: '(Did you mean one of list, ls?)' },
    { args: ['list', '--colour'], says: 'depot list has: -l/--long --bytes --type' },
    { args: ['--colour', 'list'], says: 'depot has: -c/--config --json' },
    { args: ['list', 'dbfiles', 'localfs'], says: 'too many arguments' },
    { args: ['get'], says: "missing required argument 'path'" },
    { args: ['-q', '-v', 'list'], says: 'cannot be used with' },
    { args: ['list', '--limit', 'many'], says: 'It must be a whole number from 1.' },
    { args: ['migrate-storage'], says: 'needs --from STORAGE and --to STORAGE' },
    { args: ['migrate-storage', '--from', 'dbfiles'], says: 'needs --from STORAGE' },
    { args: ['migrate', '--undo', 'x', '--dry-run'], says: "'--dry-run'" },
    { args: ['list', '--co\u001b[31m'], says: "unknown option '--co\\u001b[31m'" },
  ])('$args is exit 2 with where to look', async ({ args, says }) => {
    const ended = await depot(newSite(), args, { env });
    expect(ended).toMatchObject({ code: 2, out: '' });
    expect(ended.err).toContain(says);
    expect(ended.err).toMatch(/\n(Show the usage with: depot .*--help|Show the configured .*)\n$/);
  });
});

test('without a configuration every command that needs one is exit 2 and says how to name it', async () => {
  const here = newDirectory();
  for (const args of [['list'], ['storages'], ['references'], ['put', '.'], ['rm', 'a/b']]) {
    const ended = await depot(here, args);
    expect(ended).toMatchObject({ code: 2, out: '' });
    expect(ended.err).toMatch(
      /^depot: depot\.ini: no such file\nName the configuration file with -c FILE or DEPOT_CONFIG; depot init writes a first one\.\n$/,
    );
  }
});

test('done in part is exit 1, and 0 again where the missing is forgiven', async () => {
  const here = newStore();
  const blob = await done(here, ['put', 'depot.ini']);
  const paths = `files/${absentId}\n${blob}\n`;
  const part = await depot(here, ['delete', '-'], { input: paths });
  expect(part).toMatchObject({ code: 1, out: '' });
  expect(part.err).toMatch(/^depot: no blob 3b241101-.*\n$/);
  expect(await done(here, ['delete', '-f', '-'], { input: paths })).toBe('');
});
