import type { ByteRange } from '../backend.js';
import { DepotError } from '../errors.js';
import { chunkSize } from '../streams.js';
import { crc32c, encodeCrc32c } from './crc32c.js';
import type { GcsClient, GcsStream } from './gcs-client.js';
import { isCut, transportError } from './gcs-errors.js';
import { type GcsObject, objectUrl } from './gcs-object.js';

/** A version of an object, and the part of it that is read. */
export interface Wanted {
  readonly client: GcsClient;
  readonly bucketName: string;
  readonly object: GcsObject;
  readonly range: ByteRange | undefined;
}

/** Bytes on their way. */
export interface Download {
  readonly chunks: AsyncIterable<Uint8Array>;
  close(): void;
}

const action = 'read a blob from';

/** The connection in use, and whether the version that is read has gone. */
interface Reading {
  stream: GcsStream;
  replaced: boolean;
}

/**
 * Begins to read exactly this version; null where another one has replaced it or it is gone. A
 * connection that is cut is taken up again where it broke. What is read whole is compared with its
 * CRC32C: a small blob before any of it is given out, so that it can be asked for again.
 */
export async function download(wanted: Wanted): Promise<Download | null> {
  const { object, range } = wanted;
  if (Number(object.size) === 0) return { chunks: none(), close() {} };
  const start = range?.start ?? 0;
  for (let failures = 1; ; failures += 1) {
    const stream = await openAt(wanted, start);
    if (stream === null) return null;
    const reading: Reading = { stream, replaced: false };
    const chunks = resumed(wanted, reading, start);
    const close = (): void => reading.stream.close();
    if (range !== undefined) return { chunks, close };
    if (Number(object.size) > chunkSize) return { chunks: verified(wanted, chunks), close };
    const bytes = await whole(chunks).catch((error: unknown) => {
      if (reading.replaced) return null;
      throw error;
    });
    if (bytes === null) return null;
    if (matches(object, crc32c(bytes))) return { chunks: once(bytes), close };
    await wanted.client.pause(failures, damaged(wanted));
  }
}

async function openAt(wanted: Wanted, start: number): Promise<GcsStream | null> {
  const { client, bucketName, object, range } = wanted;
  const part = range !== undefined || start > 0;
  const stream = await client.open({
    method: 'GET',
    url: objectUrl(bucketName, object.name),
    query: { alt: 'media', generation: object.generation },
    headers: {
      // What is stored compressed is wanted as it is: its length and checksum are those.
      'Accept-Encoding': 'gzip',
      ...(part ? { Range: `bytes=${start}-${range?.end ?? Number(object.size) - 1}` } : {}),
    },
    action,
    accept: [404],
  });
  if (stream.status === 404) {
    stream.close();
    return null;
  }
  if (part && stream.status !== 206) {
    stream.close();
    throw new DepotError('failed', `cannot ${action} ${client.bucket}: it serves no ranges`);
  }
  return stream;
}

/** The bytes from `start` on, over as many connections as it takes. */
async function* resumed(
  wanted: Wanted,
  reading: Reading,
  start: number,
): AsyncGenerator<Uint8Array> {
  const { client, object, range } = wanted;
  const what = `cannot ${action} ${client.bucket}`;
  const end = range?.end ?? Number(object.size) - 1;
  let position = start;
  for (let failures = 0; ; ) {
    let cut: unknown = Object.assign(new Error('it ended early'), { code: 'ECONNRESET' });
    try {
      for await (const chunk of reading.stream.chunks) {
        position += chunk.byteLength;
        failures = 0;
        // The transport's buffers are shared by several chunks.
        yield Uint8Array.prototype.slice.call(chunk);
      }
    } catch (error) {
      if (!isCut(error)) throw transportError(error, what);
      cut = error;
    }
    if (position > end) return;
    failures += 1;
    await client.pause(failures, transportError(cut, what));
    const stream = await openAt(wanted, position);
    if (stream === null) {
      reading.replaced = true;
      throw new DepotError('failed', `${what}: it was replaced meanwhile`);
    }
    reading.stream = stream;
  }
}

async function* verified(
  wanted: Wanted,
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  let crc = 0;
  for await (const chunk of chunks) {
    crc = crc32c(chunk, crc);
    yield chunk;
  }
  if (!matches(wanted.object, crc)) throw damaged(wanted);
}

/** What a customer's key encrypts has no checksum that its other readers could see. */
function matches(object: GcsObject, crc: number): boolean {
  return object.crc32c === undefined || object.crc32c === encodeCrc32c(crc);
}

function damaged({ client, object }: Wanted): DepotError {
  const blob = `damaged blob ${object.name} in ${client.bucket}`;
  return new DepotError('damaged', `${blob}: its bytes do not match its CRC32C`);
}

async function whole(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return Uint8Array.from(Buffer.concat(parts));
}

async function* none(): AsyncGenerator<Uint8Array> {}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
