import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { GetObjectCommand, type GetObjectCommandOutput } from '@aws-sdk/client-s3';
import type { ByteRange } from '../backend.js';
import { DepotError } from '../errors.js';
import { type NetworkOptions, networkError } from '../network.js';
import { idleError, idleGuard } from './idle.js';
import { pauseAfter, retries } from './retries.js';
import { type Check, checkOf } from './s3-checksum.js';
import { errorCodeOf, explained, isServiceError, statusOf } from './s3-errors.js';
import { checkBucket, missing, type S3Bucket } from './s3-object.js';

const action = 'read a blob from';

/** An object's headers, and its bytes on their way. */
export interface Download {
  readonly head: GetObjectCommandOutput;
  readonly chunks: AsyncIterable<Uint8Array>;
  close(): void;
}

/** The body that is being read. */
interface Reading {
  body: Readable;
}

/**
 * Begins to read an object as it is now. A connection that is cut is taken up again where it broke,
 * as long as the object is the same. What is read whole is compared with its checksum.
 */
export async function download(
  bucket: S3Bucket,
  key: string,
  range: ByteRange | undefined,
  network: NetworkOptions,
): Promise<Download> {
  const head = await get(bucket, key, range === undefined ? {} : { Range: rangeOf(range) });
  const reading = { body: head.Body as Readable };
  const span = range ?? { start: 0, end: (head.ContentLength ?? 0) - 1 };
  const chunks = resumed({ bucket, key, head, network }, reading, span);
  const check = range === undefined ? checkOf(head) : null;
  return {
    head: range === undefined ? head : { ...head, ContentLength: lengthOf(head) },
    chunks: check === null ? chunks : checked(chunks, check, `${key} in ${bucket.described}`),
    close: () => void reading.body.destroy(),
  };
}

/** Of the whole object, where a part of it was asked for: `bytes 0-4/1000`. */
function lengthOf({ ContentRange, ContentLength }: GetObjectCommandOutput): number {
  const whole = /\/(\d+)$/.exec(ContentRange ?? '')?.[1];
  return whole === undefined ? (ContentLength ?? 0) : Number(whole);
}

function rangeOf({ start, end }: ByteRange): string {
  return `bytes=${start}-${end}`;
}

async function get(
  bucket: S3Bucket,
  key: string,
  options: { Range?: string; IfMatch?: string },
): Promise<GetObjectCommandOutput> {
  const command = new GetObjectCommand({ Bucket: bucket.name, Key: key, ...options });
  if (options.Range === undefined) askForChecksum(command);
  try {
    return await bucket.access.client.send(command);
  } catch (error) {
    if (isServiceError(error) && errorCodeOf(error) === 'NoSuchKey') throw missing(bucket, key);
    if (statusOf(error) === 404) await checkBucket(bucket, action);
    throw explained(error, `cannot ${action} ${bucket.described}`);
  }
}

/** By the header alone: the parameter would make the SDK compare it, over one connection only. */
function askForChecksum(command: GetObjectCommand): void {
  command.middlewareStack.add(
    (next) => (args) => {
      const { headers } = args.request as { headers: Record<string, string> };
      headers['x-amz-checksum-mode'] = 'ENABLED';
      return next(args);
    },
    { step: 'build', name: 'depotAskForChecksum' },
  );
}

interface Wanted {
  readonly bucket: S3Bucket;
  readonly key: string;
  readonly head: GetObjectCommandOutput;
  readonly network: NetworkOptions;
}

async function* resumed(
  { bucket, key, head, network }: Wanted,
  reading: Reading,
  { start, end }: ByteRange,
): AsyncGenerator<Uint8Array> {
  const what = `cannot ${action} ${bucket.described}`;
  let position = start;
  for (let failures = 0; ; ) {
    let cut: unknown = Object.assign(new Error('it ended early'), { code: 'ECONNRESET' });
    try {
      for await (const chunk of heard(reading.body, network.idleTimeout)) {
        position += chunk.byteLength;
        failures = 0;
        // Several chunks share one buffer of the transport's.
        yield Uint8Array.prototype.slice.call(chunk);
      }
    } catch (error) {
      if (!isCut(error)) throw explained(error, what);
      cut = error;
    }
    if (position > end) return;
    failures += 1;
    if (failures > retries) throw explained(cut, what);
    await sleep(pauseAfter(failures));
    network.retried();
    const Range = rangeOf({ start: position, end });
    const again = head.ETag === undefined ? { Range } : { Range, IfMatch: head.ETag };
    reading.body = (await get(bucket, key, again)).Body as Readable;
  }
}

/** A connection that broke is worth another try; one that stalled is not, nor any other error. */
function isCut(error: unknown): boolean {
  if (error instanceof Error && 'code' in error && error.code === 'ETIMEDOUT') return false;
  return networkError(error, '') !== null || isAborted(error);
}

/** What Node says of a body whose connection was closed before its end. */
function isAborted(error: unknown): boolean {
  return error instanceof Error && (error.message === 'aborted' || error.name === 'AbortError');
}

async function* heard(body: Readable, idleTimeout: number): AsyncGenerator<Uint8Array> {
  const guard = idleGuard(idleTimeout);
  guard.signal.addEventListener('abort', () => body.destroy(idleError()));
  // Nobody may be listening when the connection breaks.
  body.on('error', () => {});
  try {
    guard.moved();
    for await (const chunk of body) {
      guard.rest();
      yield chunk;
      guard.moved();
    }
  } finally {
    guard.rest();
    body.destroy();
  }
}

async function* checked(
  chunks: AsyncIterable<Uint8Array>,
  check: Check,
  blob: string,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    check.update(chunk);
    yield chunk;
  }
  if (check.matches()) return;
  throw new DepotError('damaged', `damaged blob ${blob}: its bytes do not match its ${check.name}`);
}
