import { formatHolder, parseHolder, thisProcess } from './holder.js';
import { type Attempt, type MigrationLock, migrationLock } from './migration-lock.js';
import { lockName } from './mysql-blob-write.js';
import type { MysqlConnection } from './mysql-connection.js';
import { lockSeconds } from './mysql-errors.js';
import { identityOf } from './mysql-place.js';
import type { Session } from './mysql-session.js';
import { shownText, showText } from './mysql-shown-text.js';
import { mostShards, type Shard } from './shard.js';

/** Seconds after which a server ends a connection that holds the lock and says nothing. */
const silentSeconds = 600;

/** How often another run must be seen before it is believed. */
const looks = 3;

/** Held under names made of the database's identity, since the server's locks are all databases'. */
export function mysqlLock({ name, open, explained }: MysqlConnection): MigrationLock {
  let own: number | null = null;
  return migrationLock(name, (shard) =>
    explained('lock migrations', async () => {
      const session = await open();
      try {
        const other = await lock(session, shard, own);
        if (other !== null) {
          const holder = parseHolder(await shownText(session, other));
          await session.end();
          return { holder };
        }
        own = session.id;
        return await kept(session);
      } catch (error) {
        await session.end();
        throw error;
      }
    }),
  );
}

/**
 * Takes the locks of a run; returns the connection of another one that is in its way, or null.
 * Taken first and looked around then: of two that exclude each other, one at least sees the other.
 * `own` is the connection that we have lost them with, of which the server may not know that yet.
 */
async function lock(
  session: Session,
  shard: Shard | null,
  own: number | null,
): Promise<number | null> {
  await showText(session, formatHolder(thisProcess()));
  const database = await identityOf(session);
  for (const name of locksOf(database, shard)) {
    const other = await take(session, name, own);
    if (other !== null) return other;
  }
  const isOther = (id: number | null) => id !== null && id !== session.id && id !== own;
  let inTheWay: number | null = null;
  // Looked at again: a sibling may have come or gone between its two locks.
  for (let look = 0; look < looks; look += 1) {
    inTheWay = await runInTheWay(session, database, shard, isOther);
    if (inTheWay === null) return null;
  }
  return inTheWay;
}

/** The connection of a run that excludes this one, as far as one look tells. */
async function runInTheWay(
  session: Session,
  database: string,
  shard: Shard | null,
  isOther: (id: number | null) => boolean,
): Promise<number | null> {
  const names = Array.from({ length: mostShards + 1 }, (_, index) => runLock(database, index));
  const users = await usersOf(session, names);
  if (shard === null) return users.find(isOther) ?? null;
  const siblings = names.map((_, index) => shardLock(database, { ...shard, index }));
  const siblingUsers = await usersOf(session, siblings);
  const excludes = (id: number | null, index: number) =>
    isOther(id) && (index === 0 || siblingUsers[index] !== id);
  return users.find(excludes) ?? null;
}

/** The one that tells how many shards there are first: whoever sees the other sees both. */
function locksOf(database: string, shard: Shard | null): string[] {
  if (shard === null) return [runLock(database, 0)];
  return [shardLock(database, shard), runLock(database, shard.index)];
}

/** 0 is the run of the whole. */
function runLock(database: string, index: number): string {
  return lockName(`migrations ${database}${index === 0 ? '' : ` shard ${index}`}`);
}

function shardLock(database: string, { index, count }: Shard): string {
  return lockName(`migrations ${database} shard ${index} of ${count}`);
}

/** Takes a lock, or returns the connection that has it. */
async function take(session: Session, name: string, own: number | null): Promise<number | null> {
  const get = async (seconds: number): Promise<boolean> => {
    const { rows } = await session.query(`SELECT GET_LOCK(?, ${seconds})`, [name]);
    return Number(rows[0]?.[0]) === 1;
  };
  while (true) {
    if (await get(0)) return null;
    const [user = null] = await usersOf(session, [name]);
    if (user !== null && user === own && (await get(lockSeconds))) return null;
    if (user !== null) return user;
  }
}

/** The connections that have these locks, in their order; null where a lock is free. */
async function usersOf(session: Session, names: readonly string[]): Promise<(number | null)[]> {
  const users = names.map((name) => `COALESCE(IS_USED_LOCK('${name}'), '')`);
  const { rows } = await session.run(`SELECT CONCAT_WS(',', ${users.join()})`);
  const [[list]] = rows as [[unknown]];
  return String(list)
    .split(',')
    .map((id) => (id === '' ? null : Number(id)));
}

/** So that a machine that has died does not hold it for hours, the server is told of us. */
async function kept(session: Session): Promise<Attempt> {
  await session.run(`SET wait_timeout = ${silentSeconds}`);
  const isAlive = () => session.run('DO 1').then(Boolean, () => false);
  const timer = setInterval(isAlive, 100 * silentSeconds).unref();
  const end = () => {
    clearInterval(timer);
    return session.end();
  };
  // Asked, since a connection that has ended may not have said so yet.
  return { connection: { isAlive, end } };
}
