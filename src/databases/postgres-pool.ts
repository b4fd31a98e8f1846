import { PostgresFailure } from './postgres-errors.js';
import type { Session } from './postgres-session.js';

/** Sessions that are opened when they are needed, and used again. */
export interface Pool {
  acquire(): Promise<Session>;
  /** Takes a session back; one that has ended or is in a transaction is not used again. */
  release(session: Session): void;
  close(): Promise<void>;
}

/** At most `limit` sessions, fewer where the server takes no more. */
export function openPool(open: () => Promise<Session>, limit: number): Pool {
  const sessions = new Set<Session>();
  const idle: Session[] = [];
  const waiting: (() => void)[] = [];
  let opening = 0;
  let most = limit;

  const proceed = (): void => waiting.shift()?.();
  const idleOne = (): Session | undefined => {
    while (true) {
      const session = idle.pop();
      if (session === undefined || session.isFree()) return session;
    }
  };
  const openOne = async (): Promise<Session> => {
    opening += 1;
    try {
      const session = await open();
      sessions.add(session);
      session.onEnd(() => {
        sessions.delete(session);
        proceed();
      });
      return session;
    } finally {
      opening -= 1;
    }
  };
  const acquire = async (): Promise<Session> => {
    while (true) {
      const session = idleOne();
      if (session !== undefined) return session;
      const others = sessions.size + opening;
      if (others < most) {
        try {
          return await openOne();
        } catch (error) {
          const full = error instanceof PostgresFailure && error.code === '53300';
          if (!full || sessions.size === 0) {
            proceed();
            throw error;
          }
          // Whoever gave one back meanwhile woke nobody.
          most = sessions.size;
          continue;
        }
      }
      await new Promise<void>((resolve) => waiting.push(resolve));
    }
  };
  return {
    acquire,
    release(session) {
      if (session.isFree()) {
        idle.push(session);
        proceed();
      } else {
        sessions.delete(session);
        void session.end();
        proceed();
      }
    },
    async close() {
      await Promise.all([...sessions].map((session) => session.end()));
    },
  };
}
