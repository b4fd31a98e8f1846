import { describe, expect, test } from 'vitest';
import type { TextRow } from '../../src/databases/database.js';
import { allRows, openDatabase, tableOf, texts } from './opened-database.js';

describe('the schema', () => {
  test('has the tables and columns of the application, in whatever names', async () => {
    const { database } = await openDatabase(`
      CREATE TABLE "group" (id VARCHAR(40) PRIMARY KEY, "order" VARCHAR(4000), "a ""b""" TEXT);
      CREATE TABLE 'it''s' (v CLOB(12), w INTEGER, x, y NVARCHAR ( 36 ), z DECIMAL(10, 2));
      CREATE TABLE made (v TEXT, upper TEXT GENERATED ALWAYS AS (upper(v)) STORED,
                         lower TEXT AS (lower(v)));
      CREATE TABLE strict (v TEXT) STRICT;
      CREATE VIEW view AS SELECT * FROM "group";
      CREATE TEMP TABLE mine (v TEXT);
      CREATE VIRTUAL TABLE searched USING fts5(title, body);
      CREATE VIRTUAL TABLE older USING fts4(body);
      CREATE TABLE counted (id INTEGER PRIMARY KEY AUTOINCREMENT);`);
    const tables = await database.tables();
    expect(
      tables.map(({ name, columns }) => [name, columns.map((one) => [one.name, one.maxLength])]),
    ).toEqual([
      ['counted', [['id', null]]],
      [
        'group',
        [
          ['id', 40],
          ['order', 4000],
          ['a "b"', null],
        ],
      ],
      [
        "it's",
        [
          ['v', 12],
          ['w', null],
          ['x', null],
          ['y', 36],
          ['z', null],
        ],
      ],
      ['made', [['v', null]]],
      ['older', [['body', null]]],
      [
        'searched',
        [
          ['title', null],
          ['body', null],
        ],
      ],
      ['strict', [['v', null]]],
    ]);
  });

  test.each([
    ['"group"', 'group', 'order'],
    ['"a ""b"""', 'a "b"', 'c"d'],
    ['"[x]"', '[x]', '`y`'],
    ['"größe 🚢"', 'größe 🚢', "it's"],
    ['"select; --"', 'select; --', '?'],
  ])('of a table %s is quoted', async (sql, name, column) => {
    const quoted = `"${column.replaceAll('"', '""')}"`;
    const { database } = await openDatabase(`
      CREATE TABLE ${sql} (${quoted} TEXT PRIMARY KEY) WITHOUT ROWID;
      INSERT INTO ${sql} VALUES ('a'), ('b'), ('c')`);
    const table = await tableOf(database, name);
    const rows = await allRows(database, { table, column, limit: 2 });
    expect(texts(rows)).toEqual(['a', 'b', 'c']);
    const [row] = rows as [TextRow];
    const change = { table, column, position: row.position, before: 'a', after: 'd' };
    expect(await database.change([change])).toEqual([true]);
  });

  test('leaves out a virtual table of an unknown module', async () => {
    const { database, handle } = await openDatabase('CREATE TABLE t (v TEXT)');
    handle.unsafeMode(true);
    handle.exec(`
      PRAGMA writable_schema = ON;
      INSERT INTO sqlite_schema VALUES
        ('table', 'foreign', 'foreign', 0, 'CREATE VIRTUAL TABLE "foreign" USING nowhere(x)')`);
    expect((await database.tables()).map(({ name }) => name)).toEqual(['t']);
  });
});

