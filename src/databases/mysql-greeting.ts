import type { Socket } from 'node:net';

/** The bit by which a server says that it takes TLS. */
const tls = 0x0800;

/**
 * Waits for what a server says first, and leaves it to be read by the driver: whether it takes TLS.
 * Trying that instead would be an error that the server counts, and blocks a host for.
 *
 * @param timeout milliseconds
 */
export async function awaitGreeting(socket: Socket, timeout: number): Promise<{ tls: boolean }> {
  const greeting = await firstPacket(socket, timeout);
  socket.unshift(greeting);
  // An error, which the driver explains.
  if (greeting[4] === 0xff) return { tls: false };
  // A packet's header, the version of the protocol, that of the server and what ends it, the
  // connection's number, and the first part of a challenge.
  const capabilities = greeting.indexOf(0, 5) + 1 + 4 + 8 + 1;
  return { tls: (greeting.readUInt16LE(capabilities) & tls) !== 0 };
}

function firstPacket(socket: Socket, timeout: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let arrived = Buffer.alloc(0);
    const end = (action: () => void): void => {
      clearTimeout(timer);
      socket.off('data', take).off('error', fail).off('close', gone);
      action();
    };
    const fail = (error: Error): void => end(() => reject(error));
    const gone = (): void => fail(coded('the connection was closed', 'PROTOCOL_CONNECTION_LOST'));
    const timer = setTimeout(() => fail(coded('no sign of the server', 'ETIMEDOUT')), timeout);
    const take = (chunk: Buffer): void => {
      arrived = Buffer.concat([arrived, chunk]);
      if (arrived.byteLength < 5) return;
      const isKnown = arrived[4] === 10 || arrived[4] === 0xff;
      if (!isKnown) fail(coded('no greeting of a server', 'NO_MYSQL_SERVER'));
      else if (arrived.byteLength >= 4 + arrived.readUIntLE(0, 3)) {
        end(() => {
          socket.pause();
          resolve(arrived);
        });
      }
    };
    socket.on('data', take).on('error', fail).on('close', gone);
  });
}

function coded(message: string, code: string): Error {
  return Object.assign(new Error(message), { code });
}
