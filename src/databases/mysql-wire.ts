import type { Duplex } from 'node:stream';
import { MysqlFailure } from './mysql-errors.js';

/** Bytes that a packet holds at most; a longer value goes on in the next one. */
const fullPacket = 0xff_ff_ff;

/** Waits for the server, but not without a sign of it for long. */
export type Wait = <T>(waiting: Promise<T>) => Promise<T>;

/** The row of a query, its last value given as it arrives. */
export interface StreamedRow {
  /** All but the last value, as text. */
  readonly values: readonly (string | null)[];
  readonly last: { readonly length: number; readonly bytes: AsyncIterable<Uint8Array> } | null;
}

/**
 * Sends bytes of a prepared statement's parameter, which the server appends to those that it has
 * (COM_STMT_SEND_LONG_DATA). It answers nothing: what is wrong with it the statement says when it
 * is executed. Resolves when the bytes have left, and may be overwritten.
 */
export async function sendParameterBytes(
  socket: Duplex,
  { statement, parameter }: { statement: number; parameter: number },
  bytes: Uint8Array,
): Promise<void> {
  const header = Buffer.alloc(11);
  header.writeUIntLE(7 + bytes.byteLength, 0, 3);
  header[4] = 0x18;
  header.writeUInt32LE(statement, 5);
  header.writeUInt16LE(parameter, 9);
  socket.write(header);
  await new Promise<void>((resolve, reject) => {
    socket.write(bytes, (error) => (error ? reject(error) : resolve()));
  });
}

/**
 * Runs a query (COM_QUERY) and returns its first row, or null where there is none. The driver would
 * hold a value twice before it gives it away; so this takes its socket over, on which it must have
 * no command. Who does not read the last value to its end must hang up.
 */
export async function queryRow(
  socket: Duplex,
  sql: string,
  wait: Wait,
): Promise<StreamedRow | null> {
  const borrowed = borrow(socket);
  const packets = readPackets(() => wait(borrowed.next()));
  const command = Buffer.concat([Buffer.alloc(4), Buffer.from([0x03]), Buffer.from(sql)]);
  command.writeUIntLE(command.byteLength - 4, 0, 3);
  socket.write(command);
  try {
    const first = await packets.begin();
    if (first === 0xff) throw await serverError(packets);
    const columns = Number(await readLength(packets, first));
    // The columns' definitions, and the mark behind them.
    for (let index = 0; index <= columns; index += 1) await skipPacket(packets);
    const values: (string | null)[] = [];
    let byte = await packets.begin();
    if (await isEnd(packets, byte)) {
      borrowed.giveBack();
      return null;
    }
    while (values.length < columns - 1) {
      const length = await readLength(packets, byte);
      values.push(length === null ? null : (await packets.read(length)).toString());
      byte = (await packets.read(1))[0] as number;
    }
    const length = await readLength(packets, byte);
    if (length !== null) {
      const bytes = lastValue(packets, length, borrowed.giveBack);
      return { values, last: { length, bytes } };
    }
    await readEnd(packets);
    borrowed.giveBack();
    return { values, last: null };
  } catch (error) {
    borrowed.giveBack();
    throw error;
  }
}

async function* lastValue(
  packets: Packets,
  length: number,
  giveBack: () => void,
): AsyncGenerator<Uint8Array> {
  for (let left = length; left > 0; ) {
    const piece = await packets.some(left);
    left -= piece.byteLength;
    yield piece;
  }
  await readEnd(packets);
  giveBack();
}

/** What arrives on a socket, a chunk at a time; meanwhile the driver gets nothing of it. */
function borrow(socket: Duplex): { next(): Promise<Buffer>; giveBack(): void } {
  const listeners = socket.listeners('data') as ((chunk: Buffer) => void)[];
  const arrived: Buffer[] = [];
  let wake = (): void => {};
  const take = (chunk: Buffer): void => {
    arrived.push(chunk);
    socket.pause();
    wake();
  };
  socket.removeAllListeners('data');
  socket.on('data', take);
  return {
    async next() {
      while (true) {
        const chunk = arrived.shift();
        if (chunk !== undefined) return chunk;
        await new Promise<void>((resolve) => {
          wake = resolve;
          socket.resume();
        });
      }
    },
    giveBack() {
      socket.off('data', take);
      for (const listener of listeners) socket.on('data', listener);
      socket.resume();
    },
  };
}

