import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Database, Table, TextRow } from '../../src/databases/database.js';
import { describeWithServer } from '../servers/servers.js';
import { tableOf } from './conformance/harness.js';
import { openPostgresDatabase } from './postgres-harness.js';

describeWithServer('postgres', 'a compare-and-set in PostgreSQL', (server) => {
  const open = (statements: string) => openPostgresDatabase(server, statements);

  async function first(database: Database): Promise<{ table: Table; row: TextRow }> {
    const table = await tableOf(database, 't');
    const [row] = (await database.texts({ table, column: 'v', limit: 1 })) as [TextRow];
    return { table, row };
  }

  const set = (
    database: Database,
    table: Table,
    row: TextRow,
    before: string,
    after: string,
  ): Promise<boolean[]> =>
    database.change([{ table, column: 'v', position: row.position, before, after }]);

  test('in citext or a collation without case is exact', async () => {
    for (const type of ['CITEXT', 'TEXT COLLATE no_case']) {
      const { database } = await open(`
        CREATE EXTENSION citext;
        CREATE COLLATION no_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
        CREATE TABLE t (k INTEGER PRIMARY KEY, v ${type}); INSERT INTO t VALUES (1, 'Text')`);
      const { table, row } = await first(database);
      expect(row.text).toBe('Text');
      const query = { table, column: 'v', limit: 1 };
      expect(await database.texts({ ...query, containing: 'TEXT' })).toEqual([]);
      expect(await database.texts({ ...query, containing: 'ex' })).toHaveLength(1);
      expect(await set(database, table, row, 'TEXT', 'wrong')).toEqual([false]);
      expect(await set(database, table, row, 'Text', 'right')).toEqual([true]);
      expect(await database.textAt(table, 'v', row.position)).toBe('right');
    }
  });

  test('in json keeps every character', async () => {
    const { database, rows } = await open(`
      CREATE TABLE t (k INTEGER PRIMARY KEY, v JSON);
      INSERT INTO t VALUES (1, '{"b": 1.0,  "a": "\\u00e9", "b": 2}')`);
    const { table, row } = await first(database);
    expect(row.text).toBe('{"b": 1.0,  "a": "\\u00e9", "b": 2}');
    expect(await set(database, table, row, '{"b": 1.0, "a": "\\u00e9", "b": 2}', '0')).toEqual([
      false,
    ]);
    const after = '{"b":  1e5, "a": "é \\u0000"}';
    expect(await set(database, table, row, row.text, after)).toEqual([true]);
    expect(await rows('SELECT v::text FROM t')).toEqual([[after]]);
    expect(await database.asStored?.(table, 'v', [after])).toEqual([after]);
  });

  test('in jsonb tells before what it will store', async () => {
    const { database } = await open(`
      CREATE TABLE t (k INTEGER PRIMARY KEY, v JSONB);
      INSERT INTO t VALUES (1, '{"longer": 1.0, "b": "\\u00e9", "a": [1,2]}')`);
    const { table, row } = await first(database);
    expect(row.text).toBe('{"a": [1, 2], "b": "é", "longer": 1.0}');
    const after = '{"longer":10.00,"b":"\\u00e8 \\"q\\"","a":[]}';
    const [stored] = (await database.asStored?.(table, 'v', [after])) ?? [];
    expect(stored).toBe('{"a": [], "b": "è \\"q\\"", "longer": 10.00}');
    expect(await set(database, table, row, '{"a": [1, 2], "b": "é", "longer": 1}', after)).toEqual([
      false,
    ]);
    expect(await set(database, table, row, row.text, after)).toEqual([true]);
    expect(await database.textAt(table, 'v', row.position)).toBe(stored);
    expect(await set(database, table, row, stored ?? '', row.text)).toEqual([true]);
    expect(await database.textAt(table, 'v', row.position)).toBe(row.text);
  });

  test('in json and jsonb takes back any text that it gave', async () => {
    for (const type of ['JSON', 'JSONB']) {
      const { database } = await open(`
        CREATE TABLE t (k INTEGER PRIMARY KEY, v ${type}); INSERT INTO t VALUES (1, '{}')`);
      const { table, row } = await first(database);
      let now = row.text;
      await fc.assert(
        fc.asyncProperty(fc.jsonValue({ stringUnit: 'grapheme' }), async (value) => {
          const after = JSON.stringify({ value });
          const [stored = after] = (await database.asStored?.(table, 'v', [after])) ?? [];
          expect(await set(database, table, row, now, after)).toEqual([true]);
          expect(await database.textAt(table, 'v', row.position)).toBe(stored);
          now = stored;
        }),
        { numRuns: 50 },
      );
    }
  });

  test('in text of fixed length leaves its padding to the server', async () => {
    const { database, rows } = await open(`
      CREATE TABLE t (k INTEGER PRIMARY KEY, v CHAR(6)); INSERT INTO t VALUES (1, 'Text')`);
    const { table, row } = await first(database);
    expect(row.text).toBe('Text');
    expect(await set(database, table, row, 'text', 'wrong')).toEqual([false]);
    expect(await set(database, table, row, 'Text', 'right')).toEqual([true]);
    expect(await rows('SELECT octet_length(v) FROM t')).toEqual([[6]]);
  });

  test('in a domain or an array keeps its rules', async () => {
    const { database } = await open(`
      CREATE DOMAIN short AS VARCHAR(5); CREATE DOMAIN lower AS short CHECK (VALUE = lower(VALUE));
      CREATE TABLE t (k INTEGER PRIMARY KEY, v lower, w TEXT[]);
      INSERT INTO t VALUES (1, 'text', ARRAY['a "b"', NULL])`);
    const { table, row } = await first(database);
    for (const after of ['longer', 'Upper']) {
      await expect(set(database, table, row, 'text', after)).rejects.toMatchObject({
        kind: 'failed',
      });
    }
    expect(await set(database, table, row, 'text', 'right')).toEqual([true]);
    const change = { table, column: 'w', position: row.position };
    const [before, after] = ['{"a \\"b\\"",NULL}', '{"c \\\\ d",NULL}'];
    expect(await database.textAt(table, 'w', row.position)).toBe(before);
    expect(await database.change([{ ...change, before, after }])).toEqual([true]);
    expect(await database.textAt(table, 'w', row.position)).toBe(after);
  });

  test('never cuts a text that is too long', async () => {
    const { database } = await open(`
      CREATE TABLE t (k INTEGER PRIMARY KEY, v VARCHAR(5)); INSERT INTO t VALUES (1, 'text')`);
    const { table, row } = await first(database);
    await expect(set(database, table, row, 'text', 'longer')).rejects.toMatchObject({
      kind: 'failed',
      message: expect.stringContaining('too long'),
    });
    expect(await database.textAt(table, 'v', row.position)).toBe('text');
  });

  test('runs the triggers of the application, and counts its own row alone', async () => {
    const { database, rows } = await open(`
      CREATE TABLE t (k INTEGER PRIMARY KEY, v TEXT); CREATE TABLE log (v TEXT);
      CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN INSERT INTO log VALUES (old.v), (new.v); RETURN NULL; END $$;
      CREATE TRIGGER noted AFTER UPDATE ON t FOR EACH ROW EXECUTE FUNCTION note();
      INSERT INTO t VALUES (1, 'a'), (2, 'a')`);
    const { table, row } = await first(database);
    expect(await set(database, table, row, 'a', 'b')).toEqual([true]);
    expect(await rows('SELECT v FROM log ORDER BY v')).toEqual([['a'], ['b']]);
  });
});
