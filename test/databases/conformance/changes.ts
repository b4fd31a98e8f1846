import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Database, Table, TextChange, TextRow } from '../../../src/databases/database.js';
import { type DatabaseHarness, tableOf } from './harness.js';

function change(table: Table, row: TextRow, before: string, after: string): TextChange {
  return { table, column: 'v', position: row.position, before, after };
}

async function rowsOf(database: Database): Promise<{ table: Table; rows: TextRow[] }> {
  const table = await tableOf(database, 't');
  return { table, rows: await database.texts({ table, column: 'v', limit: 100 }) };
}

export function changes(harness: DatabaseHarness): void {
  describe('a compare-and-set', () => {
    test.each(harness.textTypes)('is exact in a column of type %s', async (type) => {
      const { database } = await harness.open(`
        CREATE TABLE t (k INTEGER PRIMARY KEY, v ${type}); INSERT INTO t VALUES (1, 'Text ')`);
      const { table, rows } = await rowsOf(database);
      const [row] = rows as [TextRow];
      expect(row.text).toBe('Text ');
      for (const before of ['text ', 'Text', 'Text  ', 'Text\0', '', 'TEXT ', 'Te\u0301xt ']) {
        expect(await database.change([change(table, row, before, 'wrong')])).toEqual([false]);
      }
      expect(await database.change([change(table, row, 'Text ', 'right')])).toEqual([true]);
      expect(await database.textAt(table, 'v', row.position)).toBe('right');
    });

    test('keeps any text as it is', async () => {
      const { database } = await harness.open(`
        CREATE TABLE t (k INTEGER PRIMARY KEY, v ${harness.longText}); INSERT INTO t VALUES (1, '')`);
      const { table, rows } = await rowsOf(database);
      const [row] = rows as [TextRow];
      let before = '';
      const any = fc
        .string({ unit: 'binary' })
        .filter((text) => harness.keepsNul || !text.includes('\0'));
      await fc.assert(
        fc.asyncProperty(any, async (after) => {
          expect(await database.change([change(table, row, before, after)])).toEqual([true]);
          expect(await database.textAt(table, 'v', row.position)).toBe(after);
          before = after;
        }),
      );
    });

    test('of a text that the column cannot hold is an error, and changes nothing', async () => {
      const { database } = await harness.open(`
        CREATE TABLE t (k INTEGER PRIMARY KEY, v ${harness.longText}); INSERT INTO t VALUES (1, 'a')`);
      const { table, rows } = await rowsOf(database);
      const [row] = rows as [TextRow];
      if (harness.keepsNul) return;
      const changing = database.change([change(table, row, 'a', 'b\0')]);
      await expect(changing).rejects.toMatchObject({ name: 'DepotError' });
      expect(await database.textAt(table, 'v', row.position)).toBe('a');
    });

    test('says false of a row that was changed, emptied or deleted meanwhile', async () => {
      const {
        database,
        execute,
        rows: select,
      } = await harness.open(`
        CREATE TABLE t (k INTEGER PRIMARY KEY, v VARCHAR(10));
        INSERT INTO t VALUES (1, 'a'), (2, 'a'), (3, 'a'), (4, 'a')`);
      const { table, rows } = await rowsOf(database);
      await execute(`UPDATE t SET v = 'b' WHERE k = 1; UPDATE t SET v = NULL WHERE k = 2;
                     DELETE FROM t WHERE k = 3`);
      const all = rows.map((row) => change(table, row, 'a', 'new'));
      expect(await database.change(all)).toEqual([false, false, false, true]);
      const now = rows.map((row) => database.textAt(table, 'v', row.position));
      expect(await Promise.all(now)).toEqual(['b', null, null, 'new']);
      expect(await select('SELECT v FROM t ORDER BY k')).toEqual([['b'], [null], ['new']]);
    });

    test('is made with the others, or not at all', async () => {
      const { database, rows: select } = await harness.open(`
        CREATE TABLE t (k INTEGER PRIMARY KEY, v VARCHAR(10) CHECK (v <> 'refused'));
        INSERT INTO t VALUES (1, 'a'), (2, 'a')`);
      const { table, rows } = await rowsOf(database);
      const [one, other] = rows as [TextRow, TextRow];
      const both = [change(table, one, 'a', 'new'), change(table, other, 'a', 'refused')];
      await expect(database.change(both)).rejects.toMatchObject({ name: 'DepotError' });
      expect(await select('SELECT v FROM t')).toEqual([['a'], ['a']]);
    });

    test('may follow another of the same row', async () => {
      const { database, rows: select } = await harness.open(`
        CREATE TABLE t (k INTEGER PRIMARY KEY, v VARCHAR(10)); INSERT INTO t VALUES (1, 'a')`);
      const { table, rows } = await rowsOf(database);
      const [row] = rows as [TextRow];
      const steps = [['a', 'b'] as const, ['a', 'c'] as const, ['b', 'd'] as const];
      const all = steps.map(([before, after]) => change(table, row, before, after));
      expect(await database.change(all)).toEqual([true, false, true]);
      expect(await select('SELECT v FROM t')).toEqual([['d']]);
    });

    test('of nothing changes nothing', async () => {
      const { database } = await harness.open('CREATE TABLE t (v VARCHAR(10))');
      expect(await database.change([])).toEqual([]);
    });

    test('in several tables and columns is one', async () => {
      const { database, rows: select } = await harness.open(`
        CREATE TABLE t (k INTEGER PRIMARY KEY, v VARCHAR(10), w VARCHAR(10));
        CREATE TABLE u (k VARCHAR(10) PRIMARY KEY, v VARCHAR(10));
        INSERT INTO t VALUES (1, 'a', 'b'), (2, 'c', 'd'); INSERT INTO u VALUES ('x', 'e')`);
      const { table, rows } = await rowsOf(database);
      const [one, two] = rows as [TextRow, TextRow];
      const other = await tableOf(database, 'u');
      const [row] = (await database.texts({ table: other, column: 'v', limit: 1 })) as [TextRow];
      const all = [
        change(table, two, 'c', 'C'),
        { ...change(table, one, 'b', 'B'), column: 'w' },
        change(other, row, 'e', 'E'),
        { ...change(table, two, 'wrong', 'D'), column: 'w' },
        change(table, one, 'a', 'A'),
      ];
      expect(await database.change(all)).toEqual([true, true, true, false, true]);
      expect(await select('SELECT * FROM t ORDER BY k')).toEqual([
        [1, 'A', 'B'],
        [2, 'C', 'd'],
      ]);
      expect(await select('SELECT * FROM u')).toEqual([['x', 'E']]);
    });

    test('of the same rows in another order by somebody else comes to an end, each row made once', async () => {
      const numbers = Array.from({ length: 20 }, (_, index) => index);
      const {
        database,
        reopen,
        rows: select,
      } = await harness.open(`
        CREATE TABLE t (k INTEGER PRIMARY KEY, v VARCHAR(10));
        INSERT INTO t VALUES ${numbers.map((number) => `(${number}, '0')`).join(', ')}`);
      const { table, rows } = await rowsOf(database);
      const orders = [rows, rows.toReversed(), [...rows.slice(7), ...rows.slice(0, 7)]];
      const others = [database, await reopen(), await reopen()];
      for (let round = 0; round < 10; round += 1) {
        const made = await Promise.all(
          orders.map((order, index) =>
            others[index]?.change(
              order.map((row) => change(table, row, `${round}`, `${round + 1}`)),
            ),
          ),
        );
        expect(made.flat().filter(Boolean)).toHaveLength(rows.length);
      }
      expect(await select(`SELECT k FROM t WHERE v = '10'`)).toHaveLength(rows.length);
    });

    test('waits for another writer', async () => {
      const { database, execute } = await harness.open(`
        CREATE TABLE t (k INTEGER PRIMARY KEY, v VARCHAR(10)); INSERT INTO t VALUES (1, 'a')`);
      const { table, rows } = await rowsOf(database);
      const [row] = rows as [TextRow];
      await execute(`BEGIN; UPDATE t SET v = 'b'`);
      const changing = database.change([change(table, row, 'a', 'lost')]);
      await execute('COMMIT');
      expect(await changing).toEqual([false]);
      expect(await database.textAt(table, 'v', row.position)).toBe('b');
    });
  });
}
