import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { BSON, type Db, type Document, MongoClient } from 'mongodb';
import { onTestFinished } from 'vitest';
import type { Database } from '../../src/databases/database.js';
import { openMongo } from '../../src/databases/mongo.js';
import type { Reopenable } from './conformance/harness.js';

export interface OpenedMongo extends Reopenable {
  readonly uri: string;
  /** As the application's own driver shows it. */
  readonly raw: Db;
}

export function openUri(uri: string, idleTimeout = 20_000): Database {
  return openMongo(
    uri,
    { retried() {}, idleTimeout },
    'depot.ini line 2 [depot] databases: the URI',
  );
}

/** An empty database until the test ends. */
export function openMongoDatabase(server: string): OpenedMongo {
  const url = new URL(server);
  url.pathname = `depot-${randomBytes(6).toString('hex')}`;
  const uri = url.href;
  const client = new MongoClient(uri);
  onTestFinished(async () => {
    await client.db().dropDatabase();
    await client.close();
  });
  const open = (): Database => {
    const database = openUri(uri);
    onTestFinished(() => database.close());
    return database;
  };
  return { uri, raw: client.db(), database: open(), reopen: async () => open() };
}

/** A document in which keys like "10" keep their place. */
export function ordered(object: readonly (readonly [string, unknown])[]): Document {
  return new Map(object) as unknown as Document;
}

interface GoldenFile {
  readonly role: string;
  readonly file_id: string;
  readonly sha256: string;
}

export interface Golden {
  readonly documents: Document[];
  readonly expected: {
    readonly document: string;
    /** With the positions in lists: `pages.0.file`. */
    readonly field: string;
    readonly key_order: string[];
    readonly filename: string;
    readonly content_type: string;
    readonly files: readonly GoldenFile[];
  }[];
}

/** What Ming and filedepot wrote. */
function golden(): Golden {
  const file = new URL('../../fixtures/mongo-documents.json', import.meta.url);
  return BSON.EJSON.parse(readFileSync(file, 'utf8'), { relaxed: false }) as Golden;
}

/** Stores them, with the blobs in the GridFS `filedepot`. */
export async function insertGolden(raw: Db): Promise<Golden> {
  const data = golden() as Golden & Record<string, Document[]>;
  for (const name of ['documents', 'filedepot.files', 'filedepot.chunks']) {
    await raw.collection(name).insertMany(data[name] as Document[]);
  }
  return data;
}

/** A document as the server has it, to the byte. */
export async function bytesOf(raw: Db, collection: string, id: unknown): Promise<string> {
  const [found] = await raw
    .collection(collection)
    .find({ _id: id } as Document, { raw: true })
    .toArray();
  return Buffer.from(found as unknown as Uint8Array).toString('hex');
}
