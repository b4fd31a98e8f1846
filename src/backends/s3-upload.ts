import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  PutObjectCommand,
  type PutObjectCommandInput,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import type { BlobSource } from '../backend.js';
import { DepotError } from '../errors.js';
import { crc32, encodeCrc32, wholeCrc32 } from './s3-checksum.js';
import { errorCodeOf, explained, isServiceError, statusOf, wasRepeated } from './s3-errors.js';
import { existingObject, findObject, type S3Bucket } from './s3-object.js';
import { type Part, partsOf } from './s3-parts.js';

/** Parts of one blob on their way at once. */
const partsInFlight = 4;

/** Milliseconds that removing the parts of a failed upload may take. */
const abortTime = 10_000;

const action = 'store a blob in';

/** What a blob is uploaded to. */
export interface UploadTarget {
  readonly bucket: S3Bucket;
  readonly key: string;
  readonly attributes: Omit<PutObjectCommandInput, 'Bucket' | 'Key' | 'Body'>;
  /** Whether the key must be free; services that know no such condition are asked before. */
  readonly onlyNew: boolean;
}

/**
 * Uploads a blob, in one request where it fits into one part, else part by part, and returns the
 * bytes that the service counts; null where it had to be new and is not. Whatever fails leaves
 * nothing visible, and no part.
 *
 * The SDK's own `Upload` is not used: where one part fails it goes on to send the others, and it
 * gives up before its parts are removed.
 */
export async function upload(target: UploadTarget, source: BlobSource): Promise<number | null> {
  const parts = partsOf(source);
  const first = await parts.next();
  if (first.done === true) throw new Error('there are no parts');
  if (first.value.last) {
    await parts.return(undefined);
    return putWhole(target, first.value.bytes);
  }
  return uploadParts(target, first.value, parts);
}

/** The condition, where the service knows it. */
const unconditional = new WeakSet<S3Bucket>();

function conditionOf({ bucket, onlyNew }: UploadTarget): { IfNoneMatch?: '*' } {
  return onlyNew && !unconditional.has(bucket) ? { IfNoneMatch: '*' } : {};
}

/** Publishes under the condition; again without it where the service does not know it. */
async function publish<T>(target: UploadTarget, send: () => Promise<T>): Promise<T | null> {
  const { bucket, key, onlyNew } = target;
  if (onlyNew && unconditional.has(bucket) && (await findObject(bucket, key)) !== null) return null;
  try {
    return await send();
  } catch (error) {
    const refused = isServiceError(error) && errorCodeOf(error) === 'NotImplemented';
    if (!refused || !onlyNew || unconditional.has(bucket)) throw error;
    unconditional.add(bucket);
    return publish(target, send);
  }
}

/** What the bytes of an upload add up to. */
interface Sent {
  /** Bytes. */
  readonly length: number;
  readonly crc: number;
}

async function putWhole(target: UploadTarget, bytes: Uint8Array): Promise<number | null> {
  const { bucket, key, attributes } = target;
  const { client, checksums } = bucket.access;
  const sent = { length: bytes.byteLength, crc: crc32(bytes) };
  const send = () =>
    client.send(
      new PutObjectCommand({
        ...{ Bucket: bucket.name, Key: key, Body: bytes, ContentLength: bytes.byteLength },
        ...attributes,
        ...conditionOf(target),
        ...(checksums ? { ChecksumCRC32: encodeCrc32(sent.crc) } : {}),
      }),
    );
  try {
    // The service has compared what came with the signature of the request, which names its hash.
    return (await publish(target, send)) === null ? null : sent.length;
  } catch (error) {
    return settle(target, sent, error);
  }
}

/** Finds out what an error left: an earlier try may have been carried out, and its answer lost. */
async function settle(target: UploadTarget, sent: Sent, error: unknown): Promise<number | null> {
  const { bucket, key, attributes } = target;
  const unmet = statusOf(error) === 412 || statusOf(error) === 409;
  const gone = isServiceError(error) && errorCodeOf(error) === 'NoSuchUpload';
  if (wasRepeated(error) && (unmet || gone)) {
    const found = await findObject(bucket, key);
    const crc = found === null ? null : wholeCrc32(found);
    const ours =
      found?.ContentLength === sent.length &&
      (crc ?? encodeCrc32(sent.crc)) === encodeCrc32(sent.crc) &&
      JSON.stringify(found.Metadata) === JSON.stringify(attributes.Metadata);
    if (ours) return sent.length;
  }
  if (unmet && target.onlyNew) return null;
  throw explained(error, `cannot ${action} ${bucket.described}`);
}

