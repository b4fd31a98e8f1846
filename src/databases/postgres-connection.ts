import { homedir, userInfo } from 'node:os';
import type { SqlalchemyUrl } from '../config/sqlalchemy-url.js';
import type { NetworkOptions } from '../network.js';
import { connect } from './postgres-connect.js';
import { explain, isAway, isConflict, isLost } from './postgres-errors.js';
import { openSessions, type Pool } from './postgres-pool.js';
import type { Session } from './postgres-session.js';
import { describeDatabase, postgresSettings } from './postgres-url.js';
import { silenceWatch } from './postgres-watch.js';

/**
 * Sessions for statements, for writing and for reading large blobs. Each kind has its own, since a
 * blob on its way from here to here holds one of each.
 */
const sessionLimits = { statements: 4, writes: 8, reads: 8 };

/** How often something is tried, and the first pause before it is tried again, in milliseconds. */
const attempts = 8;
const firstPause = 50;

/** How statements are run on a PostgreSQL server. */
export interface PostgresConnection {
  /** For people; holds no secret. */
  readonly name: string;
  /** Reads, again where the connection is lost; names what failed. */
  read<T>(what: string, work: (session: Session) => Promise<T>): Promise<T>;
  /**
   * Runs work in one transaction, which is committed and durable unless the work returns null;
   * again where it was certainly not committed, as long as `repeatable` says so.
   */
  transaction<T>(
    what: string,
    work: (session: Session) => Promise<T>,
    repeatable?: () => boolean,
  ): Promise<T>;
  /** A session for a blob's bytes, which whoever asked for it gives back or ends. */
  readonly reads: Pool;
  /** A session outside of all limits, ended by whoever asked for it. */
  open(): Promise<Session>;
  /** Runs something with the same repetitions and errors as `read`. */
  explained<T>(what: string, action: () => Promise<T>): Promise<T>;
  /** What an error means to an administrator. */
  failed(what: string, error: unknown): unknown;
  close(): Promise<void>;
}

/** Connects when it is first needed. */
export function openConnection(
  url: SqlalchemyUrl,
  { retried, idleTimeout }: NetworkOptions,
): PostgresConnection {
  const home = homedir();
  const { env } = process;
  const settings = postgresSettings(url, { env, userName: userInfo().username, home });
  const name = describeDatabase(settings);
  let everConnected = false;
  const isWorking = async (pid: number): Promise<boolean> => {
    const watch = silenceWatch(idleTimeout, async () => false);
    const session = await connect(settings, { home, idleTimeout, watch });
    try {
      // Whoever waits for us to read or write has given us a sign that was lost on its way.
      const { rows } = await session.query(
        `SELECT FROM pg_stat_activity WHERE pid = $1::text::int AND state = 'active'
         AND wait_event_type IS DISTINCT FROM 'Client'`,
        [String(pid)],
      );
      return rows.length > 0;
    } finally {
      await session.end();
    }
  };
  const watch = silenceWatch(idleTimeout, isWorking);
  const open = async (): Promise<Session> => {
    const session = await connect(settings, { home, idleTimeout, watch });
    everConnected = true;
    return session;
  };
  const sessions = openSessions(open);
  const statements = sessions.pool(sessionLimits.statements);
  const writes = sessions.pool(sessionLimits.writes);
  const reads = sessions.pool(sessionLimits.reads);
  const failed = (what: string, error: unknown): unknown => explain(error, name, what);

  /** Lost connections and servers that start are waited for, a server that never was is not. */
  const repeating = async <T>(
    what: string,
    action: () => Promise<T>,
    mayRepeat: (error: unknown) => boolean,
  ): Promise<T> => {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await action();
      } catch (error) {
        const passing = isLost(error) || isConflict(error) || (everConnected && isAway(error));
        if (!passing || attempt === attempts || !mayRepeat(error)) throw failed(what, error);
        retried();
        // Two that are in each other's way must not meet again at once.
        const pause = firstPause * 2 ** (attempt - 1) * (0.5 + Math.random());
        await new Promise((resolve) => setTimeout(resolve, pause));
      }
    }
  };
  const explained: PostgresConnection['explained'] = (what, action) =>
    repeating(what, action, () => true);
  return {
    name,
    open,
    failed,
    explained,
    reads,
    read: (what, work) => explained(what, () => using(statements, work)),
    async transaction(what, work, repeatable = () => true) {
      let committing = false;
      const run = () =>
        using(writes, async (session) => {
          committing = false;
          await session.run('BEGIN');
          const result = await work(session);
          committing = result !== null;
          await session.run(committing ? 'COMMIT' : 'ROLLBACK');
          return result;
        });
      // Nobody knows whether a commit was made that the server did not answer.
      return repeating(what, run, (error) => repeatable() && !(committing && isLost(error)));
    },
    close: sessions.close,
  };
}

async function using<T>(pool: Pool, work: (session: Session) => Promise<T>): Promise<T> {
  const session = await pool.acquire();
  try {
    return await work(session);
  } finally {
    pool.release(session);
  }
}
