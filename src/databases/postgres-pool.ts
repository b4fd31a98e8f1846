import { PostgresFailure } from './postgres-errors.js';
import type { Session } from './postgres-session.js';

/** A share of the sessions, for one kind of work. */
export interface Pool {
  acquire(): Promise<Session>;
  /** Takes a session back; one that has ended or is in a transaction is not used again. */
  release(session: Session): void;
}

/** Sessions that are opened when they are needed, and used again. */
export interface Sessions {
  /** Work that waits for none of another pool's: at most `limit` sessions at once. */
  pool(limit: number): Pool;
  close(): Promise<void>;
}

export function openSessions(open: () => Promise<Session>): Sessions {
  const sessions = new Set<Session>();
  const idle: Session[] = [];

  const idleOne = (): Session | undefined => {
    while (true) {
      const session = idle.pop();
      if (session === undefined || session.isFree()) return session;
    }
  };
  const openOne = async (): Promise<Session> => {
    const session = await open();
    sessions.add(session);
    session.onEnd(() => void sessions.delete(session));
    return session;
  };
  return {
    pool(limit) {
      const waiting: (() => void)[] = [];
      let most = limit;
      let busy = 0;
      const leave = (): void => {
        busy -= 1;
        waiting.shift()?.();
      };
      const acquire = async (): Promise<Session> => {
        while (true) {
          if (busy >= most) {
            await new Promise<void>((resolve) => waiting.push(resolve));
            continue;
          }
          busy += 1;
          try {
            return idleOne() ?? (await openOne());
          } catch (error) {
            leave();
            // Where the server takes no more connections, those that there are must do.
            if (!isFull(error) || busy === 0) throw error;
            most = busy;
          }
        }
      };
      return {
        acquire,
        release(session) {
          if (session.isFree()) idle.push(session);
          else void session.end();
          leave();
        },
      };
    },
    async close() {
      await Promise.all([...sessions].map((session) => session.end()));
    },
  };
}

function isFull(error: unknown): boolean {
  return error instanceof PostgresFailure && error.code === '53300';
}
