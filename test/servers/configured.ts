import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ServerName } from './servers.js';

/** A new place for blobs, as a configuration names it. */
export interface Configured {
  /** The storage's options, as `kotti.depot.N.*` takes them. */
  readonly options: Readonly<Record<string, string>>;
  /** Options that Python does not know, for `[depot:storage:NAME]`. */
  readonly own: Readonly<Record<string, string>>;
  /** The application's database, where the blobs are in it. */
  readonly sqlalchemyUrl?: string;
  remove(): Promise<void>;
}

/** A kind of storage, the server that it needs, and how to get a new empty one there. */
export interface ConfiguredKind {
  readonly kind: string;
  readonly server: ServerName | null;
  /** Needs `depot storages create` before it is written to. */
  configure(url: string): Promise<Configured>;
}

const randomName = (): string => `depot-${randomBytes(6).toString('hex')}`;

export const configuredKinds: readonly ConfiguredKind[] = [
  { kind: 'local', server: null, configure: local },
  { kind: 's3', server: 's3', configure: s3 },
  { kind: 'gcs', server: 'gcs', configure: gcs },
  { kind: 'gridfs', server: 'mongodb', configure: gridfs },
  { kind: 'sql on PostgreSQL', server: 'postgres', configure: postgres },
  { kind: 'sql on MariaDB', server: 'mariadb', configure: mariadb },
];

/** The text of a configuration with these storages, the first one the default. */
export function configurationOf(storages: Readonly<Record<string, Configured>>): string {
  const all = Object.entries(storages);
  const url = all.map(([, one]) => one.sqlalchemyUrl).find((one) => one !== undefined);
  const lines = ['[app:main]', 'use = egg:kotti'];
  // ConfigParser interpolates percent signs.
  const line = (key: string, value: string): string => `${key} = ${value.replaceAll('%', '%%')}`;
  if (url !== undefined) lines.push(line('sqlalchemy.url', url));
  for (const [index, [name, { options }]] of all.entries()) {
    const settings = Object.entries({ name, ...options });
    lines.push(...settings.map(([key, value]) => line(`kotti.depot.${index}.${key}`, value)));
  }
  for (const [name, { own }] of all) {
    lines.push(`[depot:storage:${name}]`, ...Object.entries(own).map((one) => line(...one)));
  }
  return `${lines.join('\n')}\n`;
}

async function local(): Promise<Configured> {
  const directory = mkdtempSync(path.join(tmpdir(), 'depot-configured-'));
  return {
    options: {
      backend: 'depot.io.local.LocalFileStorage',
      storage_path: path.join(directory, 'files'),
    },
    own: {},
    remove: async () => rmSync(directory, { recursive: true }),
  };
}

/** Blobs in a database of their own, which is a file. */
export async function sqlite(): Promise<Configured> {
  const directory = mkdtempSync(path.join(tmpdir(), 'depot-configured-'));
  const file = path.join(directory, 'site.db');
  writeFileSync(file, '');
  return {
    options: inDatabase,
    own: {},
    sqlalchemyUrl: `sqlite:///${file}`,
    remove: async () => rmSync(directory, { recursive: true }),
  };
}

async function s3(url: string): Promise<Configured> {
  const { username, password, protocol, host } = new URL(url);
  const bucket = randomName();
  const [key, secret] = [decodeURIComponent(username), decodeURIComponent(password)];
  const endpoint = `${protocol}//${host}`;
  return {
    options: {
      ...{ backend: 'depot.io.boto3.S3Storage', endpoint_url: endpoint, bucket },
      ...{ access_key_id: key, secret_access_key: secret, policy: 'private' },
    },
    own: {},
    async remove() {
      const sdk = await import('@aws-sdk/client-s3');
      const client = new sdk.S3Client({
        ...{ endpoint, forcePathStyle: true, region: 'us-east-1' },
        credentials: { accessKeyId: key, secretAccessKey: secret },
      });
      const pages = sdk.paginateListObjectsV2({ client }, { Bucket: bucket });
      for await (const { Contents = [] } of pages) {
        for (const { Key } of Contents)
          await client.send(new sdk.DeleteObjectCommand({ Bucket: bucket, Key }));
      }
      await client.send(new sdk.DeleteBucketCommand({ Bucket: bucket }));
      client.destroy();
    },
  };
}

async function gcs(url: string): Promise<Configured> {
  const bucket = randomName();
  return {
    options: {
      ...{ backend: 'depot.io.gcs.GCSStorage', project_id: 'depot-tests' },
      ...{ bucket, policy: 'private' },
    },
    own: { api_endpoint: url },
    async remove() {
      const base = `${url}/storage/v1/b/${bucket}`;
      const { items = [] } = (await (await fetch(`${base}/o`)).json()) as {
        items?: { name: string }[];
      };
      for (const { name } of items)
        await fetch(`${base}/o/${encodeURIComponent(name)}`, { method: 'DELETE' });
      await fetch(base, { method: 'DELETE' });
    },
  };
}

async function gridfs(url: string): Promise<Configured> {
  const mongouri = new URL(url);
  mongouri.pathname = randomName();
  return {
    options: { backend: 'depot.io.gridfs.GridFSStorage', mongouri: mongouri.href },
    own: {},
    async remove() {
      const { MongoClient } = await import('mongodb');
      const client = new MongoClient(mongouri.href);
      await client.db().dropDatabase();
      await client.close();
    },
  };
}

const inDatabase = { backend: 'kotti.filedepot.DBFileStorage' };

/** The server's URL with another database. */
function databaseUrl(url: string, database: string): string {
  const changed = new URL(url);
  changed.pathname = database;
  return changed.href;
}

async function postgres(url: string): Promise<Configured> {
  const database = randomName();
  const run = async (sql: string): Promise<void> => {
    const { default: pg } = await import('pg');
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    await client.query(sql).finally(() => client.end());
  };
  await run(`CREATE DATABASE "${database}"`);
  return {
    options: inDatabase,
    own: {},
    sqlalchemyUrl: databaseUrl(url, database),
    remove: () => run(`DROP DATABASE "${database}" WITH (FORCE)`),
  };
}

async function mariadb(url: string): Promise<Configured> {
  const database = randomName();
  const run = async (sql: string): Promise<void> => {
    const { createConnection } = await import('mysql2/promise');
    const connection = await createConnection(url);
    await connection.query(sql).finally(() => connection.end());
  };
  await run(`CREATE DATABASE \`${database}\` CHARACTER SET utf8mb4`);
  return {
    options: inDatabase,
    own: {},
    sqlalchemyUrl: databaseUrl(url, database).replace(/^mysql:/, 'mysql+pymysql:'),
    remove: () => run(`DROP DATABASE \`${database}\``),
  };
}
