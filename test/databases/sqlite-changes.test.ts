import { describe, expect, test } from 'vitest';
import type { Table, TextRow } from '../../src/databases/database.js';
import { allRows, tableOf, texts } from './conformance/harness.js';
import { openSqliteDatabase } from './sqlite-harness.js';

describe('a compare-and-set in SQLite', () => {
  const change = (table: Table, row: TextRow, before: string, after: string) => ({
    table,
    column: 'v',
    position: row.position,
    before,
    after,
  });

  test('says false of a row that holds bytes now', async () => {
    const { database, handle } = await openSqliteDatabase(`
      CREATE TABLE t (k INTEGER PRIMARY KEY, v); INSERT INTO t VALUES (1, 'a')`);
    const table = await tableOf(database, 't');
    const [row] = (await database.texts({ table, column: 'v', limit: 10 })) as [TextRow];
    handle.exec(`UPDATE t SET v = x'61'`);
    expect(await database.change([change(table, row, 'a', 'new')])).toEqual([false]);
    expect(await database.textAt(table, 'v', row.position)).toBeNull();
    expect(handle.prepare('SELECT v FROM t').pluck().all()).toEqual([Buffer.from('a')]);
  });

  test('runs the triggers of the application, and counts its own row alone', async () => {
    const { database, handle } = await openSqliteDatabase(`
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
    const { database, handle } = await openSqliteDatabase(`
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
});
