import type { Socket } from 'node:net';

/** Waits for something of a connection, but not without a sign of the server for long. */
export type Watch = <T>(socket: Socket, connection: number, waiting: Promise<T>) => Promise<T>;

/** How often traffic is looked at within the time that may pass without any. */
const looks = 4;

/**
 * Hangs up where nothing has come or gone for `idleTimeout` milliseconds, unless the server says
 * on another connection, by `isWorking`, that it is at it: a statement may take its time.
 */
export function silenceWatch(
  idleTimeout: number,
  isWorking: (connection: number) => Promise<boolean>,
): Watch {
  return async (socket, connection, waiting) => {
    let [traffic, silent] = [trafficOf(socket), 0];
    let asking = false;
    const look = async (): Promise<void> => {
      const now = trafficOf(socket);
      silent = now === traffic ? silent + 1 : 0;
      traffic = now;
      if (silent < looks || asking) return;
      asking = true;
      if (connection !== 0 && (await isWorking(connection).catch(() => false))) silent = 0;
      else if (trafficOf(socket) === traffic) socket.destroy(timeout());
      asking = false;
    };
    const timer = setInterval(look, idleTimeout / looks);
    try {
      return await waiting;
    } finally {
      clearInterval(timer);
    }
  };
}

function trafficOf(socket: Socket): number {
  return socket.bytesRead + socket.bytesWritten;
}

function timeout(): Error {
  return Object.assign(new Error('no sign of the server'), { code: 'ETIMEDOUT' });
}
