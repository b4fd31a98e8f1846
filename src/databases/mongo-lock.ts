import { ObjectId } from 'mongodb';
import { DepotError } from '../errors.js';
import type { Lock } from '../lock.js';
import type { MongoConnection } from '../mongodb/connect.js';
import { isDuplicate } from '../mongodb/errors.js';
import { alreadyRunning, formatHolder, parseHolder, thisProcess } from './holder.js';
import { exclude, type Shard } from './shard.js';

/** The collection that holds a document for each migration that is running. */
export const lockCollection = 'depot_migrations';

/** Seconds after which a lock that nobody renews counts as its dead process's. */
const leaseSeconds = 60;

const renewSeconds = 15;

interface LockDocument {
  /** `whole`, or `shard 2 of 8`. */
  readonly _id: string;
  readonly shard: Shard | null;
  /** As `formatHolder` writes it. */
  readonly holder: string;
  /** Tells this lock from a later one of the same name. */
  readonly token: ObjectId;
  /** By the server's clock. */
  readonly renewed: Date;
}

interface Held {
  readonly shard: Shard | null;
  document: LockDocument;
  /** Milliseconds of this process's own clock, before the last renewal was sent. */
  renewed: number;
}

export interface MongoLock {
  take(shard: Shard | null): Promise<Lock>;
  /** Fails where a lock that was taken has expired, and somebody else has it now. */
  check(): Promise<void>;
  /** Waits until what was released is. */
  close(): Promise<void>;
}

/**
 * A lock on a database, which knows no locks: a document that is renewed while its process lives.
 * Changes are compare-and-set all the same, so that two migrations at once could harm nothing.
 */
export function openMongoLock(connection: MongoConnection, name: string): MongoLock {
  const locks = openLocks(connection, name);
  let held: Held | null = null;
  let released: Promise<unknown> = Promise.resolve();

  const claim = async (shard: Shard | null): Promise<Held> => {
    const renewed = performance.now();
    const document = await locks.insert(shard);
    return { shard, document, renewed };
  };
  const renew = async (own: Held): Promise<void> => {
    const renewed = performance.now();
    if (!(await locks.renew(own.document))) {
      const again = await claim(own.shard).catch((error: unknown) => {
        throw lost(name, error);
      });
      own.document = again.document;
    }
    own.renewed = renewed;
  };

  return {
    async take(shard) {
      if (held !== null) throw alreadyRunning(name, thisProcess());
      const own = await claim(shard);
      held = own;
      // What goes wrong here, the next check finds out too.
      const timer = setInterval(() => void renew(own).catch(() => {}), renewSeconds * 1000).unref();
      return {
        release() {
          clearInterval(timer);
          if (held === own) held = null;
          released = locks.remove(own.document).catch(() => {});
        },
      };
    },
    async check() {
      if (held === null || performance.now() - held.renewed < 2 * renewSeconds * 1000) return;
      await renew(held);
    },
    close: async () => void (await released),
  };
}

function lost(name: string, error: unknown): unknown {
  if (!(error instanceof DepotError) || error.kind !== 'refused') return error;
  return new DepotError('refused', `the lock on ${name} expired; ${error.message}`, {
    hint: 'Run it again when that one has ended.',
  });
}

interface Locks {
  /** Fails with `refused` where another run is in the way. */
  insert(shard: Shard | null): Promise<LockDocument>;
  /** Says false where the lock is gone. */
  renew(document: LockDocument): Promise<boolean>;
  remove(document: LockDocument): Promise<unknown>;
}

function openLocks({ database, request }: MongoConnection, name: string): Locks {
  const collection = database.collection<LockDocument>(lockCollection);
  const what = `cannot lock ${name} for a migration`;
  const now = async (): Promise<Date> => {
    const { localTime } = await database.command({ hello: 1 });
    return localTime as Date;
  };
  const refused = (other: LockDocument | null | undefined): DepotError =>
    alreadyRunning(name, other ? parseHolder(other.holder) : null);
  const remove: Locks['remove'] = ({ _id, token }) =>
    request(what, () => collection.deleteOne({ _id, token }));

  /** Taken first and looked around then: of two runs, one at least sees the other. */
  const lookAround = async (own: LockDocument): Promise<void> => {
    const others = await request(what, () => collection.find({ _id: { $ne: own._id } }).toArray());
    const other = others.find(({ shard }) => exclude(own.shard, shard));
    if (other === undefined) return;
    await remove(own);
    throw refused(other);
  };
  return {
    remove,
    async insert(shard) {
      const renewed = await request(what, now);
      const expired = new Date(renewed.getTime() - leaseSeconds * 1000);
      await request(what, () => collection.deleteMany({ renewed: { $lt: expired } }));
      const _id = shard === null ? 'whole' : `shard ${shard.index} of ${shard.count}`;
      const token = new ObjectId();
      const document = { _id, shard, holder: formatHolder(thisProcess()), token, renewed };
      const other = await request(what, async () => {
        try {
          await collection.insertOne(document);
          return null;
        } catch (error) {
          if (!isDuplicate(error)) throw error;
          return collection.findOne({ _id });
        }
      });
      // It may be our own, where the insertion was sent twice.
      if (other !== null && !other.token.equals(token)) throw refused(other);
      await lookAround(document);
      return document;
    },
    async renew({ _id, token }) {
      const { matchedCount } = await request(what, () =>
        collection.updateOne({ _id, token }, { $currentDate: { renewed: true } }),
      );
      return matchedCount === 1;
    },
  };
}
