import { type MigrationLock, migrationLock } from './migration-lock.js';
import { lockName } from './mysql-blob-write.js';
import type { MysqlConnection } from './mysql-connection.js';
import { lockSeconds } from './mysql-errors.js';
import { identityOf } from './mysql-place.js';
import type { Session } from './mysql-session.js';

/** Seconds after which a server ends a connection that holds the lock and says nothing. */
const silentSeconds = 600;

/** Held under a name made of the database's identity, since the server's locks are all databases'. */
export function mysqlLock({ name, open, explained }: MysqlConnection): MigrationLock {
  let own: number | null = null;
  return migrationLock(name, () =>
    explained('lock migrations', async () => {
      const session = await open();
      if (!(await takeLock(session, own))) {
        await session.end();
        return null;
      }
      own = session.id;
      return kept(session);
    }),
  );
}

/** `own` is the connection that we have lost it with, of which the server may not know that yet. */
async function takeLock(session: Session, own: number | null): Promise<boolean> {
  const lock = lockName(`migrations ${await identityOf(session)}`);
  const get = async (seconds: number): Promise<boolean> => {
    const { rows } = await session.query(`SELECT GET_LOCK(?, ${seconds})`, [lock]);
    return Number(rows[0]?.[0]) === 1;
  };
  if (await get(0)) return true;
  const { rows } = await session.query('SELECT IS_USED_LOCK(?)', [lock]);
  return own !== null && Number(rows[0]?.[0]) === own && get(lockSeconds);
}

/** So that a machine that has died does not hold it for hours, the server is told of us. */
async function kept(session: Session) {
  await session.run(`SET wait_timeout = ${silentSeconds}`);
  const isAlive = () => session.run('DO 1').then(Boolean, () => false);
  const timer = setInterval(isAlive, 100 * silentSeconds).unref();
  return {
    // Asked, since a connection that has ended may not have said so yet.
    isAlive,
    end() {
      clearInterval(timer);
      return session.end();
    },
  };
}
