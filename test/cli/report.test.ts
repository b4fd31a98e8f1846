import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import Sqlite from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { depot, done, newSite, objects, outcome, startProgram } from './depot.js';

const migrate = ['-c', 'production.ini', 'migrate-storage'];
const ends = ['--from', 'dbfiles', '--to', 'localfs'];
const toLocal = [...migrate, ...ends];
const state = path.join('depot-state', 'dbfiles-to-localfs.sqlite');
const measured = fileURLToPath(new URL('../transfer/measured.js', import.meta.url));

describe.concurrent('migrate-storage --report', () => {
  test('tells people what was done, and what is left and why; needs no configuration', async () => {
    const here = newSite();
    await depot(here, [...toLocal, '--limit', '7']);
    await depot(here, toLocal);
    const lines = (await done(here, ['migrate-storage', '--report', state])).split('\n');
    const time = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`;
    const expected = [
      /^depot-state\/dbfiles-to-localfs\.sqlite: from dbfiles to localfs$/,
      /^Run 1: migrate --limit 7$/,
      new RegExp(`^  ${time}, finished in [\\d.]+ s$`),
      /^ {2}7 references migrated, \d+ blobs copied \(.*\)$/,
      /^Run 2: migrate$/,
      new RegExp(`^  ${time}, finished in [\\d.]+ s$`),
      /^ {2}\d+ references migrated, \d+ blobs copied \(.*\), 2 missing$/,
      /^Rows changed: \d+, turned back: 0$/,
      /^Blobs copied: 45 \(.*\)$/,
      /^Open problems: 2 missing$/,
      /^ {2}missing: files\.data id=25: dbfiles\/.* does not exist$/,
      /^ {2}missing: images\.data id=31: dbfiles\/.* does not exist$/,
    ];
    for (const [index, line] of lines.entries()) expect(line).toMatch(expected[index] as RegExp);
    expect(lines).toHaveLength(expected.length);
  });

  test('--json tells each item, then the summary', async () => {
    const here = newSite();
    const ran = objects((await depot(here, ['--json', ...toLocal])).out);
    const out = await done(here, ['--json', 'migrate-storage', '--report', state]);
    const told = objects(`${out}\n`);
    const of = (type: string): unknown[] => told.filter((object) => object.type === type);
    const { references, blobs, bytes } = ran.at(-1) as Record<string, unknown>;
    expect(told[0]).toEqual({
      ...{ type: 'run', run: 1, kind: 'migrate', from: 'dbfiles', to: 'localfs', options: {} },
      ...{ started: expect.any(String), ended: expect.any(String), outcome: 'finished' },
      ...{ error: null, references, blobs, bytes },
    });
    expect(of('problem')).toMatchObject(
      ran.slice(0, -1).map((problem) => ({ ...problem, status: 'missing', open: true, run: 1 })),
    );
    expect(told.at(-1)).toEqual({
      ...{ type: 'summary', command: 'migrate-storage', report: true },
      ...{ from: 'dbfiles', to: 'localfs', runs: 1, solved: 0 },
      changes: { done: of('change').length, uncertain: 0, turned_back: 0 },
      copies: { count: of('copy').length, bytes },
      problems: { missing: 2, changed: 0, failed: 0, kept: 0 },
    });
  });

  test('tells of options as the command line has them, and how much is kept for now', async () => {
    const here = newSite();
    await depot(here, [...toLocal, '--delete-source', '--keep-for', '36h', '--older-than', '0s']);
    const out = await done(here, ['migrate-storage', '--report', state]);
    expect(out).toMatch(
      /^Run 1: migrate \(stored before 20[-\d]+T[:.\d]+Z\) --delete-source --keep-for 36h$/m,
    );
    expect(out).toMatch(/^ {2}35 references migrated, .*, 45 kept for now, 2 missing$/m);
  });

  test.each([
    { args: ['--report', 'absent.sqlite'], code: 3, says: 'absent.sqlite: it does not exist' },
    { args: ['--report', 'Kotti.db'], code: 2, says: 'Kotti.db is no state file of a migration' },
    { args: ['--report', 'production.ini'], code: 2, says: 'is no state file of a migration' },
    { args: ['--undo', 'Kotti.db'], code: 2, says: 'Kotti.db is no state file of a migration' },
    { args: [...ends, '--state', 'Kotti.db'], code: 2, says: 'Kotti.db is no state file' },
    {
      args: [...ends, '--state', 'production.ini'],
      code: 2,
      says: 'production.ini is no state file',
    },
    { args: [...ends, '--state', '.'], code: 2, says: '. is no state file of a migration' },
    {
      args: [...ends, '--state', 'a/b/c.sqlite'],
      code: 5,
      says: 'cannot make a/b: a does not exist',
    },
    { args: ['--report', 's', '--undo', 's'], code: 2, says: 'cannot be used with option' },
    { args: ['--report', 's', '--from', 'dbfiles'], code: 2, says: 'cannot be used with option' },
    { args: ['--report', 's', '--bwlimit', '1M'], code: 2, says: 'cannot be used with option' },
  ])('$args is exit $code', async ({ args, code, says }) => {
    const here = newSite();
    const bytes = readFileSync(path.join(here, 'Kotti.db'));
    const ended = await depot(here, [...migrate, ...args]);
    expect(ended).toMatchObject({ code, out: '' });
    expect(ended.err).toMatch(/^depot: .*\n.+\n$|^depot: .*\n$/);
    expect(ended.err).toContain(says);
    expect(readFileSync(path.join(here, 'Kotti.db')).equals(bytes)).toBe(true);
  });

  test('takes no more memory for hundreds of thousands of items', async (context) => {
    if (process.platform !== 'linux') context.skip('needs /proc');
    const here = newSite();
    await depot(here, toLocal);
    const handle = new Sqlite(path.join(here, state));
    handle.exec(`
      WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 150000)
      INSERT INTO changes ("database", "column", "row", before, after, done, run, at)
        SELECT 'Kotti.db', 'files.data', 'files.data id=' || i, hex(randomblob(150)), hex(randomblob(150)), 1, 1, '' FROM n;
      WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 150000)
      INSERT INTO problems (run, kind, reference, path, message, at)
        SELECT 1, 'missing-blob', 'files.data id=' || i, 'dbfiles/' || i, 'gone', '' FROM n;`);
    handle.close();
    for (const json of [[], ['--json']]) {
      const args = [...json, 'migrate-storage', '--report', state] as const;
      const ended = await outcome(
        startProgram(here, [process.execPath, measured, ...args], { stdio: 'pipe' }),
      );
      expect(ended.code, ended.err).toBe(0);
      expect(ended.out.split('\n').length).toBeGreaterThan(150_000);
      expect(Number(/peak (\d+)/.exec(ended.err)?.[1])).toBeLessThan(150_000_000);
    }
  });
});
