import { describe, expect, test } from 'vitest';
import type { TextRow } from '../../../src/databases/database.js';
import { allRows, type DatabaseHarness, tableOf, texts } from './harness.js';

export function pages(harness: DatabaseHarness): void {
  describe('names in the schema', () => {
    test.each([
      ['group', 'order'],
      ['a "b"', 'c"d'],
      ['[x]', '`y`'],
      ['größe', "it's"],
      ['select; --', '?'],
      ['%s', '$1'],
      ['Mixed Case', 'UPPER'],
    ])('of a table %s and a column %s may be anything', async (name, column) => {
      const [table, value] = [harness.quoted(name), harness.quoted(column)];
      const { database } = await harness.open(`
        CREATE TABLE ${table} (${value} VARCHAR(40) PRIMARY KEY);
        INSERT INTO ${table} VALUES ('a'), ('b'), ('c')`);
      const found = await tableOf(database, name);
      expect(found.columns).toMatchObject([{ name: column, maxLength: 40, holdsText: true }]);
      expect(found.primaryKey).toEqual([column]);
      const rows = await allRows(database, { table: found, column, limit: 2 });
      expect(texts(rows)).toEqual(['a', 'b', 'c']);
      const [row] = rows as [TextRow];
      const change = { table: found, column, position: row.position, before: 'a', after: 'd' };
      expect(await database.change([change])).toEqual([true]);
    });
  });

  describe('a page', () => {
    test('is cut by the length of its texts, and nothing is lost', async () => {
      const lengths = [3_000_000, 3_000_000, 3_000_000, 10, 9_000_000, 10, 10];
      const { database, execute } = await harness.open(
        `CREATE TABLE t (k INTEGER PRIMARY KEY, v ${harness.longText})`,
      );
      for (const [index, length] of lengths.entries()) {
        await execute(`INSERT INTO t VALUES (${index}, '${'x'.repeat(length)}')`);
      }
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
      ['1 = 0', []],
    ])('holds only rows where %s', async (where, expected) => {
      const { database } = await harness.open(`
        CREATE TABLE t (k INTEGER PRIMARY KEY, v ${harness.longText});
        INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, 'c'), (4, 'd')`);
      const table = await tableOf(database, 't');
      for (const limit of [1, 10]) {
        const rows = await allRows(database, { table, column: 'v', where, limit });
        expect(texts(rows)).toEqual(expected);
      }
    });

    test.each(['nowhere = 1', 'k = ', 'k = ?', '1 = 1; DELETE FROM t'])(
      'of a wrong condition is an error that says so: %s',
      async (where) => {
        const { database, rows } = await harness.open(`
          CREATE TABLE t (k INTEGER PRIMARY KEY, v VARCHAR(10)); INSERT INTO t VALUES (1, 'a')`);
        const table = await tableOf(database, 't');
        const page = database.texts({ table, column: 'v', where, limit: 1 });
        await expect(page).rejects.toMatchObject({
          name: 'DepotError',
          kind: 'failed',
          message: expect.stringMatching(/^cannot read rows in the database .+: ./),
        });
        expect(await rows('SELECT k FROM t')).toHaveLength(1);
      },
    );

    test('holds what short bytes say as well, where it is asked for', async () => {
      const said: [string, string][] = [
        ['a pickled\0 größe', Buffer.from('a pickled\0 größe').toString('hex')],
        [
          expect.stringContaining('f8fd9e46e6ef11f1b55102fc00000001'),
          'f8fd9e46e6ef11f1b55102fc00000001',
        ],
        ['x'.repeat(65_535), '78'.repeat(65_535)],
      ];
      const all = [...said.map(([, digits]) => digits), '78'.repeat(65_536)];
      const { database } = await harness.open(`
        CREATE TABLE t (k INTEGER PRIMARY KEY, v ${harness.longBytes});
        CREATE TABLE keyless (v ${harness.longBytes});
        INSERT INTO t VALUES (0, NULL);
        ${all.map((digits, index) => `INSERT INTO t VALUES (${index + 1}, ${harness.bytes(digits)});`).join('')}
        INSERT INTO keyless SELECT v FROM t`);
      for (const name of ['t', 'keyless']) {
        const table = await tableOf(database, name);
        for (const limit of [1, 10]) {
          const rows = await allRows(database, { table, column: 'v', bytes: true, limit });
          expect(texts(rows)).toEqual(said.map(([text]) => text));
        }
      }
      const { columns } = await tableOf(database, 't');
      expect(columns[1]).toMatchObject({ name: 'v', holdsBytes: true });
    });

    test('holds only texts that contain another, byte for byte', async () => {
      const { database } = await harness.open(`
        CREATE TABLE t (k INTEGER PRIMARY KEY, v VARCHAR(100));
        INSERT INTO t VALUES (1, 'a dbfiles/x'), (2, 'A DBFILES/X'), (3, '100% _'), (4, 'größe'),
                             (5, 'gro\u0308ße'), (6, NULL), (7, '')`);
      const table = await tableOf(database, 't');
      const found = async (containing: string): Promise<string[]> =>
        texts(await database.texts({ table, column: 'v', containing, limit: 10 }));
      expect(await found('dbfiles/')).toEqual(['a dbfiles/x']);
      expect(await found('% _')).toEqual(['100% _']);
      expect(await found('größe')).toEqual(['größe']);
      expect(await found('%')).toEqual(['100% _']);
    });
  });
}
