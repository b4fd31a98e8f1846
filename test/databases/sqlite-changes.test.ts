import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Table, TextRow } from '../../src/databases/database.js';
import { allRows, openDatabase, tableOf, texts } from './opened-database.js';

describe('a compare-and-set', () => {
  const change = (table: Table, row: TextRow, before: string, after: string) => ({
    table,
    column: 'v',
    position: row.position,
    before,
    after,
  });

  test.each(['TEXT', 'TEXT COLLATE NOCASE', 'TEXT COLLATE RTRIM', 'VARCHAR(10)', ''])(
    'is exact in a column of type %s',
    async (type) => {
      const { database } = await openDatabase(`
        CREATE TABLE t (v ${type}); INSERT INTO t VALUES ('Text ')`);
      const table = await tableOf(database, 't');
      const [row] = (await database.texts({ table, column: 'v', limit: 1 })) as [TextRow];
      for (const before of ['text ', 'Text', 'Text  ', 'Text\0', '', 'TEXT ']) {
        expect(await database.change([change(table, row, before, 'wrong')])).toEqual([false]);
      }
      expect(await database.change([change(table, row, 'Text ', 'right')])).toEqual([true]);
      expect(await database.textAt(table, 'v', row.position)).toBe('right');
    },
  );

  test('keeps any text as it is', async () => {
    const { database } = await openDatabase(`CREATE TABLE t (v TEXT); INSERT INTO t VALUES ('')`);
    const table = await tableOf(database, 't');
    const [row] = (await database.texts({ table, column: 'v', limit: 1 })) as [TextRow];
    let before = '';
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary' }), async (after) => {
        expect(await database.change([change(table, row, before, after)])).toEqual([true]);
        expect(await database.textAt(table, 'v', row.position)).toBe(after);
        before = after;
      }),
    );
  });

  test('says false of a row that was changed, emptied, retyped or deleted meanwhile', async () => {
    const { database, handle } = await openDatabase(`
      CREATE TABLE t (k INTEGER PRIMARY KEY, v);
      INSERT INTO t VALUES (1, 'a'), (2, 'a'), (3, 'a'), (4, 'a'), (5, 'a')`);
    const table = await tableOf(database, 't');
    const rows = await database.texts({ table, column: 'v', limit: 10 });
    handle.exec(`UPDATE t SET v = 'b' WHERE k = 1; UPDATE t SET v = NULL WHERE k = 2;
                 UPDATE t SET v = x'61' WHERE k = 3; DELETE FROM t WHERE k = 4`);
    const changes = rows.map((row) => change(table, row, 'a', 'new'));
    expect(await database.change(changes)).toEqual([false, false, false, false, true]);
    expect(await Promise.all(rows.map((row) => database.textAt(table, 'v', row.position)))).toEqual(
      ['b', null, null, null, 'new'],
    );
    expect(handle.prepare('SELECT v FROM t ORDER BY k').pluck().all()).toEqual([
      'b',
      null,
      Buffer.from('a'),
      'new',
    ]);
  });

  test('is made with the others, or not at all', async () => {
    const { database, handle } = await openDatabase(`
      CREATE TABLE t (k INTEGER PRIMARY KEY, v TEXT CHECK (v <> 'refused'));
      INSERT INTO t VALUES (1, 'a'), (2, 'a')`);
    const table = await tableOf(database, 't');
    const [one, other] = (await database.texts({ table, column: 'v', limit: 2 })) as [
      TextRow,
      TextRow,
    ];
    const changes = [change(table, one, 'a', 'new'), change(table, other, 'a', 'refused')];
    await expect(database.change(changes)).rejects.toMatchObject({ name: 'DepotError' });
    expect(handle.prepare('SELECT v FROM t').pluck().all()).toEqual(['a', 'a']);
  });

  test('runs the triggers of the application, and counts its own row alone', async () => {
    const { database, handle } = await openDatabase(`
      CREATE TABLE t (k INTEGER PRIMARY KEY, v TEXT);
      CREATE TABLE log (v TEXT);
      CREATE TRIGGER noted AFTER UPDATE ON t BEGIN
        INSERT INTO log VALUES (old.v), (new.v); UPDATE log SET v = upper(v); END;
      INSERT INTO t VALUES (1, 'a')`);
    const table = await tableOf(database, 't');
    const [row] = (await database.texts({ table, column: 'v', limit: 1 })) as [TextRow];
    expect(await database.change([change(table, row, 'a', 'b')])).toEqual([true]);
    expect(handle.prepare('SELECT v FROM log').pluck().all()).toEqual(['A', 'B']);
  });

  test.each(['fts4', 'fts5'])('works in a table of %s', async (module) => {
    const { database, handle } = await openDatabase(`
      CREATE VIRTUAL TABLE t USING ${module}(v);
      INSERT INTO t VALUES ('harbour'), ('quay'), ('mole')`);
    const table = await tableOf(database, 't');
    const rows = await allRows(database, { table, column: 'v', limit: 2 });
    expect(texts(rows)).toEqual(['harbour', 'quay', 'mole']);
    const [row] = rows as [TextRow];
    expect(await database.change([change(table, row, 'quay', 'wrong')])).toEqual([false]);
    expect(await database.change([change(table, row, 'harbour', 'jetty')])).toEqual([true]);
    expect(handle.prepare(`SELECT v FROM t WHERE t MATCH 'jetty'`).pluck().all()).toEqual([
      'jetty',
    ]);
  });

  test('waits for another writer', async () => {
    const { database, handle } = await openDatabase(`
      CREATE TABLE t (v TEXT); INSERT INTO t VALUES ('a')`);
    const table = await tableOf(database, 't');
    const [row] = (await database.texts({ table, column: 'v', limit: 1 })) as [TextRow];
    handle.exec(`BEGIN IMMEDIATE; UPDATE t SET v = 'b'`);
    const changing = database.change([change(table, row, 'a', 'lost')]);
    handle.exec('COMMIT');
    expect(await changing).toEqual([false]);
    expect(await database.textAt(table, 'v', row.position)).toBe('b');
  });
});
