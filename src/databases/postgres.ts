import type { Place } from '../backend.js';
import type { SqlalchemyUrl } from '../config/sqlalchemy-url.js';
import type { NetworkOptions } from '../network.js';
import type { SqlDatabase } from './database.js';
import { openBlobTable } from './postgres-blobs.js';
import { changeTexts, storedTexts } from './postgres-changes.js';
import { openConnection, type PostgresConnection } from './postgres-connection.js';
import { postgresLock } from './postgres-lock.js';
import { readTables } from './postgres-tables.js';
import { openTexts, readText } from './postgres-texts.js';

interface PostgresOptions extends NetworkOptions {
  notice(text: string): void;
}

/** Opens a PostgreSQL database; connects when something is asked of it. Its commits are durable. */
export function openPostgres(url: SqlalchemyUrl, options: PostgresOptions): SqlDatabase {
  const connection = openConnection(url, options);
  const { name, read, transaction } = connection;
  const lock = postgresLock(connection);
  const texts = openTexts(connection);
  const schema = () => read('read the schema', readTables);
  const tellUnreadable = once((tables: readonly string[]) => {
    if (tables.length === 0) return;
    options.notice(`${name}: its user may not read all of ${tables.join(', ')}: not looked at`);
  });
  return {
    name,
    place: () => placeOf(connection),
    async tables() {
      const { tables, unreadable } = await schema();
      tellUnreadable(unreadable);
      return tables;
    },
    unreadable: async () => (await schema()).unreadable,
    texts: texts.page,
    textAt: (table, column, position) =>
      read('read a row', (session) => readText(session, table, column, position)),
    async change(changes) {
      await lock.check();
      if (changes.length === 0) return [];
      return transaction('change references', (session) => changeTexts(session, changes));
    },
    asStored: (table, column, all) =>
      read('read what it would store', (session) => storedTexts(session, table, column, all)),
    lockMigrations: lock.take,
    blobs: openBlobTable(connection, options.notice),
    async close() {
      await texts.close();
      await connection.close();
    },
  };
}

/** The same through whatever host, port or user: a number of the cluster, and of the database. */
function placeOf({ name, read }: PostgresConnection): Promise<Place> {
  return read('identify it', async (session) => {
    const { rows } = await session.query(
      `SELECT oid, CASE WHEN has_function_privilege('pg_control_system()', 'EXECUTE')
                        THEN (SELECT system_identifier FROM pg_control_system()) END
       FROM pg_database WHERE datname = current_database()`,
    );
    const [oid, system] = rows[0] ?? [];
    const identity = system === null ? name : `postgresql:${system}/${oid}`;
    return { identity, within: [], description: name };
  });
}

/** Calls it the first time only. */
function once<A extends unknown[]>(action: (...all: A) => void): (...all: A) => void {
  let called = false;
  return (...all) => {
    if (!called) action(...all);
    called = true;
  };
}
