import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import path from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  createDatabase as createMariadb,
  connectClient as toMariadb,
} from '../databases/mariadb-harness.js';
import {
  connectClient,
  createDatabase as createPostgres,
  withUser,
} from '../databases/postgres-harness.js';
import { describeWithServer } from '../servers/servers.js';
import { absentId, depot, newStore, objects } from './depot.js';

/** A directory with a local storage and the blobs table, or none, of a database. */
function storeBeside(url: string, storages = 'files'): string {
  const here = newStore();
  const file = path.join(here, 'depot.ini');
  const local = ['name = files', 'backend = local', 'storage_path = %(here)s/files'];
  const all = storages === 'files' ? local : [`name = ${storages}`, 'backend = sql'];
  const lines = [`sqlalchemy.url = ${url.replaceAll('%', '%%')}`];
  lines.push(...all.map((line) => `depot.0.${line}`));
  writeFileSync(file, `[app:main]\n${lines.join('\n')}\n`, { mode: 0o600 });
  return here;
}

/** Of a check whose database cannot be reached: what it says on standard error. */
async function errorOf(url: string): Promise<string> {
  const here = storeBeside(url);
  const { code, out, err } = await depot(here, ['check']);
  expect({ code, out }).toEqual({ code: 5, out: '' });
  expect(await depot(here, ['--json', 'check'])).toMatchObject({ code: 5, out: '', err });
  return err;
}

describe.concurrent('check of what cannot be compared', () => {
  test('says that a database is not there', async () => {
    expect(await errorOf('sqlite:///none.db')).toMatch(
      /^depot: cannot open the database .*none\.db: it does not exist\nCheck sqlalchemy\.url\.\n$/,
    );
  });

  test('says that nothing listens where a database is to be', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    server.close();
    await once(server, 'close');
    for (const scheme of ['postgresql', 'mysql']) {
      const place = `127.0.0.1:${port}/site`;
      expect(await errorOf(`${scheme}://kotti:secret@${place}`)).toContain(
        `${place}: nothing listens there\n`,
      );
    }
  });

  test('wonders at a database without any reference', async () => {
    const here = storeBeside('sqlite:///empty.db');
    writeFileSync(path.join(here, 'empty.db'), '');
    const { code, out, err } = await depot(here, ['check']);
    expect(code).toBe(0);
    expect(out).toContain(': no problems.\n');
    expect(err).toBe('The databases hold no reference at all: are they the right ones?\n');
  });
});

describeWithServer('postgres', 'check of a site in PostgreSQL', (url) => {
  test('says that the password is wrong', async () => {
    expect(await errorOf(withUser(url, 'depot', 'wrong'))).toContain(
      ': wrong password, or no such user\n',
    );
  });

  test('finds data that is null without --deep', async () => {
    const { url: site, remove } = await createPostgres(url);
    onTestFinished(remove);
    const client = await connectClient(site);
    onTestFinished(() => client.end());
    await expectNullFound(site, async (sql) => void (await client.query(sql)));
  });

  test('tells of a table that it may not read', async () => {
    const { url: site, remove } = await createPostgres(url);
    onTestFinished(remove);
    const client = await connectClient(site);
    const role = `depot_check_${process.pid}`;
    await client.query(`CREATE TABLE pages (id integer PRIMARY KEY, body text);
      CREATE TABLE hidden (id integer PRIMARY KEY, body text);
      CREATE ROLE ${role} LOGIN PASSWORD 'secret'; GRANT SELECT ON pages TO ${role}`);
    onTestFinished(async () => {
      await client.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
      await client.end();
    });
    const here = storeBeside(withUser(site, role, 'secret'));
    const { code, err } = await depot(here, ['check']);
    expect(code).toBe(0);
    expect(err).toContain(
      'may not read all of hidden: a blob that only they name is reported as unreferenced.\n',
    );
  });
});

describeWithServer('mariadb', 'check of a site in MariaDB', (url) => {
  test('says that the password is wrong', async () => {
    expect(await errorOf(withUser(url, 'depot', 'wrong'))).toContain(
      ': wrong password, or no such user',
    );
  });

  test('finds data that is null without --deep', async () => {
    const { url: site, remove } = await createMariadb(url);
    onTestFinished(remove);
    const client = await toMariadb(site);
    onTestFinished(() => client.end());
    await expectNullFound(site, async (sql) => void (await client.query(sql)));
  });
});

/** What a check says of a row without data, beside an empty one. */
async function expectNullFound(
  site: string,
  execute: (sql: string) => Promise<void>,
): Promise<void> {
  const here = storeBeside(site, 'dbfiles');
  expect(await depot(here, ['storages', 'create', 'dbfiles'])).toMatchObject({ code: 0 });
  const empty = absentId.replace(/^./, 'a');
  await execute(
    `INSERT INTO blobs (file_id, data, content_length) VALUES ('${absentId}', NULL, 0), ('${empty}', '', 0)`,
  );
  const { code, out } = await depot(here, ['--json', 'check']);
  expect(code).toBe(6);
  const path = `dbfiles/${absentId}`;
  const damaged = objects(out).filter(({ kind }) => kind === 'damaged-blob');
  expect(damaged).toMatchObject([{ path, message: `damaged blob ${path}: its data is null` }]);
}
