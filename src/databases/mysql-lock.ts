import { type MigrationLock, migrationLock } from './migration-lock.js';
import { lockName } from './mysql-blob-write.js';
import type { MysqlConnection } from './mysql-connection.js';
import { identityOf } from './mysql-place.js';

/** Held under a name made of the database's identity, since the server's locks are all databases'. */
export function mysqlLock({ name, open, explained }: MysqlConnection): MigrationLock {
  return migrationLock(name, () =>
    explained('lock migrations', async () => {
      const session = await open();
      const lock = lockName(`migrations ${await identityOf(session)}`);
      const { rows } = await session.query('SELECT GET_LOCK(?, 0)', [lock]);
      if (Number(rows[0]?.[0]) !== 1) {
        await session.end();
        return null;
      }
      // Asked, since a connection that has ended may not have said so yet.
      const isAlive = () => session.run('DO 1').then(Boolean, () => false);
      return { isAlive, end: session.end };
    }),
  );
}
