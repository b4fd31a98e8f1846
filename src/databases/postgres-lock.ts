import { formatHolder, type Holder, parseHolder, thisProcess } from './holder.js';
import { type Attempt, type MigrationLock, migrationLock } from './migration-lock.js';
import type { PostgresConnection } from './postgres-connection.js';
import type { Session } from './postgres-session.js';
import { exclude, type Shard } from './shard.js';

/**
 * Advisory locks of migrations, seen in pg_locks with this classid ("dept") and an objid that says
 * which shard it is. PostgreSQL keeps those of each database apart.
 */
const lockClass = 1_684_369_524;

/** Bytes of an application_name, which is cut behind them. */
const longestName = 63;

export function postgresLock({ name, open, explained }: PostgresConnection): MigrationLock {
  return migrationLock(name, (shard) =>
    explained('lock migrations', async () => {
      const session = await open();
      try {
        const attempt = await lock(session, shard);
        if ('holder' in attempt) await session.end();
        return attempt;
      } catch (error) {
        await session.end();
        throw error;
      }
    }),
  );
}

/** Taken first and looked around then: of two that exclude each other, one at least sees the other. */
async function lock(session: Session, shard: Shard | null): Promise<Attempt> {
  // Shown to everybody, whatever their rights, as long as the lock is held.
  const text = formatHolder(thisProcess()).slice(0, longestName);
  await session.query(`SELECT set_config('application_name', $1, false)`, [text]);
  const { rows } = await session.query(
    `SELECT pg_try_advisory_lock(${lockClass}, ${objectOf(shard)})`,
  );
  const others = await otherRuns(session);
  const other = others.find((run) => exclude(run.shard, shard));
  if (rows[0]?.[0] !== 't' || other !== undefined) return { holder: other?.holder ?? null };
  // Asked, since a connection that has ended may not have said so yet.
  const isAlive = () => session.query('SELECT').then(Boolean, () => false);
  return { connection: { isAlive, end: session.end } };
}

async function otherRuns(
  session: Session,
): Promise<{ shard: Shard | null; holder: Holder | null }[]> {
  const { rows } = await session.query(
    `SELECT objid, application_name FROM pg_locks LEFT JOIN pg_stat_activity USING (pid)
     WHERE locktype = 'advisory' AND classid = ${lockClass} AND objsubid = 2 AND granted
     AND pid <> pg_backend_pid()
     AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
  );
  return rows.map(([object, name]) => ({
    shard: shardOf(Number(object)),
    holder: parseHolder(name ?? ''),
  }));
}

/** 1 for the whole; the count in the upper half, the index in the lower. */
function objectOf(shard: Shard | null): number {
  return shard === null ? 1 : shard.count * 0x10000 + shard.index;
}

function shardOf(object: number): Shard | null {
  return object === 1 ? null : { index: object % 0x10000, count: Math.floor(object / 0x10000) };
}