/** Reads packets of the protocol one after the other. */
interface Packets {
  /** Goes to the next packet, and returns its first byte. */
  begin(): Promise<number>;
  /** So many bytes of the packet. */
  read(length: number): Promise<Buffer>;
  /** The next bytes of the packet, at most so many, at least one; the reader's own. */
  some(most: number): Promise<Uint8Array>;
  /** Bytes of the packet that are left, where it is no full one. */
  left(): number;
}

function readPackets(next: () => Promise<Buffer>): Packets {
  let chunk: Buffer = Buffer.alloc(0);
  let left = 0;
  let isFull = false;

  const take = async (most: number): Promise<Buffer> => {
    while (chunk.byteLength === 0) chunk = await next();
    const taken = chunk.subarray(0, most);
    chunk = chunk.subarray(taken.byteLength);
    return taken;
  };
  const exactly = async (length: number, source: typeof take): Promise<Buffer> => {
    const parts: Buffer[] = [];
    for (let missing = length; missing > 0; ) {
      const part = await source(missing);
      missing -= part.byteLength;
      parts.push(part);
    }
    return parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
  };
  const header = async (): Promise<void> => {
    left = (await exactly(4, take)).readUIntLE(0, 3);
    isFull = left === fullPacket;
  };
  const within = async (most: number): Promise<Buffer> => {
    while (left === 0) {
      if (!isFull) throw protocolError('a packet that is too short');
      await header();
    }
    const taken = await take(Math.min(most, left));
    left -= taken.byteLength;
    return taken;
  };
  return {
    async begin() {
      // Behind a full packet comes another one, if only an empty one.
      while (isFull && left === 0) await header();
      await header();
      return (await within(1))[0] as number;
    },
    read: (length) => exactly(length, within),
    async some(most) {
      const piece = await within(most);
      // What follows in the same memory is still to be read here.
      return chunk.byteLength === 0 ? piece : Uint8Array.from(piece);
    },
    left: () => left,
  };
}

/** A length-encoded integer that begins with this byte; null is that of a value that is NULL. */
async function readLength(packets: Packets, first: number): Promise<number | null> {
  if (first < 0xfb) return first;
  if (first === 0xfb) return null;
  if (first === 0xfc) return (await packets.read(2)).readUInt16LE();
  if (first === 0xfd) return (await packets.read(3)).readUIntLE(0, 3);
  return Number((await packets.read(8)).readBigUInt64LE());
}

async function skipPacket(packets: Packets): Promise<void> {
  await packets.begin();
  await packets.read(packets.left());
}

/** Whether this packet says that there are no more rows; fails where it says that it failed. */
async function isEnd(packets: Packets, first: number): Promise<boolean> {
  if (first === 0xff) throw await serverError(packets);
  if (first !== 0xfe || packets.left() > 8) return false;
  await packets.read(packets.left());
  return true;
}

async function readEnd(packets: Packets): Promise<void> {
  if (await isEnd(packets, await packets.begin())) return;
  throw protocolError('more rows than were asked for');
}

function protocolError(what: string): MysqlFailure {
  return new MysqlFailure(new Error(`the server sent ${what}`));
}

/** The packet of an error, behind its first byte: a number, perhaps `#` and a state, and the text. */
async function serverError(packets: Packets): Promise<MysqlFailure> {
  const body = await packets.read(packets.left());
  const message = body.subarray(body[2] === 0x23 ? 8 : 2).toString();
  return new MysqlFailure(Object.assign(new Error(message), { errno: body.readUInt16LE() }));
}
