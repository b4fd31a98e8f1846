import { existsSync, mkdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import Sqlite from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { absentId, depot, newSite, newStore, objects } from './depot.js';

const site = ['-c', 'production.ini', '--json', 'check'];
const fixReferences = ['--fix', 'inconsistent-reference'];
const longAgo = new Date('2020-01-02T03:04:05Z');

/** Opens a site's database for one look or change. */
function inDatabase<T>(here: string, action: (database: Sqlite.Database) => T): T {
  const database = new Sqlite(path.join(here, 'Kotti.db'));
  try {
    return action(database);
  } finally {
    database.close();
  }
}

function textOf(here: string, id: number): string {
  const sql = 'SELECT data FROM files WHERE id = ?';
  return inDatabase(here, (database) => database.prepare(sql).pluck().get(id) as string);
}

function setText(here: string, id: number, text: string): void {
  const sql = 'UPDATE files SET data = ? WHERE id = ?';
  inDatabase(here, (database) => database.prepare(sql).run(text, id));
}

/** The reference's text without its own file in the list of its files; returns what it was. */
function takeFromFiles(here: string, id: number, files: readonly string[] = []): string {
  const before = textOf(here, id);
  setText(here, id, before.replace(/"files": \[[^\]]*\]/, `"files": ${JSON.stringify(files)}`));
  return before;
}

/** What a check says of its fixes, its summary and its exit code. */
async function fixesOf(
  here: string,
  args: readonly string[],
): Promise<{ code: number | null; fixes: Record<string, unknown>[]; summary: unknown }> {
  const { code, out, err } = await depot(here, args);
  expect(err.replace(/^No database is configured.*\n/, '')).toBe('');
  const all = objects(out);
  return { code, fixes: all.filter(({ type }) => type === 'fix'), summary: all.at(-1) };
}

function writeOld(file: string): void {
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, 'x');
  utimesSync(file, longAgo, longAgo);
  utimesSync(path.dirname(file), longAgo, longAgo);
}

describe.concurrent('check --fix inconsistent-reference', () => {
  test('puts the file into the list that lacks it, and changes nothing else', async () => {
    const here = newSite();
    const before = takeFromFiles(here, 6);
    const broken = textOf(here, 6);
    expect(broken).not.toBe(before);

    const rehearsal = await fixesOf(here, [...site, ...fixReferences, '--dry-run']);
    expect(textOf(here, 6)).toBe(broken);
    const fix = {
      type: 'fix',
      kind: 'inconsistent-reference',
      reference: 'files.data id=6',
      path: null,
      before: broken,
      after: before,
      message: null,
    };
    expect(rehearsal.fixes).toEqual([{ ...fix, status: 'would-fix' }]);
    expect(rehearsal.summary).toMatchObject({
      dry_run: true,
      problems: { 'inconsistent-reference': 1, 'missing-blob': 2 },
      fixed: { 'inconsistent-reference': 1 },
    });

    const done = await fixesOf(here, [...site, ...fixReferences]);
    expect(done.fixes).toEqual([{ ...fix, status: 'fixed' }]);
    expect(done.summary).toMatchObject({ dry_run: false, fixed: { 'inconsistent-reference': 1 } });
    expect(textOf(here, 6)).toBe(before);

    const again = await fixesOf(here, [...site, ...fixReferences]);
    expect(again).toMatchObject({ code: 6, fixes: [], summary: { fixed: {} } });
  });

  test('leaves alone what it would have to guess, and says why', async () => {
    const here = newSite();
    const texts = [5, 6, 7, 8].map((id) => textOf(here, id));
    const idOf = (text = ''): string => (JSON.parse(text) as { file_id: string }).file_id;
    const [contradicts = '', shared = '', elsewhere = '', absent = ''] = texts;
    setText(here, 5, contradicts.replace('"path": "', '"path": "x'));
    takeFromFiles(here, 6);
    setText(here, 9, shared);
    takeFromFiles(here, 7, [`oldfs/${idOf(elsewhere).toUpperCase()}`]);
    setText(here, 8, absent.replaceAll(idOf(absent), absentId));
    takeFromFiles(here, 8);
    const before = [5, 6, 7, 8].map((id) => textOf(here, id));
    const { code, fixes, summary } = await fixesOf(here, [...site, ...fixReferences]);
    expect(code).toBe(6);
    expect(summary).toMatchObject({ fixed: {} });
    expect(fixes.map(({ reference, status, message }) => [reference, status, message])).toEqual([
      ['files.data id=5', 'not-fixed', 'nobody knows which of its names is right'],
      ['files.data id=6', 'not-fixed', expect.stringMatching(/^something else may name dbfiles/)],
      ['files.data id=7', 'not-fixed', expect.stringMatching(/which may be the same file$/)],
      ['files.data id=8', 'not-fixed', `dbfiles/${absentId} does not exist`],
    ]);
    expect([5, 6, 7, 8].map((id) => textOf(here, id))).toEqual(before);
  });

  test('leaves references into storages alone that it does not look through', async () => {
    const here = newSite();
    takeFromFiles(here, 6);
    const { fixes } = await fixesOf(here, [...site, 'localfs', ...fixReferences]);
    expect(fixes.map(({ message }) => message)).toEqual([
      'the storage "dbfiles" is not looked through',
    ]);
  });
});

