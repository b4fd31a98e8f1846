import { DepotError } from '../errors.js';
import type { Lock } from '../lock.js';
import type { MysqlConnection } from './mysql-connection.js';
import type { Session } from './mysql-session.js';

export interface MigrationLock {
  /** Takes the lock, or returns null where another process or caller holds it. */
  take(): Promise<Lock | null>;
  /** Fails where a lock that was taken went with its connection, and somebody else has it now. */
  check(): Promise<void>;
}

/**
 * A lock on the database, held by a connection of its own and gone with it. `lockName` is what the
 * server knows it by, which has one space of names for all its databases.
 */
export function migrationLock(
  connection: MysqlConnection,
  lockName: (session: Session) => Promise<string>,
): MigrationLock {
  let holder: { session: Session } | null = null;

  const tryLock = (): Promise<Session | null> =>
    connection.explained('lock migrations', async () => {
      const session = await connection.open();
      const { rows } = await session.query('SELECT GET_LOCK(?, 0)', [await lockName(session)]);
      if (Number(rows[0]?.[0]) === 1) return session;
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
      if (holder === null || holder.session.isOpen()) return;
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
