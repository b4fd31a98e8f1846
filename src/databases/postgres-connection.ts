import { homedir, userInfo } from 'node:os';
import type { SqlalchemyUrl } from '../config/sqlalchemy-url.js';
import type { NetworkOptions } from '../network.js';
import { openSessions, type Pool } from './pool.js';
import { type ConnectOptions, connect } from './postgres-connect.js';
import { explain, isAway, isConflict, isFull, isLost } from './postgres-errors.js';
import type { Session } from './postgres-session.js';
import { describeDatabase, type PostgresSettings, postgresSettings } from './postgres-url.js';
import { repeated } from './repeat.js';
import { silenceWatch } from './watch.js';

/**
 * Sessions for statements, for writing and for reading large blobs. Each kind has its own, since a
 * blob on its way from here to here holds one of each.
 */
const sessionLimits = { statements: 4, writes: 8, reads: 8 };

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
  readonly reads: Pool<Session>;
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
  // Asked about another connection, a server must answer at once.
  const asking = { home, idleTimeout, watch: silenceWatch(idleTimeout, async () => false) };
  // That it takes no more connections is a sign of it too.
  const watch = silenceWatch(idleTimeout, (pid) => isWorking(pid, settings, asking).catch(isFull));
  const open = async (): Promise<Session> => {
    const session = await connect(settings, { home, idleTimeout, watch });
    everConnected = true;
    return session;
  };
  const sessions = openSessions(open, isFull);
  const statements = sessions.pool(sessionLimits.statements);
  const writes = sessions.pool(sessionLimits.writes);
  // Before there was ever a connection, that is what failed.
  const failed = (what: string, error: unknown): unknown =>
    explain(error, name, everConnected ? what : 'open');
  const repeating = async <T>(
    what: string,
    action: () => Promise<T>,
    mayRepeat: (error: unknown) => boolean,
  ): Promise<T> => {
    // A server that was there is waited for while it restarts, one that never was is not.
    const passes = (error: unknown): boolean =>
      isLost(error) || isConflict(error) || (everConnected && isAway(error));
    const options = { retried, mayRepeat: (error: unknown) => passes(error) && mayRepeat(error) };
    return repeated(action, options).catch((error: unknown) => {
      throw failed(what, error);
    });
  };
  const explained: PostgresConnection['explained'] = (what, action) =>
    repeating(what, action, () => true);
  return {
    name,
    open,
    failed,
    explained,
    reads: sessions.pool(sessionLimits.reads),
    read: (what, work) => explained(what, () => using(statements, work)),
    async transaction(what, work, repeatable = () => true) {
      const commit = { isAsked: false };
      const run = () => using(writes, (session) => transact(session, work, commit));
      // Nobody knows whether a commit was made that the server did not answer.
      return repeating(what, run, (error) => repeatable() && !(commit.isAsked && isLost(error)));
    },
    close: sessions.close,
  };
}

/** Whether the server's process of that number is at work, as seen on a connection of its own. */
async function isWorking(
  pid: number,
  settings: PostgresSettings,
  options: ConnectOptions,
): Promise<boolean> {
  const session = await connect(settings, options);
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
}

async function transact<T>(
  session: Session,
  work: (session: Session) => Promise<T>,
  commit: { isAsked: boolean },
): Promise<T> {
  commit.isAsked = false;
  await session.run('BEGIN');
  const result = await work(session);
  commit.isAsked = result !== null;
  await session.run(commit.isAsked ? 'COMMIT' : 'ROLLBACK');
  return result;
}

async function using<T>(pool: Pool<Session>, work: (session: Session) => Promise<T>): Promise<T> {
  const session = await pool.acquire();
  try {
    return await work(session);
  } finally {
    pool.release(session);
  }
}
