import { DepotError } from '../errors.js';
import type { Lock } from '../lock.js';
import { alreadyRunning, describeHolder, type Holder, thisProcess } from './holder.js';
import type { Shard } from './shard.js';

export interface MigrationLock {
  /** Takes the lock of a shard, or of the whole; fails with `refused` where another run holds one. */
  take(shard: Shard | null): Promise<Lock>;
  /** Fails where a lock that was taken went with its connection, and somebody else has it now. */
  check(): Promise<void>;
}

/** A connection that holds the lock, which goes with it. */
interface LockConnection {
  isAlive(): Promise<boolean>;
  end(): Promise<void>;
}

/** The connection that has the lock now, or who else has it, as far as that can be known. */
export type Attempt = { readonly connection: LockConnection } | { readonly holder: Holder | null };

/** A lock on the database `name`; `attempt` tries to take it on a connection of its own. */
export function migrationLock(
  name: string,
  attempt: (shard: Shard | null) => Promise<Attempt>,
): MigrationLock {
  let held: { connection: LockConnection; shard: Shard | null } | null = null;
  return {
    async take(shard) {
      if (held !== null) throw alreadyRunning(name, thisProcess());
      const taken = await attempt(shard);
      if ('holder' in taken) throw alreadyRunning(name, taken.holder);
      const own = { connection: taken.connection, shard };
      held = own;
      return {
        release() {
          if (held === own) held = null;
          void own.connection.end();
        },
      };
    },
    async check() {
      if (held === null || (await held.connection.isAlive())) return;
      const again = await attempt(held.shard);
      if ('holder' in again) {
        const who = again.holder === null ? 'it' : describeHolder(again.holder);
        throw new DepotError(
          'refused',
          `the connection that locked ${name} was lost, and another migration has begun: ${who} has the lock now`,
          { hint: 'Run it again when that one has ended.' },
        );
      }
      held.connection = again.connection;
    },
  };
}
