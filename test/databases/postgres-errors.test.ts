import { createServer } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import type { SqlDatabase } from '../../src/databases/database.js';
import { describeWithServer } from '../servers/servers.js';
import { tableOf } from './conformance/harness.js';
import {
  openPostgresDatabase,
  openUrl,
  otherDatabase,
  type Surroundings,
  withUser,
} from './postgres-harness.js';

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

describeWithServer('postgres', 'PostgreSQL', (server) => {
  const open = (statements: string) => openPostgresDatabase(server, statements);

  /** A user of the database alone, with these attributes. */
  async function userOf(
    { url, execute }: { url: string; execute(sql: string): Promise<void> },
    attributes = '',
  ): Promise<string> {
    const name = new URL(url).pathname.slice(1);
    await execute(`CREATE ROLE ${name} LOGIN PASSWORD 'right-secret' ${attributes}`);
    onTestFinished(() => execute(`DROP OWNED BY ${name}; DROP ROLE ${name}`));
    return withUser(url, name, 'right-secret');
  }

  test.each([
    [
      'a wrong password',
      withUser(server, 'depot', 'wrong-secret'),
      /wrong password, or no such user$/,
    ],
    [
      'an unknown user',
      withUser(server, 'nobody', 'wrong-secret'),
      /wrong password, or no such user$/,
    ],
    ['no password', server.replace(/:[^:@/]*@/, '@'), /it asks for a password, and there is none$/],
    ['an unknown database', otherDatabase(server, 'nowhere'), /no database of that name$/],
    [
      'an unknown host',
      'postgresql://u:wrong-secret@db.invalid/d',
      /no host of that name|name server/,
    ],
    ['nothing that listens', 'postgresql://u:wrong-secret@127.0.0.1:1/d', /nothing listens there$/],
    [
      'no socket',
      'postgresql://u:wrong-secret@/d?host=/nowhere',
      /there is no socket of a server$/,
    ],
  ])('with %s cannot be reached, and says why', async (_name, url, message) => {
    const database = opened(url);
    for (const action of [() => database.blobs.ping(), () => database.tables()]) {
      await expect(action()).rejects.toMatchObject({
        kind: 'unreachable',
        message: expect.stringMatching(/^cannot .* postgresql:\/\//),
        hint: expect.stringMatching(/\.$/),
      });
      await expect(action()).rejects.toThrow(message);
      await expect(action()).rejects.toThrow(expect.not.stringContaining('secret') as never);
    }
  });

  test('that is none says so', async () => {
    const port = await listening((socket) => void socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    await expect(opened(`postgresql://u:p@127.0.0.1:${port}/d`).tables()).rejects.toMatchObject({
      kind: 'unreachable',
      message: expect.stringMatching(
        /what listens there is no PostgreSQL server|connection was cut/,
      ),
    });
  });

  test('that never answers is given up', async () => {
    const port = await listening(() => {});
    const silent = opened(`postgresql://u:p@127.0.0.1:${port}/d`, { idleTimeout: 300 });
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
    const where = '(SELECT pg_sleep(4)) IS NOT NULL';
    expect(await database.texts({ table, column: 'v', where, limit: 1 })).toHaveLength(1);
  });

  test('without the table blobs says how to make it', async () => {
    const { database } = await open('');
    await expect(database.blobs.ping()).rejects.toMatchObject({
      kind: 'unreachable',
      message: expect.stringMatching(/it has no table blobs$/),
      hint: expect.stringContaining('depot storages create'),
    });
  });

  test('that denies the user something says what', async () => {
    const site = await open('');
    await site.database.blobs.provision();
    await site.execute('CREATE TABLE t (k INTEGER PRIMARY KEY, v TEXT); INSERT INTO t VALUES (1)');
    const limited = opened(await userOf(site));
    const denied = {
      kind: 'unreachable',
      message: expect.stringMatching(/permission denied: .*blobs/),
    };
    await expect(limited.blobs.ping()).rejects.toMatchObject(denied);
    await site.execute('GRANT SELECT ON blobs TO PUBLIC');
    await limited.blobs.ping();
    expect(await limited.blobs.find('x')).toEqual([]);
    await expect(
      limited.blobs.insert('x', columns, { chunks: one('a'), length: 1 }),
    ).rejects.toMatchObject(denied);
    await expect(limited.blobs.delete('x')).rejects.toMatchObject(denied);
  });

  test('that takes one connection more at most is worked with', async () => {
    const site = await open('');
    await site.database.blobs.provision();
    await site.execute('GRANT ALL ON blobs, blobs_id_seq TO PUBLIC');
    const url = await userOf(site, 'CONNECTION LIMIT 2');
    const database = opened(url);
    const ids = Array.from({ length: 20 }, (_, index) => `id ${index}`);
    const stored = ids.map((id) =>
      database.blobs.insert(id, columns, { chunks: one(id), length: id.length }),
    );
    expect(await Promise.all(stored)).toEqual(ids.map(({ length }) => length));
    // One writes, the other reads: there is none for a third.
    expect(await database.blobs.find('id 1')).toHaveLength(1);
    await expect(opened(url).tables()).rejects.toMatchObject({
      kind: 'unreachable',
      message: expect.stringContaining('it takes no more connections'),
    });
  });

  test('that is read only says so', async () => {
    const site = await open('');
    await site.database.blobs.provision();
    const readOnly = opened(`${site.url}?options=-cdefault_transaction_read_only%3Don`);
    await readOnly.blobs.ping();
    await expect(
      readOnly.blobs.insert('x', columns, { chunks: one('a'), length: 1 }),
    ).rejects.toMatchObject({
      kind: 'unreachable',
      message: expect.stringContaining('it takes no writes'),
    });
    const wanted = opened(
      `${site.url}?options=-cdefault_transaction_read_only%3Don&target_session_attrs=read-write`,
    );
    await expect(wanted.blobs.ping()).rejects.toMatchObject({
      kind: 'unreachable',
      message: expect.stringContaining('no host of it is read-write'),
    });
  });

  test('is found at the first host that is reachable', async () => {
    const { hostname, port } = new URL(server);
    const several = server.replace(/@[^/]*/, '@');
    const database = opened(`${several}?host=127.0.0.1:1&host=${hostname}:${port}`);
    expect((await database.place()).identity).toBe((await opened(server).place()).identity);
  });

  test.each([
    ['53100', 'failed', /no space left on the disk of the server$/],
    ['57014', 'failed', /the server cancelled it/],
    ['55P03', 'failed', /another session has held a lock/],
    ['P0001', 'failed', /: raised$/],
  ])('that fails with %s says so, and stores nothing', async (code, kind, message) => {
    const { database, execute } = await open('');
    await database.blobs.provision();
    await execute(`
      CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'raised' USING ERRCODE = '${code}'; END $$;
      CREATE TRIGGER fails BEFORE INSERT ON blobs FOR EACH ROW EXECUTE FUNCTION fail()`);
    for (const length of [5, 3_000_000]) {
      const chunks = one('x'.repeat(length));
      const inserting = database.blobs.insert('x', columns, { chunks, length });
      await expect(inserting).rejects.toMatchObject({
        kind,
        message: expect.stringMatching(message),
        cause: expect.objectContaining({ code }),
      });
    }
    expect(await database.blobs.find('x')).toEqual([]);
  });

  test.each(['40001', '40P01'])('that rolls back with %s is asked again', async (code) => {
    let retries = 0;
    const { url, execute, rows } = await open(`
      CREATE TABLE t (k INTEGER PRIMARY KEY, v TEXT); INSERT INTO t VALUES (1, 'a');
      CREATE SEQUENCE tries`);
    await execute(`
      CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN IF nextval('tries') < 4 THEN RAISE EXCEPTION 'raised' USING ERRCODE = '${code}'; END IF;
        RETURN new; END $$;
      CREATE TRIGGER fails BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION fail()`);
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

  test('whose table lacks what numbers its rows says how to give it one', async () => {
    const { database, execute } = await open('');
    await database.blobs.provision();
    const insert = (id: string) =>
      database.blobs.insert(id, columns, { chunks: one('a'), length: 1 });
    await insert('first');
    await execute(`SELECT setval('blobs_id_seq', 1, false)`);
    await expect(insert('second')).rejects.toMatchObject({
      message: expect.stringContaining('the sequence of blobs.id is behind its rows'),
      hint: expect.stringContaining('setval'),
    });
    await execute('ALTER TABLE blobs ALTER id DROP DEFAULT');
    await expect(insert('second')).rejects.toMatchObject({
      message: expect.stringContaining('the column id of blobs has no default'),
      hint: expect.stringContaining('ALTER TABLE blobs'),
    });
  });

  test('of another encoding keeps what it can, and refuses the rest', async () => {
    const options = `ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0`;
    const { database, rows } = await openPostgresDatabase(
      server,
      `CREATE TABLE t (k INTEGER PRIMARY KEY, v TEXT); INSERT INTO t VALUES (1, 'größe')`,
      options,
    );
    const table = await tableOf(database, 't');
    const [row] = await database.texts({ table, column: 'v', limit: 1 });
    expect(row?.text).toBe('größe');
    const change = { table, column: 'v', position: row?.position ?? [], before: 'größe' };
    await expect(database.change([{ ...change, after: '🚢' }])).rejects.toMatchObject({
      kind: 'failed',
      message: expect.stringContaining('does not fit the database’s encoding'),
    });
    expect(await database.change([{ ...change, after: 'Maß' }])).toEqual([true]);
    expect(await rows('SELECT v FROM t')).toEqual([['Maß']]);
  });
});
