import type { Database } from '../databases/database.js';
import type { Shard } from '../databases/shard.js';
import type { Lock } from '../lock.js';

/**
 * Keeps all other runs off that change references in one of these databases, or that delete what
 * none of them names; those of other shards may go on beside `shard`.
 */
export async function lockDatabases(
  databases: readonly Database[],
  shard: Shard | null,
): Promise<Lock> {
  const locks: Lock[] = [];
  const release = (): void => {
    for (const lock of locks) lock.release();
  };
  try {
    for (const database of await distinct(databases)) {
      locks.push(await database.lockMigrations(shard));
    }
  } catch (error) {
    release();
    throw error;
  }
  return { release };
}

/** One for each place: two URLs may name one database. */
async function distinct(databases: readonly Database[]): Promise<Database[]> {
  const places = await Promise.all(databases.map((database) => database.place()));
  return [...new Map(databases.map((one, index) => [places[index]?.identity, one])).values()];
}
