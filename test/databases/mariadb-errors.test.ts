import { createServer } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import type { SqlDatabase } from '../../src/databases/database.js';
import { stopsTheRun } from '../../src/transfer/copy-outcome.js';
import { describeWithServer } from '../servers/servers.js';
import { tableOf } from './conformance/harness.js';
import {
  connectClient,
  openMariadbDatabase,
  openUrl,
  otherDatabase,
  type Surroundings,
  withUser,
} from './mariadb-harness.js';

const columns = { filename: 'a.txt', contentType: 'text/plain', lastModified: null };

async function* one(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

function opened(url: string, surroundings: Surroundings = {}): SqlDatabase {
  const database = openUrl(url, surroundings);
  onTestFinished(() => database.close());
  return database;
}

/** The port of a TCP server that treats each connection so. */
async function listening(answer: Parameters<typeof createServer>[1]): Promise<number> {
  const server = createServer(answer as never);
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return (server.address() as { port: number }).port;
}

describeWithServer('mariadb', 'MariaDB', (server) => {
  const open = (statements: string) => openMariadbDatabase(server, statements);

  /** A user who may do these things in the database, which are `GRANT`'s words. */
  async function userOf(url: string, grants: readonly string[], limits = ''): Promise<string> {
    const name = new URL(url).pathname.slice(1, 25);
    const admin = await connectClient(server);
    await admin.query(`CREATE USER ${name}@'%' IDENTIFIED BY 'right-secret' ${limits}`);
    for (const grant of grants) await admin.query(`GRANT ${grant} TO ${name}@'%'`);
    onTestFinished(async () => {
      await admin.query(`DROP USER ${name}@'%'`);
      await admin.end();
    });
    return withUser(url, name, 'right-secret');
  }

  test.each([
    [
      'a wrong password',
      withUser(server, 'depot', 'wrong-secret'),
      /wrong password, or no such user/,
    ],
    [
      'an unknown user',
      withUser(server, 'nobody', 'wrong-secret'),
      /wrong password, or no such user/,
    ],
    ['an unknown database', otherDatabase(server, 'nowhere'), /no database of that name$/],
    ['an unknown host', 'mysql://u:wrong-secret@db.invalid/d', /no host of that name|name server/],
    ['nothing that listens', 'mysql://u:wrong-secret@127.0.0.1:1/d', /nothing listens there$/],
    [
      'no socket',
      'mysql://u:wrong-secret@/d?unix_socket=/nowhere',
      /there is no socket of a server$/,
    ],
  ])('with %s cannot be reached, and says why', async (_name, url, message) => {
    const database = opened(url);
    for (const action of [() => database.blobs.ping(), () => database.tables()]) {
      await expect(action()).rejects.toMatchObject({
        kind: 'unreachable',
        message: expect.stringMatching(/^cannot .* mysql:\/\//),
        hint: expect.stringMatching(/\.$/),
      });
      await expect(action()).rejects.toThrow(message);
      await expect(action()).rejects.toThrow(expect.not.stringContaining('secret') as never);
    }
  });

  test.each(['SSH-2.0-OpenSSH_9.2p1\r\n', 'HTTP/1.1 400 Bad Request\r\n\r\n', ''])(
    'that is none says so: %j',
    async (greeting) => {
      const port = await listening((socket) => void socket.end(greeting));
      await expect(opened(`mysql://u:p@127.0.0.1:${port}/d`).tables()).rejects.toMatchObject({
        kind: 'unreachable',
        message: expect.stringMatching(
          /what listens there is no MariaDB or MySQL server|connection was/,
        ),
      });
    },
  );

  test('that never answers is given up', async () => {
    const port = await listening(() => {});
    const silent = opened(`mysql://u:p@127.0.0.1:${port}/d`, { idleTimeout: 300 });
    await expect(silent.tables()).rejects.toMatchObject({
      kind: 'unreachable',
      message: expect.stringContaining('it does not answer'),
    });
  });

  test('that works on a statement may take longer than an answer', async () => {
    const { url } = await open(`
      CREATE TABLE t (k INTEGER PRIMARY KEY, v TEXT); INSERT INTO t VALUES (1, 'a')`);
    const database = opened(url, { idleTimeout: 1500 });
    const table = await tableOf(database, 't');
    const where = 'SLEEP(4) = 0';
    expect(await database.texts({ table, column: 'v', where, limit: 1 })).toHaveLength(1);
  });

  test('without the table blobs says how to make it', async () => {
    const { database } = await open('');
    const missing = {
      kind: 'unreachable',
      message: expect.stringMatching(/it has no table blobs$/),
      hint: expect.stringContaining('depot storages create'),
    };
    await expect(database.blobs.ping()).rejects.toMatchObject(missing);
    const source = { chunks: one('a'), length: 1 };
    await expect(database.blobs.insert('x', columns, source)).rejects.toMatchObject(missing);
  });

  test('that denies the user something says what', async () => {
    const site = await open('');
    await site.database.blobs.provision();
    const limited = opened(
      await userOf(site.url, [`SELECT ON ${new URL(site.url).pathname.slice(1)}.*`]),
    );
    const denied = {
      kind: 'unreachable',
      message: expect.stringMatching(/permission denied: .*blobs/),
      hint: expect.stringContaining('GRANT'),
    };
    await limited.blobs.ping();
    expect(await limited.blobs.find('x')).toEqual([]);
    for (const length of [1, null]) {
      const source = { chunks: one('a'), length };
      await expect(limited.blobs.insert('x', columns, source)).rejects.toMatchObject(denied);
    }
    await expect(limited.blobs.delete('x')).rejects.toMatchObject(denied);
  });

  test('whose user may not read some columns is looked at without them, and says so', async () => {
    const site = await open(`
      CREATE TABLE t (k INTEGER, v VARCHAR(9), w TEXT, secret TEXT, PRIMARY KEY (v, k));
      INSERT INTO t VALUES (1, 'a', 'b', 'c')`);
    const name = new URL(site.url).pathname.slice(1);
    const notices: string[] = [];
    const grants = [`SELECT (v, w), UPDATE (secret) ON ${name}.t`];
    const database = opened(await userOf(site.url, grants), {
      notice: (text) => void notices.push(text),
    });
    const table = await tableOf(database, 't');
    expect(table.columns.map((column) => column.name)).toEqual(['v', 'w']);
    // Its key may not be read, so that no row can be told from another.
    expect(table).toMatchObject({ primaryKey: [], unchangeable: true });
    expect(await database.texts({ table, column: 'w', limit: 10 })).toMatchObject([{ text: 'b' }]);
    expect(notices).toEqual([expect.stringContaining('may not read t.secret')]);
  });

  test('that takes one connection more at most is worked with', async () => {
    const site = await open('');
    await site.database.blobs.provision();
    const name = new URL(site.url).pathname.slice(1);
    const url = await userOf(site.url, [`ALL ON ${name}.*`], 'WITH MAX_USER_CONNECTIONS 2');
    const database = opened(url);
    const ids = Array.from({ length: 20 }, (_, index) => `id ${index}`);
    const stored = ids.map((id) =>
      database.blobs.insert(id, columns, { chunks: one(id), length: id.length }),
    );
    expect(await Promise.all(stored)).toEqual(ids.map(({ length }) => length));
    expect(await database.blobs.find('id 1')).toHaveLength(1);
    await expect(opened(url).tables()).rejects.toMatchObject({
      kind: 'unreachable',
      message: expect.stringContaining('it takes no more connections'),
    });
  });

  test.each([
    [1021, 'failed', /no space left on the disk of the server/],
    [1114, 'failed', /no space left on the disk of the server/],
    [1290, 'unreachable', /it takes no writes: raised$/],
    [1205, 'failed', /another session held a lock/],
    [1644, 'failed', /: raised$/],
  ])('that fails with %d says so, and stores nothing', async (number, kind, message) => {
    const { database, execute } = await open('');
    await database.blobs.provision();
    await execute(`
      CREATE TRIGGER fails BEFORE INSERT ON blobs FOR EACH ROW
      SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = ${number}, MESSAGE_TEXT = 'raised'`);
    // Some errors pass, and are waited for.
    for (const length of number === 1205 ? [3_000_000] : [5, 3_000_000]) {
      const chunks = one('x'.repeat(length));
      const error = await database.blobs.insert('x', columns, { chunks, length }).catch((e) => e);
      expect(error).toMatchObject({ kind, message: expect.stringMatching(message) });
      expect(stopsTheRun(error)).toBe(number !== 1205 && number !== 1644);
    }
    expect(await database.blobs.find('x')).toEqual([]);
  });

  test.each([1213, 1205, 1020])('that rolls back with %d is asked again', async (number) => {
    let retries = 0;
    const { url, execute, rows } = await open(`
      CREATE TABLE t (k INTEGER PRIMARY KEY, v TEXT); INSERT INTO t VALUES (1, 'a');
      CREATE SEQUENCE tries`);
    await execute(`
      CREATE TRIGGER fails BEFORE UPDATE ON t FOR EACH ROW
      IF NEXTVAL(tries) < 4 THEN
        SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = ${number}, MESSAGE_TEXT = 'raised';
      END IF`);
    const database = opened(url, {
      retried: () => {
        retries += 1;
      },
    });
    const table = await tableOf(database, 't');
    const [row] = await database.texts({ table, column: 'v', limit: 1 });
    const change = { table, column: 'v', position: row?.position ?? [], before: 'a', after: 'b' };
    expect(await database.change([change])).toEqual([true]);
    expect(retries).toBe(3);
    expect(await rows('SELECT v FROM t')).toEqual([['b']]);
  });

  test('whose texts have another character set keeps what it can, and refuses the rest', async () => {
    const { database, rows } = await open(`
      CREATE TABLE t (k INTEGER PRIMARY KEY, v TEXT CHARACTER SET latin1);
      INSERT INTO t VALUES (1, 'größe')`);
    const table = await tableOf(database, 't');
    const [row] = await database.texts({ table, column: 'v', limit: 1 });
    expect(row?.text).toBe('größe');
    const change = { table, column: 'v', position: row?.position ?? [], before: 'größe' };
    for (const after of ['🚢', 'half \ud83d']) {
      await expect(database.change([{ ...change, after }])).rejects.toMatchObject({
        kind: 'failed',
        message: expect.stringMatching(/character/),
      });
    }
    expect(await database.change([{ ...change, after: 'Maß' }])).toEqual([true]);
    expect(await rows('SELECT v FROM t')).toEqual([['Maß']]);
  });

  test('keeps no text that is too long for its column', async () => {
    const { database, rows } = await open(`
      CREATE TABLE t (k INTEGER PRIMARY KEY, v TINYTEXT); INSERT INTO t VALUES (1, 'a')`);
    const table = await tableOf(database, 't');
    expect(table.columns).toMatchObject([{ name: 'k' }, { name: 'v', maxLength: 255 }]);
    const [row] = await database.texts({ table, column: 'v', limit: 1 });
    const change = { table, column: 'v', position: row?.position ?? [], before: 'a' };
    await expect(database.change([{ ...change, after: 'ä'.repeat(200) }])).rejects.toMatchObject({
      kind: 'failed',
      message: expect.stringContaining('the text does not fit the column'),
    });
    expect(await rows('SELECT v FROM t')).toEqual([['a']]);
  });

  test.each(['MyISAM', 'Aria'])(
    'writes to no table of %s, and says how to convert it',
    async (engine) => {
      const { database, rows, execute } = await open(`
      CREATE TABLE t (k INTEGER PRIMARY KEY, v TEXT) ENGINE=${engine}; INSERT INTO t VALUES (1, 'a')`);
      const table = await tableOf(database, 't');
      const [row] = await database.texts({ table, column: 'v', limit: 1 });
      const change = { table, column: 'v', position: row?.position ?? [], before: 'a', after: 'b' };
      const refusal = (name: string) => ({
        kind: 'refused',
        message: expect.stringMatching(new RegExp(`table ${name} .*${engine} has no transactions`)),
        hint: expect.stringContaining(`ALTER TABLE \`${name}\` ENGINE=InnoDB`),
      });
      await expect(database.change([change])).rejects.toMatchObject(refusal('t'));
      expect(await rows('SELECT v FROM t')).toEqual([['a']]);
      await database.blobs.provision();
      await execute(`ALTER TABLE blobs ENGINE=${engine}`);
      const source = { chunks: one('a'), length: 1 };
      await expect(database.blobs.insert('x', columns, source)).rejects.toMatchObject(
        refusal('blobs'),
      );
      await expect(database.blobs.delete('x')).rejects.toMatchObject(refusal('blobs'));
      await execute('ALTER TABLE blobs ENGINE=InnoDB');
      expect(await database.blobs.insert('x', columns, { ...source, chunks: one('a') })).toBe(1);
    },
  );

  test('whose commits may be undone says so, once', async () => {
    const notices: string[] = [];
    const { url, rows } = await open(`
      CREATE TABLE t (k INTEGER PRIMARY KEY, v TEXT); INSERT INTO t VALUES (1, 'a')`);
    const database = opened(url, { notice: (text) => void notices.push(text) });
    const table = await tableOf(database, 't');
    const [row] = await database.texts({ table, column: 'v', limit: 1 });
    const change = { table, column: 'v', position: row?.position ?? [], before: 'a', after: 'a' };
    for (const _round of [1, 2]) expect(await database.change([change])).toEqual([true]);
    const [[flush] = []] = await rows('SELECT @@innodb_flush_log_at_trx_commit');
    const expected = [0, 2].includes(Number(flush)) ? [expect.stringContaining('power cut')] : [];
    expect(notices).toEqual(expected);
  });
});
