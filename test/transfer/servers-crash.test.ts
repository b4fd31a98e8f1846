import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { createConnection } from 'mysql2/promise';
import pg from 'pg';
import { describe, expect, onTestFinished, test } from 'vitest';
import { freePort } from '../servers/free-port.js';
import { mariadb } from '../servers/mariadb.js';
import { minio } from '../servers/minio.js';
import { postgres } from '../servers/postgres.js';
import type { RunningServer, ServerKind } from '../servers/server.js';
import { type Ended, startMigration } from './processes.js';
import { chunk, referenceText, type Site, withManager } from './site.js';

/** References of the site, more than fit into one page of a migration. */
const rows = 450;

/** A server of a test's own, which can crash and come back. */
interface OwnServer {
  readonly url: string;
  crash(): Promise<void>;
  comeBack(): Promise<void>;
}

async function startOwn(kind: ServerKind, args: readonly string[] = []): Promise<OwnServer> {
  const found = kind.find();
  if ('missing' in found) throw new Error(found.missing);
  const directory = mkdtempSync(path.join(tmpdir(), 'depot-own-'));
  const options = { directory, port: await freePort(), args };
  let running: RunningServer = await kind.start(found.programs, options);
  onTestFinished(async () => {
    await running.stop();
    rmSync(directory, { recursive: true, force: true });
  });
  return {
    url: running.url,
    crash: async () => running.crash?.(),
    async comeBack() {
      running = await kind.start(found.programs, { ...options, again: true });
    },
  };
}

/** The application's own connection to its database. */
interface Client {
  query(sql: string): Promise<Record<string, unknown>[]>;
  end(): Promise<void>;
}

const databases = [
  {
    name: 'PostgreSQL',
    kind: postgres,
    args: [],
    async connect(url: string): Promise<Client> {
      const client = new pg.Client({ connectionString: url });
      client.on('error', () => {});
      await client.connect();
      return {
        query: async (sql) => (await client.query(sql)).rows,
        end: () => client.end(),
      };
    },
    sqlalchemyUrl: (url: string) => url,
  },
  {
    name: 'MariaDB',
    kind: mariadb,
    // What it has committed must outlive it.
    args: ['--innodb-flush-log-at-trx-commit=2'],
    async connect(url: string): Promise<Client> {
      const connection = await createConnection(url);
      connection.on('error', () => {});
      return {
        query: async (sql) => (await connection.query(sql))[0] as Record<string, unknown>[],
        end: () => connection.end(),
      };
    },
    sqlalchemyUrl: (url: string) => url.replace(/^mysql:/, 'mysql+pymysql:'),
  },
];

type DatabaseKind = (typeof databases)[number];

