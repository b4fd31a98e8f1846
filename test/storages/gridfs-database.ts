import { randomBytes } from 'node:crypto';
import { type Db, MongoClient } from 'mongodb';
import { onTestFinished } from 'vitest';
import type { Backend } from '../../src/backend.js';
import { openGridfs } from '../../src/backends/gridfs.js';
import type { Opened } from '../conformance/harness.js';

/** Opens a storage as the registry does, with what a test wants different. */
export function openTestGridfs(
  mongouri: string,
  { collection, ...network }: { collection?: string; idleTimeout?: number; retried?(): void } = {},
): Backend {
  return openGridfs(
    { mongouri, collection },
    {
      name: 'mongo',
      where: 'depot.ini line 3 [app:main] kotti.depot.1.name',
      retried() {},
      idleTimeout: 20_000,
      ...network,
    },
  );
}

/** The URI of a database of a name that nobody has. */
export function newDatabaseAt(url: string): string {
  const uri = new URL(url);
  uri.pathname = `depot-${randomBytes(6).toString('hex')}`;
  return uri.href;
}

/** A new database, as the driver shows it, until the test ends. */
export function rawDatabase(uri: string): Db {
  const client = new MongoClient(uri);
  onTestFinished(async () => {
    await client.db().dropDatabase();
    await client.close();
  });
  return client.db();
}

/** An empty storage, whose database is removed at the end. */
export async function openDatabase(url: string): Promise<Opened> {
  const uri = newDatabaseAt(url);
  const backend = openTestGridfs(uri);
  await backend.provision();
  return {
    backend,
    reopen: async () => openTestGridfs(uri),
    async close() {
      await backend.close();
      const client = new MongoClient(uri);
      await client.db().dropDatabase();
      await client.close();
    },
  };
}
