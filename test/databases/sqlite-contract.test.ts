import { expect, test } from 'vitest';
import { tableOf } from './conformance/harness.js';
import { databaseConformance } from './conformance.js';
import { openSqliteDatabase } from './sqlite-harness.js';

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

databaseConformance('SQLite', {
  open: openSqliteDatabase,
  quoted: (name) => `"${name.replaceAll('"', '""')}"`,
  longText: 'TEXT',
  longBytes: 'BLOB',
  bytes: (digits) => `x'${digits}'`,
  textTypes: ['TEXT', 'TEXT COLLATE NOCASE', 'TEXT COLLATE RTRIM', 'VARCHAR(10)', ''],
  keepsNul: true,
  keys,
});

test('nulls in a primary key are part of a row’s name', async () => {
  const { database } = await openSqliteDatabase(`
    CREATE TABLE t (lang TEXT, doc INTEGER, v TEXT, PRIMARY KEY (doc, lang));
    INSERT INTO t VALUES (NULL, NULL, 'z')`);
  const table = await tableOf(database, 't');
  const [row] = await database.texts({ table, column: 'v', limit: 10 });
  expect(row?.key).toEqual([
    ['doc', null],
    ['lang', null],
  ]);
});
