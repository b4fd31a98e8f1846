import { describe, expect, test } from 'vitest';
import type { TextRow } from '../../src/databases/database.js';
import { allRows, tableOf, texts } from './conformance/harness.js';
import { openSqliteDatabase } from './sqlite-harness.js';

describe('the schema', () => {
  test('has the tables and columns of the application, in whatever names', async () => {
    const { database } = await openSqliteDatabase(`
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

  test('leaves out a virtual table of an unknown module', async () => {
    const { database, handle } = await openSqliteDatabase('CREATE TABLE t (v TEXT)');
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
    const { database } = await openSqliteDatabase(`
      CREATE TABLE t (v);
      INSERT INTO t VALUES (NULL), (1), (1.5), (x'6162'), (''), ('text')`);
    const table = await tableOf(database, 't');
    expect(texts(await database.texts({ table, column: 'v', limit: 10 }))).toEqual(['', 'text']);
  });
});

test('a table without a key that hides its rowid is read, and cannot be changed', async () => {
  const { database } = await openSqliteDatabase(`
    CREATE TABLE t (rowid TEXT, _rowid_ TEXT, oid TEXT);
    INSERT INTO t VALUES ('a', 'b', 'c'), ('d', NULL, 'e'), ('f', 'g', 'h')`);
  const table = await tableOf(database, 't');
  expect(table).toMatchObject({ primaryKey: [], unchangeable: true });
  const rows = await allRows(database, { table, column: 'oid', limit: 2 });
  expect(rows).toMatchObject([
    { position: [1], text: 'c' },
    { position: [2], text: 'e' },
    { position: [3], text: 'h' },
  ]);
  expect(texts(await allRows(database, { table, column: '_rowid_', limit: 1 }))).toEqual([
    'b',
    'g',
  ]);
});

test('a database in UTF-16 is read and changed like any other', async () => {
  const { database, handle } = await openSqliteDatabase(`
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
