import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import Sqlite from 'better-sqlite3';
import { expect, onTestFinished, test } from 'vitest';
import type { Database } from '../../src/databases/database.js';
import { openSqlite } from '../../src/databases/sqlite.js';
import {
  columnName,
  findColumns,
  namedColumns,
  pages,
  rowName,
} from '../../src/references/columns.js';
import { countBlobs } from '../../src/references/count.js';

const golden = fileURLToPath(new URL('../../fixtures/kotti-site', import.meta.url));
const expected = JSON.parse(readFileSync(path.join(golden, 'expected.json'), 'utf8')) as {
  columns: { table: string; column: string; primary_key: string[] }[];
  references: { depot_name?: string; status: string; files?: unknown[] }[];
};

const id = 'f8978386-e6ef-11f1-b551-02fc00000001';
const reference = `{"depot_name": "a", "files": ["a/${id}"], "file_id": "${id}", "path": "a/${id}"}`;

/** Opens a database that `sql` made, or a copy of that file. */
async function open(sql: string, copyOf?: string): Promise<Database> {
  const directory = mkdtempSync(path.join(tmpdir(), 'depot-columns-'));
  const file = path.join(directory, 'site.db');
  if (copyOf !== undefined) copyFileSync(copyOf, file);
  const handle = new Sqlite(file);
  handle.exec(sql);
  handle.close();
  const database = await openSqlite(file);
  onTestFinished(async () => {
    await database.close();
    rmSync(directory, { recursive: true });
  });
  return database;
}

const kotti = (): Promise<Database> => open('', path.join(golden, 'Kotti.db'));

test('finds exactly the columns of the Kotti site, with their keys', async () => {
  const found = (await findColumns([await kotti()])).map(({ table, column }) => ({
    table: table.name,
    column: column.name,
    primary_key: table.primaryKey,
  }));
  const sorted = (columns: typeof found) => columns.map((one) => JSON.stringify(one)).sort();
  expect(sorted(found)).toEqual(sorted(expected.columns));
});

test('counts the references of the Kotti site by the storage that they name', async () => {
  const totals = new Map<string, { references: number; blobs: number }>();
  for (const column of await findColumns([await kotti()])) {
    for (const [storage, { references, blobs }] of await countBlobs(
      column,
      new AbortController().signal,
    )) {
      const total = totals.get(storage) ?? { references: 0, blobs: 0 };
      totals.set(storage, {
        references: total.references + references,
        blobs: total.blobs + blobs,
      });
    }
  }
  const names = new Set(expected.references.flatMap(({ depot_name }) => depot_name ?? []));
  expect([...totals.keys()].sort()).toEqual([...names].sort());
  for (const [storage, total] of totals) {
    const those = expected.references.filter(({ depot_name }) => depot_name === storage);
    const blobs = those.reduce((sum, { files }) => sum + (files?.length ?? 0), 0);
    expect([storage, total]).toEqual([storage, { references: those.length, blobs }]);
  }
});

test('finds references in columns of any type, table and key', async () => {
  const database = await open(`
    CREATE TABLE "we""ird ""table" ("a ""column" JSON, "select" TEXT, PRIMARY KEY ("select")) WITHOUT ROWID;
    INSERT INTO "we""ird ""table" VALUES ('[{"deep": ${reference}}]', 'x');
    CREATE TABLE untyped (a, b);
    INSERT INTO untyped VALUES (NULL, '${reference}');
    CREATE TABLE pairs (x INTEGER, y VARCHAR(9), data VARCHAR(4000), PRIMARY KEY (y, x));
    INSERT INTO pairs VALUES (1, 'b', '${reference}');
    CREATE TABLE numbers (n INTEGER);
    INSERT INTO numbers VALUES ('${reference}');
    CREATE VIEW seen AS SELECT data FROM pairs;`);
  const found = await findColumns([database]);
  expect(found.map(columnName)).toEqual([
    'numbers.n',
    'pairs.data',
    'untyped.b',
    'we"ird "table.a "column',
  ]);
  expect(found.map(({ table }) => table.primaryKey)).toEqual([[], ['y', 'x'], [], ['select']]);
});

test('a column that merely mentions the word is none, wherever the one reference stands', async () => {
  const database = await open(`
    CREATE TABLE prose (id INTEGER PRIMARY KEY, body TEXT, settings TEXT, broken TEXT);
    INSERT INTO prose VALUES (1, 'the key "depot_name" …', '{"depot_name": "a"}', '{"depot_name": "a", "file_id": "b');
    CREATE TABLE late (id INTEGER PRIMARY KEY, data TEXT);
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 600)
      INSERT INTO late SELECT i, '["depot_name"]' FROM n;
    INSERT INTO late VALUES (9999, '${reference}');`);
  expect((await findColumns([database])).map(columnName)).toEqual(['late.data']);
});

test('columns by name: those of all databases, each once, or an error that says where', async () => {
  const sql = 'CREATE TABLE files (id INTEGER PRIMARY KEY, data TEXT, "b.c" TEXT)';
  const [one, two] = [await open(sql), await open(sql)];
  const named = await namedColumns([one, two], ['files.data', 'files.b.c', 'files.data']);
  expect(named.map(columnName)).toEqual(['files.data', 'files.data', 'files.b.c', 'files.b.c']);
  expect(new Set(named.map(({ database }) => database))).toEqual(new Set([one, two]));
  await expect(namedColumns([one], ['files.none'])).rejects.toMatchObject({
    kind: 'not-found',
    message: `no column files.none in ${one.name}`,
  });
});

test('pages give every text once, in order, also where the rows change on the way', async () => {
  const database = await open(`
    CREATE TABLE t (a TEXT, b INTEGER, data TEXT, PRIMARY KEY (a, b)) WITHOUT ROWID;
    WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 999)
      INSERT INTO t SELECT char(97 + i % 3), i, 'text ' || i FROM n;
    UPDATE t SET data = NULL WHERE b % 10 = 0;
    UPDATE t SET data = x'00' WHERE b % 10 = 1;`);
  const [column] = await namedColumns([database], ['t.data']);
  if (column === undefined) throw new Error('no column');
  const seen: string[] = [];
  for await (const page of pages(column, { containing: 'text', where: 'b < 900' })) {
    seen.push(...page.map((row) => rowName(column, row)));
    const [change] = page;
    if (change === undefined) continue;
    const { position, text: before } = change;
    await database.change([
      { table: column.table, column: 'data', position, before, after: 'new' },
    ]);
  }
  expect(new Set(seen).size).toBe(seen.length);
  expect(seen).toHaveLength(720);
  expect(seen[0]).toBe('t.data a=a b=3');
  expect(seen).toContain('t.data a=c b=899');
});