describe.concurrent('check --fix leftover', () => {
  test('removes what never was a blob, once it is a day old', async () => {
    const here = newStore();
    const staging = path.join(here, 'files', '.depot-staging');
    writeOld(path.join(staging, 'old', 'file'));
    const unfinished = path.join(here, 'files', absentId, 'file');
    writeOld(unfinished);
    mkdirSync(path.join(staging, 'new'));

    const found = await depot(here, ['check']);
    expect(found.code).toBe(6);
    const lines = found.out.split('\n').slice(0, -2).sort();
    expect(lines).toEqual([
      `leftover: ${path.join(staging, 'old')}: unfinished since 2020-01-02T03:04:05Z`,
      `leftover: ${path.dirname(unfinished)}: unfinished since 2020-01-02T03:04:05Z`,
    ]);

    const rehearsal = await depot(here, ['check', '--fix', 'leftover', '--dry-run']);
    expect(rehearsal.code).toBe(6);
    expect(rehearsal.out).toContain(`would fix: leftover: ${path.join(staging, 'old')} → removed`);
    expect(rehearsal.out).toMatch(/: 2 leftover\. Would fix 1 leftover\.\n$/);
    expect(existsSync(path.join(staging, 'old', 'file'))).toBe(true);

    const { code, out } = await depot(here, ['check', '--fix', 'leftover']);
    expect(code).toBe(6);
    expect(out).toContain(`fixed: leftover: ${path.join(staging, 'old')} → removed`);
    expect(out).toContain(`not fixed: leftover: files/${absentId}: it may be all that there is`);
    expect(existsSync(path.join(staging, 'old'))).toBe(false);
    expect(existsSync(path.join(staging, 'new'))).toBe(true);
    expect(readFileSync(unfinished, 'utf8')).toBe('x');
  });

  test('exits 0 where nothing is left that is wrong', async () => {
    const here = newStore();
    writeOld(path.join(here, 'files', '.depot-staging', 'old', 'file'));
    const { code, summary } = await fixesOf(here, ['--json', 'check', '--fix', 'leftover']);
    expect(code).toBe(0);
    expect(summary).toMatchObject({ problems: { leftover: 1 }, fixed: { leftover: 1 } });
    expect((await depot(here, ['check'])).code).toBe(0);
  });
});

describe.concurrent('check --fix duplicate-blob', () => {
  const columns = 'file_id, filename, content_type, content_length, last_modified';
  const fixed = [...site, '--fix', 'duplicate-blob'];

  function copyRow(here: string, id: number, data: string): void {
    const sql = `INSERT INTO blobs (${columns}, data) SELECT ${columns}, ${data} FROM blobs WHERE id = ?`;
    inDatabase(here, (database) => database.prepare(sql).run(id));
  }

  function numbersOf(here: string, id: number): number[] {
    const sql = `SELECT id FROM blobs WHERE file_id = (SELECT file_id FROM blobs WHERE id = ?) ORDER BY id`;
    return inDatabase(here, (database) => database.prepare(sql).pluck().all(id) as number[]);
  }

  test('deletes rows that are the same as the oldest, and no others', async () => {
    const here = newSite();
    copyRow(here, 1, 'data');
    copyRow(here, 1, 'data');
    copyRow(here, 2, "CAST('other' AS BLOB)");
    const [first, second] = [numbersOf(here, 1), numbersOf(here, 2)];
    expect([first.length, second.length]).toEqual([3, 2]);

    const rehearsal = await fixesOf(here, [...fixed, '--dry-run']);
    expect(rehearsal.summary).toMatchObject({
      problems: { 'duplicate-blob': 2 },
      fixed: { 'duplicate-blob': 1 },
    });
    expect(numbersOf(here, 1)).toEqual(first);

    const { fixes } = await fixesOf(here, fixed);
    expect(fixes).toMatchObject([
      { status: 'fixed', before: first.map((id) => `id=${id}`).join(', '), after: 'id=1' },
      { status: 'not-fixed', message: 'its rows differ' },
    ]);
    expect(numbersOf(here, 1)).toEqual([1]);
    expect(numbersOf(here, 2)).toEqual(second);
  });

  test('leaves a table alone that has further columns', async () => {
    const here = newSite();
    inDatabase(here, (database) => database.exec('ALTER TABLE blobs ADD COLUMN owner TEXT'));
    copyRow(here, 1, 'data');
    const { fixes } = await fixesOf(here, fixed);
    expect(fixes).toMatchObject([{ status: 'not-fixed', message: expect.stringMatching('owner') }]);
    expect(numbersOf(here, 1)).toHaveLength(2);
  });
});

describe.concurrent('check --fix', () => {
  test.each(['missing-blob', 'nonsense', ''])(
    'refuses the kind %j, naming the others',
    async (kind) => {
      const { code, out, err } = await depot(newStore(), ['check', '--fix', kind]);
      expect({ code, out }).toEqual({ code: 2, out: '' });
      expect(err).toContain('duplicate-blob, inconsistent-reference, leftover');
    },
  );

  test('is what --dry-run goes with', async () => {
    const { code, out, err } = await depot(newStore(), ['check', '--dry-run']);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toContain('--fix');
  });
});
