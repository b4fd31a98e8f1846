import { describe, expect, test } from 'vitest';
import { allRows, type DatabaseHarness, tableOf, texts } from './harness.js';

const source = `
  CREATE TEMPORARY TABLE source (i INTEGER, x VARCHAR(10));
  INSERT INTO source VALUES (0,'t0'),(1,'t1'),(2,'t2'),(3,'t3'),(4,'t4'),(5,'t5'),(6,'t6'),(7,NULL);`;

const expected = ['t0', 't1', 't2', 't3', 't4', 't5', 't6'];

/** A table's rows as text, sorted, since a server may give them in any order. */
function comparable(rows: readonly unknown[][]): string[] {
  const text = (value: unknown): string =>
    value instanceof Uint8Array ? Buffer.from(value).toString('hex') : String(value);
  return rows.map((row) => row.map(text).join('|')).sort();
}

export function keys(harness: DatabaseHarness): void {
  describe.each(harness.keys)('a table whose key is $name', ({ sql }) => {
    test.each([1, 2, 3, 7, 100])('gives each row once, by pages of %d', async (limit) => {
      const { database } = await harness.open(source + sql);
      const table = await tableOf(database, 't');
      const rows = await allRows(database, { table, column: 'v', limit });
      expect(texts(rows).sort()).toEqual(expected);
      const whole = await allRows(database, { table, column: 'v', limit: 1000 });
      expect(texts(rows)).toEqual(texts(whole));
      for (const { position, text } of rows) {
        expect(await database.textAt(table, 'v', position)).toBe(text);
      }
    });

    test('goes on after any row, whoever read up to there', async () => {
      const { database, reopen } = await harness.open(source + sql);
      const table = await tableOf(database, 't');
      const query = { table, column: 'v', limit: 100 };
      const rows = await database.texts(query);
      const other = await reopen();
      for (const [index, { position }] of rows.entries()) {
        const rest = await other.texts({ ...query, after: position });
        expect(texts(rest)).toEqual(texts(rows).slice(index + 1));
      }
    });

    test('changes each row alone, the key stays', async () => {
      const { database, rows: select } = await harness.open(source + sql);
      const table = await tableOf(database, 't');
      const before = comparable(await select('SELECT * FROM t'));
      const rows = await allRows(database, { table, column: 'v', limit: 3 });
      const change = { table, column: 'v' };
      for (const { position, text } of rows) {
        const changes = [{ ...change, position, before: text, after: `${text} new` }];
        expect(await database.change(changes)).toEqual([true]);
        expect(await database.change(changes)).toEqual([false]);
      }
      const after = comparable(await select('SELECT * FROM t'));
      const changed = before.map((row) =>
        row
          .split('|')
          .map((value) => (expected.includes(value) ? `${value} new` : value))
          .join('|'),
      );
      expect(after).toEqual(changed.sort());
    });
  });

  test('rows are named by their primary key, integers as numbers where they fit', async () => {
    const { database } = await harness.open(`
      CREATE TABLE t (lang VARCHAR(10), doc BIGINT, v VARCHAR(10), PRIMARY KEY (doc, lang));
      INSERT INTO t VALUES ('de', 1, 'x'), ('en', 9223372036854775807, 'y')`);
    const table = await tableOf(database, 't');
    expect(table.primaryKey).toEqual(['doc', 'lang']);
    const rows = await database.texts({ table, column: 'v', limit: 10 });
    const [one, other] = rows.map(({ key }) => key);
    expect(one).toEqual([
      ['doc', 1],
      ['lang', 'de'],
    ]);
    expect(other).toEqual([
      ['doc', 9223372036854775807n],
      ['lang', 'en'],
    ]);
  });
}
