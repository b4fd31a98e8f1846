import { openConnection } from '../mongodb/connect.js';
import type { NetworkOptions } from '../network.js';
import type { Database } from './database.js';
import { changeDocuments } from './mongo-changes.js';
import { readCollections } from './mongo-collections.js';
import { openMongoLock } from './mongo-lock.js';
import { openReader } from './mongo-texts.js';

/**
 * Opens a database in MongoDB: its collections are tables, the fields of their documents columns.
 *
 * @param where file, line, section and setting of the URI, for messages
 */
export function openMongo(uri: string, network: NetworkOptions, where: string): Database {
  const connection = openConnection(uri, network, where);
  const { target, server } = connection;
  const name = `mongodb://${target.hosts.join(',')}/${target.database}`;
  const reader = openReader(connection, name);
  const lock = openMongoLock(connection, name);
  return {
    name,
    place: async () => ({
      identity: `mongodb ${server}/${target.database}`,
      within: [],
      description: name,
    }),
    tables: () => readCollections(connection, name),
    texts: async (query) => reader.texts(query),
    textAt: (table, _column, position) => reader.textAt(table, position),
    async change(changes) {
      await lock.check();
      return changeDocuments(connection, reader, changes);
    },
    lockMigrations: (shard) => lock.take(shard),
    async close() {
      await lock.close();
      await target.client.close();
    },
  };
}