describe('a page', () => {
  test('holds texts alone: no null, number or bytes', async () => {
    const { database } = await openDatabase(`
      CREATE TABLE t (v);
      INSERT INTO t VALUES (NULL), (1), (1.5), (x'6162'), (''), ('text')`);
    const table = await tableOf(database, 't');
    expect(texts(await database.texts({ table, column: 'v', limit: 10 }))).toEqual(['', 'text']);
  });

  test('is cut by the length of its texts, and nothing is lost', async () => {
    const { database, handle } = await openDatabase('CREATE TABLE t (k INTEGER PRIMARY KEY, v)');
    const insert = handle.prepare('INSERT INTO t (v) VALUES (?)');
    const lengths = [3_000_000, 3_000_000, 3_000_000, 10, 20_000_000, 10, 10];
    for (const length of lengths) insert.run('x'.repeat(length));
    const table = await tableOf(database, 't');
    const query = { table, column: 'v', limit: 100 };
    const first = await database.texts(query);
    expect(texts(first).map((text) => text.length)).toEqual(lengths.slice(0, 3));
    const rows = await allRows(database, query);
    expect(texts(rows).map((text) => text.length)).toEqual(lengths);
  });

  test.each([
    ["k > 2 OR v = 'a'", ['a', 'c', 'd']],
    ["v LIKE 'b%' -- only those", ['b']],
    ['k IN (SELECT k FROM t WHERE k % 2 = 0)', ['b', 'd']],
    ["v = '?'", []],
    ['0', []],
  ])('holds only rows where %s', async (where, expected) => {
    const { database } = await openDatabase(`
      CREATE TABLE t (k INTEGER PRIMARY KEY, v TEXT);
      INSERT INTO t (v) VALUES ('a'), ('b'), ('c'), ('d')`);
    const table = await tableOf(database, 't');
    for (const limit of [1, 10]) {
      const rows = await allRows(database, { table, column: 'v', where, limit });
      expect(texts(rows)).toEqual(expected);
    }
  });

  test.each(['nowhere = 1', 'k = ', 'k = ?', 'k; DELETE FROM t'])(
    'of a wrong condition is an error that says so: %s',
    async (where) => {
      const { database, handle } = await openDatabase(`
        CREATE TABLE t (k INTEGER PRIMARY KEY, v TEXT); INSERT INTO t (v) VALUES ('a')`);
      const table = await tableOf(database, 't');
      const page = database.texts({ table, column: 'v', where, limit: 1 });
      await expect(page).rejects.toMatchObject({
        name: 'DepotError',
        message: expect.stringMatching(/^cannot read rows in the database .*site\.db: /),
      });
      expect(handle.prepare('SELECT count(*) FROM t').pluck().get()).toBe(1);
    },
  );

  test('holds only texts that contain another, byte for byte', async () => {
    const { database } = await openDatabase(`
      CREATE TABLE t (v TEXT COLLATE NOCASE);
      INSERT INTO t VALUES ('a dbfiles/x'), ('A DBFILES/X'), ('100% _'), ('größe'), ('gro\u0308ße')`);
    const table = await tableOf(database, 't');
    const found = async (containing: string): Promise<string[]> =>
      texts(await database.texts({ table, column: 'v', containing, limit: 10 }));
    expect(await found('dbfiles/')).toEqual(['a dbfiles/x']);
    expect(await found('% _')).toEqual(['100% _']);
    expect(await found('größe')).toEqual(['größe']);
    expect(await found('%')).toEqual(['100% _']);
  });
});

test('a database in UTF-16 is read and changed like any other', async () => {
  const { database, handle } = await openDatabase(`
    PRAGMA encoding = 'UTF-16le';
    CREATE TABLE t (v TEXT COLLATE NOCASE);
    INSERT INTO t VALUES ('größe 🚢')`);
  const table = await tableOf(database, 't');
  const query = { table, column: 'v', containing: '🚢', limit: 1 };
  const [row] = (await database.texts(query)) as [TextRow];
  expect(row.text).toBe('größe 🚢');
  const changes = [{ table, column: 'v', position: row.position, before: row.text, after: '⚓' }];
  expect(await database.change(changes)).toEqual([true]);
  expect(handle.prepare('SELECT v FROM t').pluck().get()).toBe('⚓');
});
