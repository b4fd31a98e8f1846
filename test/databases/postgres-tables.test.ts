import { expect, onTestFinished, test } from 'vitest';
import type { Database } from '../../src/databases/database.js';
import { checkReadable } from '../../src/transfer/protection.js';
import { describeWithServer } from '../servers/servers.js';
import { allRows, tableOf, texts } from './conformance/harness.js';
import { openPostgresDatabase, openUrl, withUser } from './postgres-harness.js';

describeWithServer('postgres', 'the schema of a PostgreSQL database', (server) => {
  const open = (statements: string) => openPostgresDatabase(server, statements);

  async function names(database: Database): Promise<string[]> {
    return (await database.tables()).map(({ name }) => name);
  }

  test('has the tables of every schema, under the names that find them', async () => {
    const { database, url } = await open(`
      CREATE SCHEMA other; CREATE SCHEMA "Upper Case";
      CREATE TABLE files (id INTEGER PRIMARY KEY, data TEXT);
      CREATE TABLE other.files (id INTEGER PRIMARY KEY, data TEXT);
      CREATE TABLE "Upper Case"."Files" (id INTEGER PRIMARY KEY, "Data" TEXT);
      INSERT INTO files VALUES (1, 'public'); INSERT INTO other.files VALUES (1, 'other');
      INSERT INTO "Upper Case"."Files" VALUES (1, 'upper');
      CREATE VIEW shown AS SELECT * FROM files;
      CREATE MATERIALIZED VIEW kept AS SELECT * FROM files;
      CREATE TEMPORARY TABLE mine (v TEXT); CREATE UNLOGGED TABLE quick (v TEXT);`);
    const found = ['files', 'quick', 'Upper Case.Files', 'other.files'];
    expect(await names(database)).toEqual(found);
    const text = async (from: Database, name: string, column: string): Promise<string[]> =>
      texts(await from.texts({ table: await tableOf(from, name), column, limit: 5 }));
    expect(await text(database, 'files', 'data')).toEqual(['public']);
    expect(await text(database, 'other.files', 'data')).toEqual(['other']);
    expect(await text(database, 'Upper Case.Files', 'Data')).toEqual(['upper']);
    const other = openUrl(`${url}?options=-csearch_path%3Dother,public`);
    onTestFinished(() => other.close());
    const all = ['files', 'quick', 'Upper Case.Files', 'public.files'];
    expect((await names(other)).sort()).toEqual(all.sort());
    expect(await text(other, 'files', 'data')).toEqual(['other']);
  });

  test('says of each column whether it may hold text, and how much', async () => {
    const { database } = await open(`
      CREATE EXTENSION citext; CREATE EXTENSION hstore;
      CREATE DOMAIN short AS VARCHAR(7); CREATE DOMAIN shorter AS short CHECK (VALUE <> '');
      CREATE TYPE pair AS (a TEXT, b INTEGER); CREATE TYPE mood AS ENUM ('sad', 'glad');
      CREATE TABLE t (
        a_text TEXT, b_varchar VARCHAR(4000), c_any VARCHAR, d_char CHAR(9), e_domain shorter,
        f_citext CITEXT, g_json JSON, h_jsonb JSONB, i_hstore HSTORE, j_texts TEXT[],
        k_pair pair, l_xml XML, m_uuid UUID, n_name NAME, o_jsons JSONB[],
        z_a BYTEA, z_b INTEGER, z_c BOOLEAN, z_d TIMESTAMP, z_e NUMERIC, z_f INTEGER[], z_g mood,
        z_h INET, z_i BYTEA[], z_j INTERVAL, z_k POINT, z_l INT4RANGE, z_m BIT(3),
        made TEXT GENERATED ALWAYS AS (lower(a_text)) STORED);
      ALTER TABLE t ADD gone TEXT; ALTER TABLE t DROP gone`);
    const { columns } = await tableOf(database, 't');
    for (const { name, holdsText } of columns) {
      expect({ name, holdsText }).toEqual({ name, holdsText: !name.startsWith('z') });
    }
    expect(columns.map(({ name }) => name)).not.toContain('made');
    const lengths = columns.map(({ name, maxLength }) => [name, maxLength]);
    expect(lengths.filter(([, length]) => length !== null)).toEqual([
      ['b_varchar', 4000],
      ['d_char', 9],
      ['e_domain', 7],
    ]);
  });

  test('shows partitions as their table, and heirs as themselves', async () => {
    const { database } = await open(`
      CREATE TABLE parts (k INTEGER, v TEXT, PRIMARY KEY (k)) PARTITION BY RANGE (k);
      CREATE TABLE low PARTITION OF parts FOR VALUES FROM (0) TO (4);
      CREATE TABLE high PARTITION OF parts DEFAULT;
      CREATE TABLE parent (k INTEGER PRIMARY KEY, v TEXT);
      CREATE TABLE heir (PRIMARY KEY (k)) INHERITS (parent);
      INSERT INTO parts VALUES (1, 'low'), (9, 'high');
      INSERT INTO parent VALUES (1, 'parent'); INSERT INTO heir VALUES (1, 'heir')`);
    expect(await names(database)).toEqual(['heir', 'parent', 'parts']);
    const all = async (name: string): Promise<string[]> => {
      const table = await tableOf(database, name);
      return texts(await allRows(database, { table, column: 'v', limit: 1 }));
    };
    expect(await all('parts')).toEqual(['low', 'high']);
    expect(await all('parent')).toEqual(['parent']);
    expect(await all('heir')).toEqual(['heir']);
  });

  test('leaves out what the user may not read, and says so once', async () => {
    const { database, url, execute } = await open(`
      CREATE SCHEMA closed; CREATE TABLE closed.t (v TEXT);
      CREATE TABLE denied (v TEXT); CREATE TABLE part (seen TEXT, unseen TEXT);
      CREATE TABLE open (v TEXT)`);
    const user = new URL(url).pathname.slice(1);
    await execute(`
      CREATE ROLE ${user} LOGIN PASSWORD 'p'; GRANT SELECT ON open, closed.t TO ${user};
      GRANT SELECT (seen) ON part TO ${user}`);
    onTestFinished(() => execute(`DROP OWNED BY ${user}; DROP ROLE ${user}`));
    const notices: string[] = [];
    const limited = openUrl(withUser(url, user, 'p'), {
      notice: (text) => void notices.push(text),
    });
    onTestFinished(() => limited.close());
    for (const _ of [1, 2]) {
      const tables = await limited.tables();
      expect(tables.map(({ name, columns }) => [name, columns.map((one) => one.name)])).toEqual([
        ['open', ['v']],
        ['part', ['seen']],
      ]);
    }
    expect(notices).toEqual([
      expect.stringMatching(/may not read all of denied, part, closed\.t: not looked at$/),
    ]);
    expect(await database.tables()).toHaveLength(4);
    expect(await limited.unreadable?.()).toEqual(['denied', 'part', 'closed.t']);
    expect(await database.unreadable?.()).toEqual([]);
    await expect(checkReadable([database, limited])).rejects.toMatchObject({
      kind: 'refused',
      message: expect.stringMatching(/may not read all of denied, part, closed\.t$/),
    });
    await checkReadable([database]);
  });

  test('of a table without a primary key gives all rows, however they move meanwhile', async () => {
    const { database, execute } = await open(`
      CREATE TABLE t (v TEXT); INSERT INTO t SELECT 'text ' || i FROM generate_series(1, 500) AS i`);
    const table = await tableOf(database, 't');
    expect(table).toMatchObject({ primaryKey: [], unchangeable: true });
    const query = { table, column: 'v', limit: 100 };
    const first = await database.texts(query);
    expect(first[0]?.key).toEqual([['ctid', '(0,1)']]);
    // What had not been read yet moves to where the reading has been.
    await execute(`DELETE FROM t WHERE ctid < '(0,50)'`);
    await execute('VACUUM t');
    await execute(`UPDATE t SET v = v || '!'`);
    const rows = [...first];
    for (let page = first; page.length > 0; ) {
      const position = page.at(-1)?.position ?? [];
      page = await database.texts({ ...query, after: position });
      rows.push(...page);
    }
    const numbers = texts(rows).map((text) => Number.parseInt(text.slice(5), 10));
    expect(numbers.sort((one, other) => one - other)).toEqual(
      Array.from({ length: 500 }, (_, index) => index + 1),
    );
    const [row] = rows;
    const change = { table, column: 'v', position: row?.position ?? [], before: 'a', after: 'b' };
    await expect(database.change([change])).rejects.toMatchObject({
      kind: 'refused',
      message: expect.stringContaining('t has no primary key'),
    });
  });

  test('of a table without a primary key says so where its reading is lost', async () => {
    const { database, reopen } = await open(`
      CREATE TABLE t (v TEXT); INSERT INTO t VALUES ('a'), ('b')`);
    const table = await tableOf(database, 't');
    const query = { table, column: 'v', limit: 1 };
    const [row] = await database.texts(query);
    const other = await reopen();
    await expect(other.texts({ ...query, after: row?.position ?? [] })).rejects.toMatchObject({
      kind: 'failed',
      message: expect.stringContaining('no primary key'),
    });
  });

  test('has foreign tables too, which are read and not changed', async () => {
    const { database } = await open(`
      CREATE EXTENSION file_fdw; CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
      CREATE FOREIGN TABLE t (v TEXT) SERVER files OPTIONS (program 'printf "a\\nb\\nc\\n"')`);
    const table = await tableOf(database, 't');
    expect(table.unchangeable).toBe(true);
    expect(texts(await allRows(database, { table, column: 'v', limit: 2 }))).toEqual([
      'a',
      'b',
      'c',
    ]);
  });
});
