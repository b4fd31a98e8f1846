import { homedir, userInfo } from 'node:os';
import type { SqlalchemyUrl } from '../config/sqlalchemy-url.js';
import type { NetworkOptions } from '../network.js';
import { type ConnectOptions, connect, withSocket } from './mysql-connect.js';
import { explain, isAway, isConflict, isFull, isLost } from './mysql-errors.js';
import { readOptionFile } from './mysql-option-file.js';
import type { Session } from './mysql-session.js';
import { describeDatabase, type MysqlSettings, mysqlSettings, queryOptions } from './mysql-url.js';
import { openSessions, type Pool } from './pool.js';
import { repeated } from './repeat.js';
import { silenceWatch } from './watch.js';

/**
 * Sessions for statements, for writing and for reading blobs. Each kind has its own, since a blob
 * on its way from here to here holds one of each.
 */
const sessionLimits = { statements: 4, writes: 8, reads: 8 };

/** How statements are run on a MariaDB or MySQL server. */
export interface MysqlConnection {
  /** For people; holds no secret. */
  readonly name: string;
  /** Reads, again where the connection is lost; names what failed. */
  read<T>(what: string, work: (session: Session) => Promise<T>): Promise<T>;
  /**
   * Changes something, again where that was certainly undone, as long as `repeatable` says so. The
   * work calls `committing` when from then on nobody can know whether it was, were the connection lost.
   */
  write<T>(
    what: string,
    work: (session: Session, committing: () => void) => Promise<T>,
    repeatable?: () => boolean,
  ): Promise<T>;
  /** A session for a blob's bytes, which whoever asked for it gives back. */
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
): MysqlConnection {
  const settings = settingsOf(url);
  const name = describeDatabase(settings);
  let everConnected = false;
  // Asked about another connection, a server must answer at once.
  const asking = { idleTimeout, watch: silenceWatch(idleTimeout, async () => false) };
  // That it takes no more connections is a sign of it too.
  const watch = silenceWatch(idleTimeout, (id) => isWorking(id, settings, asking).catch(isFull));
  const open = async (): Promise<Session> => {
    const session = await connect(settings, { idleTimeout, watch });
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
  const explained: MysqlConnection['explained'] = (what, action) =>
    repeating(what, action, () => true);
  return {
    name,
    open,
    failed,
    explained,
    reads: sessions.pool(sessionLimits.reads),
    read: (what, work) => explained(what, () => using(statements, work)),
    async write(what, work, repeatable = () => true) {
      let committing = false;
      const run = () =>
        using(writes, (session) => {
          committing = false;
          return work(session, () => {
            committing = true;
          });
        });
      return repeating(what, run, (error) => repeatable() && !(committing && isLost(error)));
    },
    close: sessions.close,
  };
}

function settingsOf(url: SqlalchemyUrl): MysqlSettings {
  const { options: query, file } = queryOptions(url);
  const read = file === null ? {} : readOptionFile(file, homedir());
  return withSocket(mysqlSettings(url, { query, file: read, userName: userInfo().username }));
}

/** Whether the server is at work for the connection of that number, as another one sees it. */
async function isWorking(
  id: number,
  settings: MysqlSettings,
  options: ConnectOptions,
): Promise<boolean> {
  const session = await connect(settings, options);
  try {
    // Whoever waits for us to read or write has given us a sign that was lost on its way.
    const { rows } = await session.query(
      `SELECT ID FROM information_schema.PROCESSLIST WHERE ID = ? AND COMMAND <> 'Sleep'
       AND COALESCE(STATE, '') NOT IN ('Writing to net', 'Reading from net')`,
      [String(id)],
    );
    return rows.length > 0;
  } finally {
    await session.end();
  }
}

async function using<T>(pool: Pool<Session>, work: (session: Session) => Promise<T>): Promise<T> {
  const session = await pool.acquire();
  try {
    return await work(session);
  } finally {
    pool.release(session);
  }
}
