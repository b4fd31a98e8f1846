import { type MigrationLock, migrationLock } from './migration-lock.js';
import type { PostgresConnection } from './postgres-connection.js';

/**
 * The advisory lock of migrations, seen in pg_locks as classid 1684369524 ("dept") and objid 1.
 * PostgreSQL keeps those of each database apart.
 */
const lockKey = '1684369524, 1';

export function postgresLock({ name, open, explained }: PostgresConnection): MigrationLock {
  return migrationLock(name, () =>
    explained('lock migrations', async () => {
      const session = await open();
      const { rows } = await session.query(`SELECT pg_try_advisory_lock(${lockKey})`);
      if (rows[0]?.[0] !== 't') {
        await session.end();
        return null;
      }
      // Asked, since a connection that has ended may not have said so yet.
      const isAlive = () => session.query('SELECT').then(Boolean, () => false);
      return { isAlive, end: session.end };
    }),
  );
}
