/** What a pool needs to know of a connection. */
interface Pooled {
  /** Whether it is open, and nothing is left of the work before. */
  isFree(): boolean;
  /** Calls this when the connection has ended, whoever ended it. */
  onEnd(action: () => void): void;
  end(): Promise<void>;
}

/** A share of the sessions, for one kind of work. */
export interface Pool<Session> {
  acquire(): Promise<Session>;
  /** Takes a session back; one that is not free is not used again. */
  release(session: Session): void;
}

/** Sessions that are opened when they are needed, and used again. */
export interface Sessions<Session> {
  /** Work that waits for none of another pool's: at most `limit` sessions at once. */
  pool(limit: number): Pool<Session>;
  close(): Promise<void>;
}

/** `isFull` tells the error of a server that takes no more connections. */
export function openSessions<Session extends Pooled>(
  open: () => Promise<Session>,
  isFull: (error: unknown) => boolean,
): Sessions<Session> {
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
            if (!isFull(error) || busy + idle.length === 0) throw error;
            most = Math.max(busy, 1);
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
