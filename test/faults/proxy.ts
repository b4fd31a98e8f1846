import { connect, createServer, type Socket } from 'node:net';
import {
  type Act,
  type ArmedFault,
  armed,
  type Fault,
  type HttpAnswer,
  type Side,
} from './fault.js';

/** Bytes that have come from either side, and how often it has begun to speak. */
interface Traffic {
  readonly bytes: Readonly<Record<Side, number>>;
  readonly turns: Readonly<Record<Side, number>>;
}

/** A TCP proxy that passes all bytes on as they are, until it is told to do otherwise. */
export interface FaultyProxy {
  /** `host:port` to connect to in place of the server. */
  readonly address: string;
  /** Makes something go wrong from now on; takes the place of what was set before. */
  set(fault: Fault): ArmedFault;
  /** Refuses new connections and resets those that there are. */
  refuse(): Promise<void>;
  /** Nothing goes wrong any more; the server learns that stalled connections are gone. */
  heal(): Promise<void>;
  /** What passes while `action` runs. */
  traffic(action: () => Promise<unknown>): Promise<Traffic>;
  close(): Promise<void>;
}

/** One connection of a client, and the one to the server that belongs to it. */
interface Pair {
  readonly client: Socket;
  readonly server: Socket;
  speaker: Side | null;
  request: string;
  /** Set once something has been done to it, after which nothing more is passed on. */
  ended: Act | null;
}

const requestLine = /^[A-Z]+ \S+ HTTP\/1\.1(?=\r\n)/;

/** Starts a proxy on a free port in front of the server at `host:port`. */
export async function startProxy(target: string): Promise<FaultyProxy> {
  const { hostname, port } = new URL(`tcp://${target}`);
  const pairs = new Set<Pair>();
  let fault: ArmedFault | null = null;
  let seen = noTraffic();

  const listener = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    const server = connect({
      host: hostname,
      port: Number(port),
      allowHalfOpen: true,
      noDelay: true,
    });
    const pair: Pair = { client, server, speaker: null, request: '', ended: null };
    pairs.add(pair);
    client.on('close', () => {
      if (pair.ended !== 'stall') pairs.delete(pair);
    });
    forward(pair, 'client');
    forward(pair, 'server');
  });

  function forward(pair: Pair, side: Side): void {
    const from = pair[side];
    const to = pair[side === 'client' ? 'server' : 'client'];
    from.on('data', (bytes: Buffer) => {
      if (pair.ended !== null) return;
      const passes = judged(pair, side, bytes);
      if (passes.byteLength > 0 && !to.destroyed && !to.write(passes)) {
        from.pause();
        to.once('drain', () => from.resume());
      }
    });
    from.on('end', () => to.end());
    from.on('error', () => to.destroy());
    from.on('close', () => {
      if (pair.ended === null) to.destroySoon();
    });
  }

  /** What passes of the bytes, once what was to happen to the connection has. */
  function judged(pair: Pair, side: Side, bytes: Buffer): Buffer {
    const beginsTurn = pair.speaker !== side;
    pair.speaker = side;
    if (side === 'client' && beginsTurn) {
      pair.request = requestLine.exec(bytes.toString('latin1'))?.[0] ?? pair.request;
    }
    seen.bytes[side] += bytes.byteLength;
    if (beginsTurn) seen.turns[side] += 1;
    if (fault === null) return bytes;
    const { passes, act } = fault.judge({ side, bytes, beginsTurn, request: pair.request });
    if (act === null) return passes;
    pair.ended = act;
    pair[side === 'client' ? 'server' : 'client'].write(passes, () => {
      if (act === 'stall') stall(pair);
      else if (act === 'cut') cut(pair);
      else answer(pair, act);
    });
    return Buffer.alloc(0);
  }

  const listen = (at: number): Promise<void> =>
    new Promise((resolve, reject) => {
      listener.once('error', reject).listen(at, '127.0.0.1', resolve);
    });
  const stop = (): Promise<void> =>
    new Promise((resolve) => {
      for (const pair of pairs) cut(pair);
      listener.close(() => resolve());
    });
  await listen(0);
  const own = (listener.address() as { port: number }).port;

  return {
    address: `127.0.0.1:${own}`,
    set(next) {
      fault = armed(next);
      return fault;
    },
    refuse: stop,
    async heal() {
      fault = null;
      for (const { server, ended } of pairs) if (ended === 'stall') server.destroy();
      if (!listener.listening) await listen(own);
    },
    async traffic(action) {
      seen = noTraffic();
      await action();
      return structuredClone(seen);
    },
    close: stop,
  };
}

function noTraffic() {
  return { bytes: { client: 0, server: 0 }, turns: { client: 0, server: 0 } };
}

/** The server gets what has passed, and the end of it. */
function cut({ client, server }: Pair): void {
  client.resetAndDestroy();
  server.destroySoon();
}

function stall({ client, server }: Pair): void {
  client.pause();
  server.pause();
}

/** Takes the rest of the request to nowhere, as a service does that is too busy for it. */
function answer({ client, server }: Pair, { status, type, body }: HttpAnswer): void {
  server.destroy();
  const head = [
    ...[`HTTP/1.1 ${status} -`, `Content-Type: ${type}`, `Content-Length: ${body.length}`],
    ...['Connection: close', '', ''],
  ];
  client.end(head.join('\r\n') + body);
}
