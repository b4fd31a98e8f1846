import { DepotError } from '../errors.js';
import type { Lock } from '../lock.js';
import type { PostgresConnection } from './postgres-connection.js';
import type { Session } from './postgres-session.js';

/**
 * The advisory lock of migrations, seen in pg_locks as classid 1684369524 ("dept") and objid 1.
 * PostgreSQL keeps those of each database apart.
 */
const lockKey = '1684369524, 1';

export interface MigrationLock {
  /** Takes the lock, or returns null where another process or caller holds it. */
  take(): Promise<Lock | null>;
  /** Fails where a lock that was taken went with its connection, and somebody else has it now. */
  check(): Promise<void>;
}

/** A lock on the database, held by a connection of its own and gone with it. */
export function migrationLock(connection: PostgresConnection): MigrationLock {
  let holder: { session: Session } | null = null;

  const tryLock = (): Promise<Session | null> =>
    connection.explained('lock migrations', async () => {
      const session = await connection.open();
      const { rows } = await session.query(`SELECT pg_try_advisory_lock(${lockKey})`);
      if (rows[0]?.[0] === 't') return session;
      await session.end();
      return null;
    });
  return {
    async take() {
      if (holder !== null) return null;
      const session = await tryLock();
      if (session === null) return null;
      const own = { session };
      holder = own;
      return {
        release() {
          if (holder === own) holder = null;
          void own.session.end();
        },
      };
    },
    async check() {
      if (holder === null || (await isAlive(holder.session))) return;
      const session = await tryLock();
      if (session === null) {
        throw new DepotError(
          'refused',
          `the connection that locked ${connection.name} was lost, and another migration has begun`,
          { hint: 'Run it again when that one has ended.' },
        );
      }
      holder.session = session;
    },
  };
}

/** Asked, since a connection that has ended may not have said so yet. */
function isAlive(session: Session): Promise<boolean> {
  return session.query('SELECT').then(
    () => true,
    () => false,
  );
}
