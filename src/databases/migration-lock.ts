import { DepotError } from '../errors.js';
import type { Lock } from '../lock.js';

export interface MigrationLock {
  /** Takes the lock, or returns null where another process or caller holds it. */
  take(): Promise<Lock | null>;
  /** Fails where a lock that was taken went with its connection, and somebody else has it now. */
  check(): Promise<void>;
}

/** A connection that holds the lock, which goes with it. */
interface Holder {
  isAlive(): Promise<boolean>;
  end(): Promise<void>;
}

/** A lock on the database `name`; `tryLock` takes it on a connection of its own, or returns null. */
export function migrationLock(name: string, tryLock: () => Promise<Holder | null>): MigrationLock {
  let held: { holder: Holder } | null = null;
  return {
    async take() {
      if (held !== null) return null;
      const holder = await tryLock();
      if (holder === null) return null;
      const own = { holder };
      held = own;
      return {
        release() {
          if (held === own) held = null;
          void own.holder.end();
        },
      };
    },
    async check() {
      if (held === null || (await held.holder.isAlive())) return;
      const holder = await tryLock();
      if (holder === null) {
        throw new DepotError(
          'refused',
          `the connection that locked ${name} was lost, and another migration has begun`,
          { hint: 'Run it again when that one has ended.' },
        );
      }
      held.holder = holder;
    },
  };
}
