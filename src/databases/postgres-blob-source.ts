import type { BlobSource } from '../backend.js';
import { DepotError } from '../errors.js';
import { gather } from '../streams.js';
import { spool } from './spool.js';

/** Bytes up to which a blob is sent as a value of a statement. */
export const smallBlob = 1024 * 1024;

/**
 * PostgreSQL takes a row of 1 GB less a byte; beside the bytes it has some hundred others in it.
 */
const largestBlob = 1_073_741_823 - 8192;

/** A blob's bytes on their way into the table, their number known. */
export interface Content {
  /** Bytes. */
  readonly length: number;
  /** All of them, where they are few. */
  readonly bytes: Uint8Array | null;
  chunks(): AsyncIterable<Uint8Array>;
  /** Whether they cannot be read any more, since they came once only. */
  isSpent(): boolean;
  close(): Promise<void>;
}

/** Takes in so much of a source that its length is known: all of it, unless it says its length. */
export async function receive(source: BlobSource): Promise<Content> {
  const { length, chunks } = source;
  if (length !== null) {
    checkLength(length);
    if (length <= smallBlob) return small(await gather(source, checkLength));
    let spent = false;
    return {
      length,
      bytes: null,
      chunks() {
        spent = true;
        return chunks;
      },
      isSpent: () => spent,
      close: async () => {},
    };
  }
  const iterator = chunks[Symbol.asyncIterator]();
  const head = await firstBytes(iterator);
  if (head.ended) return small(head.bytes);
  const spooled = await spool(following(head.bytes, iterator), checkLength);
  return { ...spooled, bytes: null, isSpent: () => false };
}

function small(bytes: Uint8Array): Content {
  return {
    length: bytes.byteLength,
    bytes,
    async *chunks() {
      yield bytes;
    },
    isSpent: () => false,
    close: async () => {},
  };
}

async function firstBytes(
  chunks: AsyncIterator<Uint8Array>,
): Promise<{ bytes: Uint8Array; ended: boolean }> {
  const parts: Uint8Array[] = [];
  let length = 0;
  while (length <= smallBlob) {
    const { done, value } = await chunks.next();
    if (done === true) return { bytes: Buffer.concat(parts), ended: true };
    // A copy: the chunk is valid until the next one is asked for.
    parts.push(Uint8Array.from(value));
    length += value.byteLength;
  }
  return { bytes: Buffer.concat(parts), ended: false };
}

async function* following(
  head: Uint8Array,
  rest: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  yield head;
  yield* { [Symbol.asyncIterator]: () => rest };
}

function checkLength(length: number): void {
  if (length <= largestBlob) return;
  throw new DepotError('failed', `PostgreSQL holds blobs of at most ${largestBlob} bytes`, {
    hint: 'Store larger files elsewhere, in local files for example.',
  });
}
