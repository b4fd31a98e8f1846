import type { Hash } from 'node:crypto';
import type { BlobSource } from './backend.js';
import { DepotError, type ErrorKind } from './errors.js';

/** Bytes a chunk at most where we cut a longer value ourselves. */
export const chunkSize = 1024 * 1024;

/**
 * The chunks of `source` until `signal` is aborted, also while the source stalls. One listener a
 * stream, since racing every read against one promise would keep them all in memory.
 */
export async function* abortable(
  source: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const iterator = source[Symbol.asyncIterator]();
  let stop: () => void = () => {};
  const onAbort = (): void => stop();
  signal.addEventListener('abort', onAbort);
  try {
    while (true) {
      const step = await new Promise<IteratorResult<Uint8Array>>((resolve, reject) => {
        if (signal.aborted) reject(signal.reason);
        stop = () => reject(signal.reason);
        iterator.next().then(resolve, reject);
      });
      if (step.done === true) return;
      yield step.value;
    }
  } finally {
    signal.removeEventListener('abort', onAbort);
    // Not awaited: a stalled generator never answers.
    iterator.return?.()?.catch(() => {});
  }
}

/** Lets those wait who would do too much at once. */
export interface Throttle {
  /** Before so many bytes are passed on. */
  bytes(count: number): Promise<void>;
  /** Before so many blobs are read, copied by a service or deleted. */
  operations(count: number): Promise<void>;
}

/** Passes chunks on, each in its turn. */
export async function* paced(
  chunks: AsyncIterable<Uint8Array>,
  throttle: Throttle,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    await throttle.bytes(chunk.byteLength);
    yield chunk;
  }
}

/** Length of what has passed through `measured`, and its SHA-256 where that is wanted. */
export interface Count {
  /** Bytes so far. */
  length: number;
  readonly hash?: Hash;
}

export interface Measure extends Count {
  readonly hash: Hash;
}

export function newMeasure(): Measure {
  // Loaded when first needed: importing it takes as long as all that a listing loads.
  const { createHash } = process.getBuiltinModule('node:crypto');
  return { length: 0, hash: createHash('sha256') };
}

/** In hexadecimal. */
export function sha256Of(bytes: Uint8Array): string {
  return process.getBuiltinModule('node:crypto').hash('sha256', bytes);
}

/** Passes chunks on, counting and hashing them; fails at the end unless they have that length. */
export async function* measured(
  source: AsyncIterable<Uint8Array>,
  measure: Count,
  expected: number | null,
  mismatch: { kind: ErrorKind; what: string },
): AsyncGenerator<Uint8Array> {
  for await (const chunk of source) {
    // Without types a stream may give text, whose length nobody counts in bytes.
    if (!ArrayBuffer.isView(chunk)) throw notBytes(mismatch.what, chunk);
    measure.length += chunk.byteLength;
    if (expected !== null && measure.length > expected) break;
    measure.hash?.update(chunk);
    yield chunk;
  }
  if (expected === null || measure.length === expected) return;
  const found = measure.length > expected ? 'more' : `only ${measure.length} bytes`;
  throw new DepotError(
    mismatch.kind,
    `${mismatch.what}: ${found} where ${expected} bytes were announced`,
  );
}

function notBytes(what: string, chunk: unknown): DepotError {
  return new DepotError('usage', `${what}: its source gives a ${typeof chunk} instead of bytes`, {
    hint: 'Encode text first: Buffer.from(text).',
  });
}

/**
 * Cuts a large buffer into chunks that do not share its memory, so that it can be given back the
 * moment they are read, whoever still holds a chunk.
 */
export function* slices(bytes: Uint8Array): Generator<Uint8Array> {
  for (let start = 0; start < bytes.byteLength; start += chunkSize) {
    // A Buffer's own `slice` would be a view.
    yield Uint8Array.prototype.slice.call(bytes, start, start + chunkSize);
  }
}

/**
 * All bytes of a source in one buffer of exactly their length. `checkLength` throws where that
 * gets too large, before it is held.
 */
export async function gather(
  source: BlobSource,
  checkLength: (length: number) => void,
): Promise<Uint8Array> {
  if (source.length !== null) checkLength(source.length);
  let buffer = new ArrayBuffer(source.length ?? 64 * 1024);
  let length = 0;
  for await (const chunk of source.chunks) {
    const needed = length + chunk.byteLength;
    checkLength(needed);
    if (needed > buffer.byteLength)
      buffer = buffer.transfer(Math.max(needed, 2 * buffer.byteLength));
    new Uint8Array(buffer).set(chunk, length);
    length = needed;
  }
  return new Uint8Array(length === buffer.byteLength ? buffer : buffer.transfer(length));
}

/**
 * Passes chunks on and gives the memory of each back as soon as the next one is asked for. The
 * collector would let some hundred megabytes of them pile up.
 */
export async function* consumed(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    yield chunk;
    release(chunk);
  }
}

/**
 * Gives a large buffer's memory back at once instead of when the collector comes by: two blobs in
 * turn must not be in memory together. The buffer is empty afterwards.
 */
export function release(bytes: Uint8Array): void {
  const { buffer } = bytes;
  const whole = bytes.byteOffset === 0 && bytes.byteLength === buffer.byteLength;
  if (whole && buffer instanceof ArrayBuffer && !buffer.detached) buffer.transfer(0);
}
