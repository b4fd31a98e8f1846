import type { Socket } from 'node:net';
import type { Driver } from './mysql-driver.js';
import { MysqlFailure } from './mysql-errors.js';
import type { Wait } from './mysql-wire.js';
import type { Watch } from './watch.js';

/** What is begun on a connection, and must be ended before it can be used for other work. */
type Begun = 'transaction' | 'upload' | 'rows' | 'lock';

/** A connection as long as it is there. */
export interface Link {
  readonly driver: Driver;
  /** Waits for the server; fails when the connection is lost, or silent for too long. */
  readonly wait: Wait;
  readonly begun: Set<Begun>;
  isOpen(): boolean;
  /** Calls this when the connection has ended, whoever ended it. */
  onEnd(action: () => void): void;
  /** Hangs up, politely where the server listens. */
  close(): void;
}

/** `socket` is what the driver's traffic is seen on. */
export function openLink(driver: Driver, socket: Socket, watch: Watch): Link {
  const begun = new Set<Begun>();
  const waiting = new Set<(error: Error) => void>();
  const actions: (() => void)[] = [];
  let failure: Error | null = null;
  const lost = (error: Error): void => {
    if (failure !== null) return;
    failure = error;
    for (const reject of waiting) reject(error);
    for (const action of actions) action();
  };
  const gone = (): void =>
    lost(Object.assign(new Error('the connection was lost'), { code: 'PROTOCOL_CONNECTION_LOST' }));
  driver.on('error', lost);
  socket.on('error', lost);
  socket.on('close', gone);
  /** The driver does not tell everyone who waits that the connection is lost. */
  const unlessLost = <T>(promise: Promise<T>): Promise<T> =>
    new Promise<T>((resolve, reject) => {
      if (failure !== null) reject(failure);
      waiting.add(reject);
      promise.then(resolve, reject).finally(() => waiting.delete(reject));
    });
  return {
    driver,
    begun,
    async wait(promise) {
      try {
        return await watch(socket, driver.threadId, unlessLost(promise));
      } catch (error) {
        throw error instanceof MysqlFailure ? error : new MysqlFailure(error);
      }
    },
    isOpen: () => failure === null,
    onEnd: (action) => void actions.push(action),
    close() {
      if (failure !== null) return;
      gone();
      if (begun.size > 0) return void socket.destroy();
      driver.end();
      driver.stream.end();
      socket.unref();
    },
  };
}