/** A multipart upload that has begun. */
interface Session {
  readonly target: UploadTarget;
  readonly id: string;
  readonly stop: AbortController;
}

async function uploadParts(
  target: UploadTarget,
  first: Part,
  rest: AsyncGenerator<Part>,
): Promise<number | null> {
  const session = await begin(target).catch(async (error: unknown) => {
    await rest.return(undefined);
    throw explained(error, `cannot ${action} ${target.bucket.described}`);
  });
  try {
    const { completed, sent } = await sendParts(session, first, rest);
    return await complete(session, completed, sent);
  } catch (error) {
    await abort(session);
    throw explained(error, `cannot ${action} ${target.bucket.described}`);
  }
}

async function begin(target: UploadTarget): Promise<Session> {
  const { bucket, key, attributes } = target;
  const { client, checksums } = bucket.access;
  const { UploadId } = await client.send(
    new CreateMultipartUploadCommand({
      ...{ Bucket: bucket.name, Key: key },
      ...attributes,
      ...(checksums ? { ChecksumAlgorithm: 'CRC32', ChecksumType: 'FULL_OBJECT' } : {}),
    }),
  );
  if (UploadId === undefined) throw new Error('the service names no upload');
  return { target, id: UploadId, stop: new AbortController() };
}

/** Sends several parts at once, and reads no further once one of them has failed. */
async function sendParts(
  session: Session,
  first: Part,
  rest: AsyncGenerator<Part>,
): Promise<{ completed: CompletedPart[]; sent: Sent }> {
  const completed: CompletedPart[] = [];
  const running = new Set<Promise<void>>();
  let failure: { error: unknown } | null = null;
  const sent = { length: 0, crc: 0 };
  const start = (part: Part): void => {
    sent.length += part.bytes.byteLength;
    sent.crc = crc32(part.bytes, sent.crc);
    const sending = sendPart(session, part)
      .then((done) => {
        completed[part.number - 1] = done;
        part.free();
      })
      .catch((error: unknown) => {
        failure ??= { error };
      })
      .finally(() => running.delete(sending));
    running.add(sending);
  };
  try {
    start(first);
    for await (const part of rest) {
      start(part);
      while (running.size >= partsInFlight && failure === null) await Promise.race(running);
      if (failure !== null) break;
    }
  } catch (error) {
    failure ??= { error };
    session.stop.abort();
  }
  await Promise.all(running);
  if (failure !== null) throw (failure as { error: unknown }).error;
  return { completed, sent };
}

async function sendPart({ target, id, stop }: Session, part: Part): Promise<CompletedPart> {
  const { bucket, key } = target;
  const { client, checksums } = bucket.access;
  const crc = checksums ? { ChecksumCRC32: encodeCrc32(crc32(part.bytes)) } : {};
  const { ETag } = await client.send(
    new UploadPartCommand({
      ...{ Bucket: bucket.name, Key: key, UploadId: id, PartNumber: part.number },
      ...{ Body: part.bytes, ContentLength: part.bytes.byteLength },
      ...crc,
    }),
    { abortSignal: stop.signal },
  );
  return { ETag, PartNumber: part.number, ...crc };
}

async function complete(
  { target, id }: Session,
  parts: CompletedPart[],
  sent: Sent,
): Promise<number | null> {
  const { bucket, key } = target;
  const { client, checksums } = bucket.access;
  const whole = checksums
    ? { ChecksumCRC32: encodeCrc32(sent.crc), ChecksumType: 'FULL_OBJECT' as const }
    : {};
  const send = () =>
    client.send(
      new CompleteMultipartUploadCommand({
        ...{ Bucket: bucket.name, Key: key, UploadId: id, MultipartUpload: { Parts: parts } },
        ...whole,
        ...conditionOf(target),
      }),
    );
  let published: unknown;
  try {
    published = await publish(target, send);
  } catch (error) {
    published = await settle(target, sent, error);
  }
  if (published === null) {
    await abort({ target, id, stop: new AbortController() });
    return null;
  }
  return (await existingObject(bucket, key)).ContentLength ?? 0;
}

/** Removes the parts. Those that cannot be are never visible. */
async function abort({ target, id }: Session): Promise<void> {
  const { bucket, key } = target;
  const command = new AbortMultipartUploadCommand({
    ...{ Bucket: bucket.name, Key: key, UploadId: id },
  });
  const abortSignal = AbortSignal.timeout(abortTime);
  await bucket.access.client.send(command, { abortSignal }).catch(() => {});
}

/** The error of a key that is taken. */
export function taken({ described }: S3Bucket, id: string): DepotError {
  return new DepotError('refused', `cannot create ${id}: ${described} has it already`);
}
