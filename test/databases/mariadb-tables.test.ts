import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { parseSqlalchemyUrl } from '../../src/config/sqlalchemy-url.js';
import type { SqlDatabase } from '../../src/databases/database.js';
import { ofId } from '../../src/databases/mysql-blob-id.js';
import { openConnection } from '../../src/databases/mysql-connection.js';
import { selection } from '../../src/databases/mysql-select.js';
import { collected } from '../conformance/harness.js';
import { describeWithServer } from '../servers/servers.js';
import { allRows, tableOf, texts } from './conformance/harness.js';
import { openMariadbDatabase, openUrl } from './mariadb-harness.js';

const columns = { filename: 'a.txt', contentType: 'text/plain', lastModified: null };

async function* one(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

const insert = (database: SqlDatabase, id: string, text = 'a', more = {}): Promise<number | null> =>
  database.blobs.insert(id, { ...columns, ...more }, { chunks: one(text), length: text.length });

describeWithServer('mariadb', 'MariaDB', (server) => {
  const open = (statements: string) => openMariadbDatabase(server, statements);

  test('shows the tables of its database, without views and what is generated', async () => {
    const { database } = await open(`
      CREATE TABLE t (k INTEGER PRIMARY KEY, v VARCHAR(40), g VARCHAR(40) AS (UPPER(v)),
                      p VARCHAR(40) AS (LOWER(v)) STORED, hidden TEXT INVISIBLE);
      CREATE VIEW shown AS SELECT v FROM t; CREATE SEQUENCE numbers;
      CREATE TABLE \`Upper\` (a INTEGER, b INTEGER, c INTEGER UNIQUE, UNIQUE (a, b))`);
    const tables = await database.tables();
    expect(tables.map(({ name }) => name).sort()).toEqual(['Upper', 't']);
    const table = await tableOf(database, 't');
    expect(table.columns.map(({ name }) => name)).toEqual(['k', 'v', 'hidden']);
    // Its unique columns may hold any number of nulls.
    expect(await tableOf(database, 'Upper')).toMatchObject({ primaryKey: [], unchangeable: true });
  });

  test('looks for texts in every type that may hold one', async () => {
    const types = {
      ...{ CHAR: 'CHAR(9)', VARCHAR: 'VARCHAR(9)', TINYTEXT: '', TEXT: '', MEDIUMTEXT: '' },
      ...{ LONGTEXT: '', JSON: '', UUID: '', ENUM: "ENUM ('a')", SET: "SET ('a')" },
      ...{ BINARY: 'BINARY(9)', VARBINARY: 'VARBINARY(9)', TINYBLOB: '', BLOB: '' },
      ...{ MEDIUMBLOB: '', LONGBLOB: '', INTEGER: '', DECIMAL: '', DATETIME: '', POINT: '' },
      ...{ DOUBLE: '', YEAR: '', BIT: '', INET6: '' },
    };
    const definitions = Object.entries(types).map(([name, type]) => `\`${name}\` ${type || name}`);
    const { database } = await open(`CREATE TABLE t (${definitions.join(', ')})`);
    const table = await tableOf(database, 't');
    const holding = table.columns.filter(({ holdsText }) => holdsText);
    expect(holding.map(({ name, maxLength }) => [name, maxLength])).toEqual([
      ...[
        ['CHAR', 9],
        ['VARCHAR', 9],
        ['TINYTEXT', 255],
        ['TEXT', 65_535],
      ],
      ...[
        ['MEDIUMTEXT', 16_777_215],
        ['LONGTEXT', 4_294_967_295],
        ['JSON', 4_294_967_295],
      ],
      ...[
        ['UUID', null],
        ['ENUM', 1],
        ['SET', 1],
        ['BINARY', 9],
        ['VARBINARY', 9],
      ],
      ...[
        ['TINYBLOB', 255],
        ['BLOB', 65_535],
      ],
    ]);
  });

  test('gives the rows of a table without a key once each, and refuses to change them', async () => {
    const { database, reopen } = await open(`
      CREATE TABLE t (v TEXT); INSERT INTO t SELECT CONCAT('text ', seq) FROM seq_1_to_1000;
      INSERT INTO t VALUES (NULL), ('text 1')`);
    const table = await tableOf(database, 't');
    const query = { table, column: 'v', limit: 70 };
    const rows = await allRows(database, query);
    expect(texts(rows)).toHaveLength(1001);
    expect(new Set(texts(rows)).size).toBe(1000);
    const named = { ...query, where: "v LIKE 'text 99%'", containing: '9' };
    expect(texts(await allRows(database, { ...named, limit: 2 }))).toHaveLength(11);
    // Others that were left in the middle are in nobody's way.
    for (let round = 0; round < 10; round += 1) {
      const other = { ...query, where: `v <> '${round}'` };
      expect(await database.texts(other)).toHaveLength(70);
    }
    const position = rows[0]?.position ?? [];
    const change = { table, column: 'v', position, before: 'text 1', after: 'text 2' };
    await expect(database.change([change])).rejects.toMatchObject({ kind: 'refused' });
    await expect(database.textAt(table, 'v', position)).rejects.toMatchObject({ kind: 'refused' });
    const again = { ...query, after: position };
    await expect((await reopen()).texts(again)).rejects.toMatchObject({
      kind: 'failed',
      message: expect.stringContaining('no primary key to go on by'),
    });
  });

  test('pages by the index of the key, however many columns it has', async () => {
    const { database, execute, rows } = await open(`
      CREATE TABLE t (a INTEGER, b VARCHAR(20) COLLATE utf8mb4_german2_ci, c INTEGER, v TEXT,
                      PRIMARY KEY (a, b, c));
      INSERT INTO t SELECT seq DIV 100, CONCAT('b', seq DIV 10 MOD 10), seq MOD 10, 'x' FROM seq_1_to_20000;
      ANALYZE TABLE t`);
    const table = await tableOf(database, 't');
    const { sql, values } = selection(
      { table, column: 'v', limit: 200, after: ['150', 'b5', '5'] },
      'page',
    );
    let next = 0;
    const filled = sql.replaceAll('?', () => `'${values[next++]}'`);
    await execute('FLUSH STATUS');
    expect(await rows(filled)).toHaveLength(200);
    const read = await rows(`SHOW STATUS WHERE Variable_name LIKE 'Handler_read%' AND Value > 0`);
    const count = read.reduce((sum, [, value]) => sum + Number(value), 0);
    expect(count).toBeLessThan(220);
  });

  test('finds a blob by the index of its identifier, to the byte', async () => {
    const { database, rows, execute } = await open('');
    await database.blobs.provision();
    await execute(`INSERT INTO blobs (file_id, content_length, data)
                   SELECT CONCAT('id ', seq), 1, 'x' FROM seq_1_to_2000;
                   INSERT INTO blobs (file_id) VALUES ('Id 7'), ('id 7 '), ('id 8')`);
    const found = async (id: string) => (await database.blobs.find(id)).map(({ fileId }) => fileId);
    expect(await found('id 7')).toEqual(['id 7']);
    expect(await found('id 7 ')).toEqual(['id 7 ']);
    expect(await found('Id 7')).toEqual(['Id 7']);
    expect(await found('ID 7')).toEqual([]);
    expect(await found('id 8')).toEqual(['id 8', 'id 8']);
    expect(await database.blobs.delete('ID 7')).toBe(false);
    expect(await database.blobs.delete('Id 7')).toBe(true);
    expect(await found('id 7')).toEqual(['id 7']);
    const [plan] = await rows(`EXPLAIN SELECT id FROM blobs WHERE ${ofId('id 9')}`);
    expect(plan).toContain('ix_blobs_file_id');
  });

  test.each(['latin1', 'ascii', 'utf8mb3', 'binary'])(
    'finds blobs by identifiers of any character where the column has the character set %s',
    async (charset) => {
      const { database, execute } = await open('');
      await database.blobs.provision();
      await execute(`ALTER TABLE blobs MODIFY file_id VARCHAR(36) CHARACTER SET ${charset}`);
      for (const id of ['plain', 'größe', '🚢', 'x’']) {
        expect(await database.blobs.find(id)).toEqual([]);
        const stored = await insert(database, id).catch((error: Error) => error.message);
        const fits = typeof stored === 'number';
        if (!fits) expect(stored).toMatch(/does not fit the column or its character set/);
        expect(fits || id !== 'plain').toBe(true);
        const found = await database.blobs.find(id);
        expect(found.map(({ fileId }) => fileId)).toEqual(fits ? [id] : []);
        expect(await database.blobs.delete(id)).toBe(fits);
      }
    },
  );

  test('stores no identifier that Python would take for another one', async () => {
    const { database, execute, rows } = await open('');
    await database.blobs.provision();
    expect(await insert(database, 'abc')).toBe(1);
    expect(await insert(database, 'abc')).toBeNull();
    for (const id of ['ABC', 'abc ', 'àbc']) {
      await expect(insert(database, id)).rejects.toMatchObject({
        kind: 'refused',
        message: expect.stringContaining('has abc, which is the same by the collation'),
        hint: expect.stringContaining('utf8mb4_bin'),
      });
    }
    await execute('ALTER TABLE blobs MODIFY file_id VARCHAR(36) COLLATE utf8mb4_nopad_bin');
    for (const id of ['ABC', 'abc ', 'àbc']) expect(await insert(database, id)).toBe(1);
    expect(await rows('SELECT file_id FROM blobs')).toHaveLength(4);
  });

  test('keeps a time to the column’s precision, and does not round it', async () => {
    const { database, execute, reopen } = await open('');
    await database.blobs.provision();
    const lastModified = '2026-12-31 23:59:59.999999';
    const stored = async (id: string) => {
      await insert(database, id, 'a', { lastModified });
      return (await database.blobs.find(id))[0]?.lastModified;
    };
    expect(await stored('second')).toBe('2026-12-31 23:59:59.000000');
    for (const [digits, expected] of [
      [3, '2026-12-31 23:59:59.999000'],
      [6, lastModified],
    ] as const) {
      await execute(`ALTER TABLE blobs MODIFY last_modified DATETIME(${digits})`);
      const other = await reopen();
      await insert(other, `${digits}`, 'a', { lastModified });
      expect((await other.blobs.find(`${digits}`))[0]?.lastModified).toBe(expected);
    }
  });

  test('reads rows that other programs have written', async () => {
    const { database, execute } = await open('');
    await database.blobs.provision();
    await execute(`
      SET sql_mode = '';
      INSERT INTO blobs VALUES
        (1, 'null', NULL, NULL, 0, NULL, NULL), (2, 'unknown', NULL, NULL, NULL, NULL, 'abc'),
        (3, 'zero', 'a', 'b', 2, '0000-00-00 00:00:00', 'ab'), (4, NULL, 'a', 'b', 1, NULL, 'a')`);
    const row = async (id: string) => (await database.blobs.find(id))[0];
    expect(await row('null')).toMatchObject({ contentLength: 0, dataLength: null, filename: null });
    expect(await row('unknown')).toMatchObject({ contentLength: null, dataLength: 3 });
    expect(await row('zero')).toMatchObject({ dataLength: 2, lastModified: null });
    expect((await database.blobs.read(1))?.chunks).toBeNull();
    const unknown = await database.blobs.read(2);
    expect((await collected(unknown?.chunks ?? one(''))).toString()).toBe('abc');
    expect(await database.blobs.read(9)).toBeNull();
    const ids = (await database.blobs.page(null, 10)).map(({ fileId }) => fileId);
    expect(ids).toEqual(['null', 'unknown', 'zero']);
    expect(await database.blobs.page(2, 10)).toEqual([{ id: 3, fileId: 'zero' }]);
  });

  test('refuses a blob that its column could not hold, before it is sent', async () => {
    const { database, execute, rows } = await open('');
    await database.blobs.provision();
    await execute('ALTER TABLE blobs MODIFY data BLOB');
    const refusal = {
      kind: 'failed',
      message: expect.stringContaining('its column data is blob, which takes 65535 bytes'),
      hint: expect.stringContaining('LONGBLOB'),
    };
    await expect(insert(database, 'x', 'x'.repeat(65_536))).rejects.toMatchObject(refusal);
    const long = { chunks: one('x'.repeat(70_000)), length: null };
    await expect(database.blobs.insert('x', columns, long)).rejects.toMatchObject(refusal);
    expect(await rows('SELECT * FROM blobs')).toEqual([]);
    expect(await insert(database, 'x', 'x'.repeat(65_535))).toBe(65_535);
  });

  test('makes the table as Kotti does', async () => {
    const { database, rows } = await open('');
    await database.blobs.provision();
    await database.blobs.provision();
    const [[, made] = []] = await rows('SHOW CREATE TABLE blobs');
    const dump = path.resolve(import.meta.dirname, '../../fixtures/kotti-site.mysql.sql');
    const [kotti = ''] = /CREATE TABLE `blobs` [^;]*/.exec(readFileSync(dump, 'utf8')) ?? [];
    const definition = (text: string) =>
      text.replaceAll(/ AUTO_INCREMENT=\d+| COLLATE[ =]\w+/g, '');
    expect(definition(String(made))).toBe(definition(kotti));
  });

  test('is the same place by whatever address, user or case', async () => {
    const { database, url } = await open('');
    const other = openUrl(
      url.replace('127.0.0.1', 'localhost').replace('mysql:', 'mysql+pymysql:'),
    );
    onTestFinished(() => other.close());
    expect((await other.place()).identity).toBe((await database.place()).identity);
    expect((await other.place()).description).not.toContain('secret');
  });

  test('is asked on a connection that inherits nothing from the server’s settings', async () => {
    const { url } = await open('');
    const connection = openConnection(parseSqlalchemyUrl(url), {
      ...{ retried() {}, notice() {}, idleTimeout: 60_000 },
    });
    onTestFinished(() => connection.close());
    const { rows } = await connection.read('ask', (session) =>
      session.run(`SELECT @@sql_mode, @@time_zone, @@autocommit, @@character_set_results,
                          @@tx_isolation, @@max_statement_time + 0`),
    );
    expect(rows[0]?.map(String)).toEqual([
      'STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION',
      ...['+00:00', '1', 'utf8mb4', 'READ-COMMITTED', '0'],
    ]);
  });
});
