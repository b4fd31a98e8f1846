import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import Sqlite from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { absentId, newSite } from '../cli/depot.js';
import { filesOutside, oddTexts, runSound } from './sound.js';

const site = ['-c', 'production.ini'];
const migration = [...site, 'migrate-storage', '--from', 'dbfiles', '--to', 'localfs'];
const undo = [...site, 'migrate-storage', '--undo', 'depot-state/dbfiles-to-localfs.sqlite'];

/** A blob of the site that a page names. */
const existing = 'f8978386-e6ef-11f1-b551-02fc00000001';

const reference = {
  depot_name: 'dbfiles',
  files: [`dbfiles/${existing}`],
  file_id: existing,
  path: `dbfiles/${existing}`,
  filename: 'readme.txt',
  content_type: 'text/plain',
  uploaded_at: '2026-01-02 03:04:05',
  _public_url: null,
};
const text = JSON.stringify(reference);
const changed = (change: object): string => JSON.stringify({ ...reference, ...change });

/** Texts, numbers and bytes that are almost a reference. */
const almost: readonly (string | number | bigint | Buffer | null)[] = [
  ...[text.slice(0, -1), text.slice(0, -20), `${text}x`, `[${text}]`, `\0${text}`, `${text}\0`],
  ...['', ' ', 'null', '{}', '[]', '{"depot_name"', '['.repeat(100_000), 'z'.repeat(10_000_000)],
  ...[null, 7, '', 'a/b', '\u001b[2J', '../..'].map((depot_name) => changed({ depot_name })),
  ...['x', [], [1, null], ['../../etc/passwd'], ['dbfiles/../x']].map((files) =>
    changed({ files }),
  ),
  ...[null, 7, ...oddTexts].map((file_id) => changed({ file_id })),
  ...[null, 5, 'x', `localfs/${existing}`, '\u001b]0;x\u0007'].map((path_) =>
    changed({ path: path_ }),
  ),
  ...[{ filename: 7 }, { uploaded_at: [] }, { _public_url: {} }, { x: 'z'.repeat(2_000_000) }].map(
    changed,
  ),
  `${text.slice(0, -1)}, "deep": ${'['.repeat(100_000)}${']'.repeat(100_000)}}`,
  `${text.slice(0, -1)}, "depot_name": "localfs"}`,
  ...[7, 1.5, 2n ** 63n - 1n, null, Buffer.from(text), Buffer.from([0xff])],
];

interface Row {
  readonly file_id?: unknown;
  readonly filename?: unknown;
  readonly content_type?: unknown;
  readonly content_length?: unknown;
  readonly last_modified?: unknown;
  readonly data?: unknown;
}

const oddValues = [...oddTexts, 7, 1.5, Buffer.from([0xff]), Buffer.from('bytes'), null];
const rows: readonly Row[] = [
  ...[...oddValues.filter((value) => value !== null), 'x'.repeat(40), ' ', 'a '].map((file_id) => ({
    file_id,
  })),
  ...oddValues.flatMap((value) => [{ filename: value }, { content_type: value }]),
  ...[null, -1, '7', 'x', 1.5, 2n ** 62n, Buffer.from([0xff]), 8, 0].map((content_length) => ({
    content_length,
  })),
  ...[null, '', 7, 'garbage', '9999-99-99', Buffer.from([0xff]), '2026-03-29 02:30:00.000000'].map(
    (last_modified) => ({ last_modified }),
  ),
  ...[null, 'text', 7, 1.5, Buffer.alloc(0)].map((data) => ({ data })),
];

/** The site with all of that in it, and a table of text that is no UTF-8. */
function hostileSite(): string {
  const here = newSite();
  const database = new Sqlite(path.join(here, 'Kotti.db'));
  const refer = database.prepare('INSERT INTO attachments (document) VALUES (?)');
  const store = database.prepare(
    `INSERT INTO blobs (file_id, filename, content_type, content_length, last_modified, data)
     VALUES (@file_id, @filename, @content_type, @content_length, @last_modified, @data)`,
  );
  database.transaction(() => {
    for (const value of almost) refer.run(value);
    for (const [index, row] of rows.entries()) {
      store.run({
        file_id: `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`,
        ...{ filename: 'a.txt', content_type: 'text/plain', content_length: 7n },
        ...{ last_modified: '2026-01-02 03:04:05.000000', data: Buffer.from('content') },
        ...row,
      });
    }
    const hex = (bytes: Buffer): string => `CAST(X'${bytes.toString('hex')}' AS TEXT)`;
    const latin1 = Buffer.from(changed({ filename: 'gr\xf6\xdfe' }), 'latin1');
    database.exec(
      `INSERT INTO attachments (document) VALUES (${hex(latin1)}), (${hex(Buffer.from([0xff]))})`,
    );
    for (const column of [
      'file_id',
      'filename',
      'content_type',
      'last_modified',
      'content_length',
      'data',
    ]) {
      const columns = 'file_id, filename, content_type, content_length, last_modified, data';
      const values = columns.split(', ').map((name) => {
        if (name === column) return hex(Buffer.from([0xff, 0xfe]));
        return name === 'file_id' ? `'text-${column}'` : `${name}`;
      });
      database.exec(
        `INSERT INTO blobs (${columns}) SELECT ${values.join()} FROM blobs WHERE file_id = '${existing}'`,
      );
    }
  })();
  database.close();
  return here;
}

