import { describe, expect, test } from 'vitest';
import { allRows, openDatabase, tableOf, texts } from './opened-database.js';

/** Tables with every kind of key; each holds the texts `t0` to `t6` in column v, and a null. */
const keys: readonly { name: string; sql: string }[] = [
  {
    name: 'an integer',
    sql: 'CREATE TABLE t (k INTEGER PRIMARY KEY, v TEXT); INSERT INTO t SELECT i, x FROM source',
  },
  {
    name: 'huge and negative integers',
    sql: `CREATE TABLE t (k INTEGER PRIMARY KEY, v TEXT);
          INSERT INTO t SELECT 9223372036854775800 + i, x FROM source WHERE i < 4;
          INSERT INTO t SELECT -9223372036854775808 + i, x FROM source WHERE i >= 4`,
  },
  {
    name: 'text',
    sql: `CREATE TABLE t (k VARCHAR(40) PRIMARY KEY, v TEXT);
          INSERT INTO t SELECT 'key ''' || (9 - i), x FROM source`,
  },
  {
    name: 'text that ignores case, without a rowid',
    sql: `CREATE TABLE t (k TEXT COLLATE NOCASE PRIMARY KEY, v TEXT) WITHOUT ROWID;
          INSERT INTO t SELECT substr('aBcDeFgH', i + 1, 1), x FROM source`,
  },
  {
    name: 'several columns',
    sql: `CREATE TABLE t (lang TEXT, doc INTEGER, v TEXT, PRIMARY KEY (lang, doc));
          INSERT INTO t SELECT substr('dddeeeff', i + 1, 1), i % 3, x FROM source`,
  },
  {
    name: 'several columns with nulls',
    sql: `CREATE TABLE t (a TEXT, b INTEGER, v TEXT, PRIMARY KEY (a, b));
          INSERT INTO t SELECT NULL, i % 2, x FROM source`,
  },
  {
    name: 'several columns in another order, without a rowid',
    sql: `CREATE TABLE t (v TEXT, b INTEGER, a TEXT, PRIMARY KEY (a, b)) WITHOUT ROWID;
          INSERT INTO t SELECT x, i % 3, substr('dddeeeff', i + 1, 1) FROM source`,
  },
  {
    name: 'bytes and huge integers, without a rowid',
    sql: `CREATE TABLE t (a BLOB, b INTEGER, v TEXT, PRIMARY KEY (a, b)) WITHOUT ROWID;
          INSERT INTO t SELECT x'00ff', 9007199254740992 + i, x FROM source`,
  },
  {
    name: 'real numbers and texts mixed, without a rowid',
    sql: `CREATE TABLE t (k PRIMARY KEY, v TEXT) WITHOUT ROWID;
          INSERT INTO t SELECT CASE WHEN i < 2 THEN i + 0.5 WHEN i < 4 THEN i ELSE 'k' || i END, x
          FROM source`,
  },
  {
    name: 'none at all',
    sql: 'CREATE TABLE t (v TEXT); INSERT INTO t SELECT x FROM source',
  },
  {
    name: 'a column that is really called rowid',
    sql: `CREATE TABLE t (rowid TEXT, v TEXT); INSERT INTO t SELECT 'same', x FROM source`,
  },
  {
    name: 'two of the rowid’s names taken',
    sql: `CREATE TABLE t (RowId TEXT, _rowid_ TEXT, v TEXT);
          INSERT INTO t SELECT 'same', 'same', x FROM source`,
  },
  {
    name: 'the rowid’s names all taken',
    sql: `CREATE TABLE t (rowid TEXT, _rowid_ TEXT, oid TEXT, k INTEGER UNIQUE, v TEXT, PRIMARY KEY (k));
          INSERT INTO t SELECT 'same', 'same', 'same', i, x FROM source`,
  },
];

const source = `
  CREATE TEMP TABLE source (i INTEGER, x);
  INSERT INTO source VALUES (0,'t0'),(1,'t1'),(2,'t2'),(3,'t3'),(4,'t4'),(5,'t5'),(6,'t6'),(7,NULL);`;

describe.each(keys)('a table whose key is $name', ({ sql }) => {
  const expected = ['t0', 't1', 't2', 't3', 't4', 't5', 't6'];

  test.each([1, 2, 3, 7, 100])('gives each row once, by pages of %d', async (limit) => {
    const { database } = await openDatabase(source + sql);
    const table = await tableOf(database, 't');
    const rows = await allRows(database, { table, column: 'v', limit });
    expect(texts(rows).sort()).toEqual(expected);
    const whole = await allRows(database, { table, column: 'v', limit: 1000 });
    expect(texts(rows)).toEqual(texts(whole));
    for (const { position, text } of rows) {
      expect(await database.textAt(table, 'v', position)).toBe(text);
    }
  });

  test('changes each row alone, the key stays', async () => {
    const { database, handle } = await openDatabase(source + sql);
    const table = await tableOf(database, 't');
    const before = handle.prepare('SELECT * FROM t').raw().safeIntegers().all() as unknown[][];
    const rows = await allRows(database, { table, column: 'v', limit: 3 });
    const change = { table, column: 'v' };
    for (const { position, text } of rows) {
      const changes = [{ ...change, position, before: text, after: `${text} changed` }];
      expect(await database.change(changes)).toEqual([true]);
      expect(await database.change(changes)).toEqual([false]);
    }
    const after = handle.prepare('SELECT * FROM t').raw().safeIntegers().all() as unknown[][];
    const changed = (value: unknown): unknown =>
      expected.includes(value as string) ? `${value} changed` : value;
    expect(after).toEqual(before.map((row) => row.map(changed)));
  });
});

test('names a row by its primary key, integers as numbers where they fit', async () => {
  const { database } = await openDatabase(`
    CREATE TABLE t (lang TEXT, doc INTEGER, v TEXT, PRIMARY KEY (doc, lang));
    INSERT INTO t VALUES ('de', 1, 'x'), ('en', 9223372036854775807, 'y'), (NULL, NULL, 'z')`);
  const table = await tableOf(database, 't');
  expect(table.primaryKey).toEqual(['doc', 'lang']);
  const rows = await database.texts({ table, column: 'v', limit: 10 });
  expect(rows.map(({ key }) => key)).toEqual([
    [
      ['doc', 1],
      ['lang', 'de'],
    ],
    [
      ['doc', 9223372036854775807n],
      ['lang', 'en'],
    ],
    [
      ['doc', null],
      ['lang', null],
    ],
  ]);
});