function siteOn(database: string, cloud: string): Site {
  const directory = mkdtempSync(path.join(tmpdir(), 'depot-crash-site-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const { username, password, protocol, host } = new URL(cloud);
  const ini = path.join(directory, 'site.ini');
  const options = [
    ...['name = cloud', 'backend = s3', 'bucket = crash', 'policy = private'],
    ...[`endpoint_url = ${protocol}//${host}`, `access_key_id = ${username}`],
    `secret_access_key = ${password}`,
  ];
  const lines = [
    '[app:site]',
    `sqlalchemy.url = ${database}`,
    ...['depot.0.name = dbfiles', 'depot.0.backend = sql'],
    ...options.map((line) => `depot.1.${line}`),
    ...['[depot]', 'timezone = UTC', ''],
  ];
  writeFileSync(ini, lines.join('\n'));
  return { directory, ini, database: '' };
}

async function fill(site: Site, client: Client): Promise<Map<number, string>> {
  await client.query('CREATE TABLE files (id INTEGER PRIMARY KEY, data VARCHAR(4000))');
  const contents = new Map<number, string>();
  await withManager(site, async (manager) => {
    const [source, target] = [await manager.storage('dbfiles'), await manager.storage('cloud')];
    await source.backend.provision();
    await target.backend.provision();
    for (let row = 0; row < rows; row += 1) {
      const id = `f8fd9e46-e6ef-11f1-b551-${String(row).padStart(12, '0')}`;
      const bytes = Buffer.alloc(row * 37, id);
      await source.create(chunk(bytes), { id, filename: `${row}.txt` });
      await client.query(`INSERT INTO files VALUES (${row}, '${referenceText('dbfiles', id)}')`);
      contents.set(row, sha256(bytes));
    }
  });
  return contents;
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** What each reference leads to, read with nothing of ours. */
async function resolved(client: Client, cloud: string): Promise<Map<number, string>> {
  const { username, password, protocol, host } = new URL(cloud);
  const s3 = new S3Client({
    ...{ endpoint: `${protocol}//${host}`, forcePathStyle: true, region: 'us-east-1' },
    credentials: { accessKeyId: username, secretAccessKey: password },
  });
  const found = new Map<number, string>();
  for (const { id, data } of await client.query('SELECT id, data FROM files ORDER BY id')) {
    const { depot_name: storage, file_id: file } = JSON.parse(String(data));
    if (storage === 'cloud') {
      const { Body } = await s3.send(new GetObjectCommand({ Bucket: 'crash', Key: file }));
      found.set(Number(id), sha256((await Body?.transformToByteArray()) ?? Buffer.of(0)));
    } else {
      const [row] = await client.query(`SELECT data FROM blobs WHERE file_id = '${file}'`);
      found.set(Number(id), sha256(row?.data as Buffer));
    }
  }
  s3.destroy();
  return found;
}

/** How many references name a storage; none where the server cannot be asked. */
async function moved(kind: DatabaseKind, url: string, storage: string): Promise<number> {
  const client = await kind.connect(url);
  try {
    const name = `%"depot_name": "${storage}"%`;
    const [row] = await client.query(`SELECT count(*) AS n FROM files WHERE data LIKE '${name}'`);
    return Number(row?.n);
  } finally {
    await client.end();
  }
}

describe.each(databases)('a migration of a site in $name', (kind) => {
  const missing = [kind.kind, minio].map((one) => one.find()).find((one) => 'missing' in one);

  test('goes on after its servers have crashed in the middle', async ({ skip }) => {
    if (missing !== undefined && 'missing' in missing) skip(`needs ${missing.missing}`);
    const [server, store] = [await startOwn(kind.kind, kind.args), await startOwn(minio)];
    const site = siteOn(kind.sqlalchemyUrl(server.url), store.url);
    const contents = await fill(site, await connectUntilEnd(kind, server.url));

    const interrupted = async (
      way: readonly [from: string, to: string],
      crashing: OwnServer,
    ): Promise<Ended> => {
      const args = ['--from', way[0], '--to', way[1], '--private-ok', '--tpslimit', '300'];
      const run = startMigration(site, args);
      while (run.child.exitCode === null && (await moved(kind, server.url, way[1])) === 0)
        await setTimeout(10);
      await crashing.crash();
      const ended = await run.ended;
      await crashing.comeBack();
      return ended;
    };

    const expectAll = async (): Promise<void> => {
      const client = await connectUntilEnd(kind, server.url);
      expect(await resolved(client, store.url)).toEqual(contents);
    };

    for (const [from, to, crashing] of [
      ['dbfiles', 'cloud', store],
      ['cloud', 'dbfiles', store],
      ['dbfiles', 'cloud', server],
      ['cloud', 'dbfiles', server],
    ] as const) {
      const ended = await interrupted([from, to], crashing);
      expect(ended.code, ended.stderr).toBe(5);
      expect(ended.stderr).toMatch(/^depot: /m);
      expect(await moved(kind, server.url, to)).toBeGreaterThan(0);
      await expectAll();
      const again = await startMigration(site, ['--from', from, '--to', to, '--private-ok']).ended;
      expect(again.code, again.stderr).toBe(0);
      expect(await moved(kind, server.url, to)).toBe(rows);
      await expectAll();
    }
  });
});

async function connectUntilEnd(kind: DatabaseKind, url: string): Promise<Client> {
  const client = await kind.connect(url);
  onTestFinished(() => client.end().catch(() => {}));
  return client;
}