describe.concurrent('odd rows of SQLite', () => {
  test.each<[string[], RegExp]>([
    [['list'], /^dbfiles\/f8978386/m],
    [['list', '-l'], /^dbfiles\/f8978386.*readme/m],
    [['list', '--since', '2020-01-01'], /^dbfiles\/f8978386/m],
    [['--json', 'list', '-l'], /"filename":"readme\.txt"/],
    [['du', 'dbfiles'], /^dbfiles +all +\d+ /m],
    [['info', `dbfiles/${existing}`, '--hash', '--references'], /^sha256: /m],
    [['references', '--count'], /^files\.data +dbfiles +20 /m],
    [['check'], /^Checked \d+ blobs .*broken-reference/m],
    [['check', '--deep'], /^Checked \d+ blobs .*damaged-blob/m],
    [['gc', 'dbfiles', '--older-than', '1d'], /^dbfiles\//m],
    [['copy', '--from', 'dbfiles', '--to', 'localfs'], /^Copied \d\d+ blobs /m],
    [['copy', '--from', 'localfs', '--to', 'dbfiles', '--checksum'], /^Copied \d+ blobs /m],
  ])('do not keep %j from the others', async (args, found) => {
    const here = hostileSite();
    const before = filesOutside(here, 'blobs');
    const { out } = await runSound(here, [...site, ...args]);
    expect(out).toMatch(found);
    expect(filesOutside(here, 'blobs').filter((name) => !before.includes(name))).toEqual([]);
  });

  test('are left by a migration, which moves the others and takes them back', async () => {
    const here = hostileSite();
    const texts = (): unknown[] => {
      const database = new Sqlite(path.join(here, 'Kotti.db'), { readonly: true });
      const all = database
        .prepare('SELECT id, CAST(document AS BLOB) FROM attachments')
        .raw()
        .all();
      database.close();
      return all;
    };
    const before = texts();
    const moved = await runSound(here, migration);
    expect(moved.code).toBe(1);
    expect(moved.out).toMatch(/^Migrated [3-9]\d references/);
    expect(moved.err).toMatch(/attachments\.document id=\d+: the text looks like a reference/);
    const again = await runSound(here, [...migration, '--rewrite-mentions', '--delete-source']);
    expect(again.out).toMatch(/^Migrated 0 references/);
    expect((await runSound(here, undo)).code).toBe(0);
    expect(texts()).toEqual(before);
    expect(readdirSync(here).sort()).toEqual(
      [
        'Kotti.db',
        'Kotti.db-depot-lock',
        'blobs',
        'depot-state',
        'expected.json',
        'production.ini',
      ].sort(),
    );
  });

  test.each([
    `dbfiles/../x`,
    'dbfiles/a\u001b[2J',
    'localfs/../x',
    'localfs/..',
    `localfs/${absentId}/../..`,
    '../x',
    '/etc/passwd',
    'dbfiles/',
    '/',
    'dbfiles/\ud800',
    `localfs/${absentId}\n`,
  ])('the path %j reaches nothing outside', async (name) => {
    const here = newSite();
    const before = filesOutside(here);
    for (const args of [
      ['info', name],
      ['get', name],
      ['get', name, '-'],
      ['delete', name],
      ['replace', name, 'production.ini'],
    ]) {
      const { code } = await runSound(here, [...site, ...args]);
      expect([2, 3]).toContain(code);
    }
    expect(filesOutside(here)).toEqual(before);
  });
});

test.each<[string[]]>([
  [['list', 'dbfiles']],
  [['du', 'dbfiles']],
  [['check']],
  [['gc', 'dbfiles', '--older-than', '1d']],
  [['references', '--count']],
  [['copy', '--from', 'dbfiles', '--to', 'localfs']],
  [['migrate-storage', '--from', 'dbfiles', '--to', 'localfs']],
])('a damaged database file ends %j with an error, and nothing is called well', async (args) => {
  const here = newSite();
  const file = path.join(here, 'Kotti.db');
  const bytes = readFileSync(file);
  writeFileSync(file, bytes.fill(0xff, bytes.length / 2));
  const { code, out, err } = await runSound(here, [...site, ...args]);
  expect([1, 5]).toContain(code);
  expect(err).toMatch(/^depot: cannot .*Kotti\.db: database disk image is malformed$/m);
  expect(out).not.toContain('no problems.');
});
