import { DepotError } from '../errors.js';
import { crc32c, encodeCrc32c } from './crc32c.js';
import type { GcsAnswer, GcsClient, GcsRequest } from './gcs-client.js';
import { readRefusal, refusalError } from './gcs-errors.js';
import { findObject, type GcsObject, type NewObject, objectUrl } from './gcs-object.js';
import { partsOf } from './gcs-parts.js';
import { within } from './idle.js';

/** What a blob is uploaded to. */
export interface UploadTarget {
  readonly client: GcsClient;
  readonly bucketName: string;
  readonly object: NewObject;
  /** The condition under which it becomes visible, and who may read it. */
  readonly query: Readonly<Record<string, string>>;
}

/** What the bytes of an upload add up to. */
interface Sent {
  /** Bytes. */
  readonly length: number;
  /** Base64. */
  readonly crc32c: string;
}

/** What the service made of it, or that its condition did not hold: maybe since it is there already. */
type Outcome = { readonly stored: GcsObject } | { readonly unmet: 'new' | 'repeated' };

const action = 'store a blob in';

/** Milliseconds that cancelling an upload may take, after the error that is to be told. */
const cancelTime = 5000;

/**
 * Uploads a blob and returns what the service stored; null where the condition does not hold. It
 * goes in one request where it fits into one part, else part by part. The service compares the
 * whole with its CRC32C before it makes it visible. Whatever fails leaves nothing.
 */
export async function upload(
  target: UploadTarget,
  chunks: AsyncIterable<Uint8Array>,
): Promise<GcsObject | null> {
  let session: string | null = null;
  let sent: Sent = { length: 0, crc32c: encodeCrc32c(0) };
  let crc = 0;
  try {
    for await (const { bytes, last } of partsOf(chunks)) {
      const start = sent.length;
      crc = crc32c(bytes, crc);
      sent = { length: start + bytes.byteLength, crc32c: encodeCrc32c(crc) };
      if (last && session === null)
        return settle(target, sent, await sendWhole(target, bytes, sent));
      session ??= await startSession(target);
      if (session === null) return null;
      const part = { session, bytes, start };
      if (last) return await settle(target, sent, await sendLast(target, part, sent));
      await sendMiddle(target, part);
    }
  } catch (error) {
    if (session !== null) await cancel(target, session);
    throw error;
  }
  throw new Error('the parts came to no end');
}

/** Compares what is stored with what was sent, and finds it where only the answer was lost. */
async function settle(
  target: UploadTarget,
  sent: Sent,
  outcome: Outcome,
): Promise<GcsObject | null> {
  const { client, bucketName, object, query } = target;
  if ('unmet' in outcome) {
    if (outcome.unmet === 'new') return null;
    const found = await findObject(client, bucketName, object.name);
    return found !== null && isSame(found, object, sent) ? found : null;
  }
  const { stored } = outcome;
  if (Number(stored.size) === sent.length && (stored.crc32c ?? sent.crc32c) === sent.crc32c) {
    return stored;
  }
  // Only an emulator lets it come this far: what has been replaced is gone.
  if (query.ifGenerationMatch === '0') {
    const url = objectUrl(bucketName, object.name);
    const { generation } = stored;
    await client.request({ method: 'DELETE', url, query: { generation }, action, accept: [404] });
  }
  throw damaged(target);
}

function isSame(found: GcsObject, { metadata }: NewObject, sent: Sent): boolean {
  const keys = Object.keys(metadata);
  return (
    Number(found.size) === sent.length &&
    found.crc32c === sent.crc32c &&
    keys.length === Object.keys(found.metadata ?? {}).length &&
    keys.every((key) => found.metadata?.[key] === metadata[key])
  );
}

function damaged({ client, object }: UploadTarget): DepotError {
  const what = `cannot store ${object.name} in ${client.bucket}`;
  return new DepotError('damaged', `${what}: it was damaged on the way`, { hint: 'Run it again.' });
}

function post(
  { client, bucketName, query }: UploadTarget,
  uploadType: string,
  rest: Pick<GcsRequest, 'headers' | 'body' | 'accept'>,
): Promise<GcsAnswer> {
  const url = `/upload/storage/v1/b/${encodeURIComponent(bucketName)}/o`;
  return client.request({ method: 'POST', url, query: { ...query, uploadType }, action, ...rest });
}

async function sendWhole(target: UploadTarget, bytes: Uint8Array, sent: Sent): Promise<Outcome> {
  const { object } = target;
  const boundary = `depot-${globalThis.crypto.randomUUID()}`;
  const head = [
    ...[`--${boundary}`, 'Content-Type: application/json; charset=UTF-8', ''],
    JSON.stringify({ ...object, crc32c: sent.crc32c }),
    ...[`--${boundary}`, `Content-Type: ${object.contentType}`, '', ''],
  ].join('\r\n');
  for (let failures = 1; ; failures += 1) {
    const answer = await post(target, 'multipart', {
      headers: { 'Content-Type': `multipart/related; boundary=${boundary}` },
      body: [Buffer.from(head), bytes, Buffer.from(`\r\n--${boundary}--\r\n`)],
      accept: [400, 412],
    });
    if (answer.status !== 400) return outcomeOf(answer);
    await target.client.pause(failures, badRequest(target, answer));
  }
}

function outcomeOf({ status, body, repeated }: GcsAnswer): Outcome {
  return status < 300 ? { stored: JSON.parse(body) } : { unmet: repeated ? 'repeated' : 'new' };
}

/** The error of a body that arrived damaged, by the service's comparison; any other is thrown. */
function badRequest(target: UploadTarget, { status, body }: GcsAnswer): DepotError {
  const { client } = target;
  const refusal = readRefusal(status, body);
  if (/crc32c|checksum/i.test(refusal.message)) return damaged(target);
  throw refusalError(refusal, `cannot ${action} ${client.bucket}`, client.access.anonymous);
}

/** The URL that takes the parts; null where the condition already does not hold. */
async function startSession(target: UploadTarget): Promise<string | null> {
  const { status, headers } = await post(target, 'resumable', {
    headers: { 'Content-Type': 'application/json; charset=UTF-8' },
    body: [Buffer.from(JSON.stringify(target.object))],
    accept: [412],
  });
  if (status === 412) return null;
  const session = headers.get('location');
  if (session !== null) return session;
  throw new DepotError('failed', `cannot ${action} ${target.client.bucket}: it names no session`);
}

interface SessionPart {
  readonly session: string;
  readonly bytes: Uint8Array;
  /** Its first byte's place in the blob. */
  readonly start: number;
}

/** Sends a part, and again what the service says it has not kept of it. */
async function sendMiddle(target: UploadTarget, part: SessionPart): Promise<void> {
  const { bytes, start } = part;
  let kept = 0;
  for (let failures = 0; ; ) {
    const { status, headers } = await putPart(target, part, kept, '*', {}, [308, 404, 410]);
    const now = keptBytes(headers) - start;
    if (status !== 308 || now < 0 || now > bytes.byteLength) throw lostTrack(target);
    if (now === bytes.byteLength) return;
    failures = now > kept ? 0 : failures + 1;
    kept = now;
    if (failures > 0) await target.client.pause(failures, lostTrack(target));
  }
}

/** Sends the last part, which makes the blob visible. */
async function sendLast(target: UploadTarget, part: SessionPart, sent: Sent): Promise<Outcome> {
  let kept = 0;
  for (let failures = 1; ; failures += 1) {
    const hash = { 'X-Goog-Hash': `crc32c=${sent.crc32c}` };
    const expected = [308, 400, 404, 410, 412];
    const answer = await putPart(target, part, kept, String(sent.length), hash, expected);
    if (answer.status === 400) throw badRequest(target, answer);
    // A session ends with the upload: this one may have done so before its answer was lost.
    const ended = answer.status === 404 || answer.status === 410;
    if (ended && !answer.repeated) throw lostTrack(target);
    if (answer.status !== 308) return outcomeOf(answer);
    kept = keptBytes(answer.headers) - part.start;
    if (kept < 0 || kept >= part.bytes.byteLength) throw lostTrack(target);
    await target.client.pause(failures, lostTrack(target));
  }
}

/**
 * After a cut the same bytes are sent again: the service ignores those that it has. An emulator
 * would keep them twice, and takes the question how many it has for the end of the upload; so it
 * gets them again only where it cannot have them.
 */
function putPart(
  { client }: UploadTarget,
  { session, bytes, start }: SessionPart,
  kept: number,
  total: string,
  headers: Readonly<Record<string, string>>,
  accept: readonly number[],
): Promise<GcsAnswer> {
  const range = `bytes ${start + kept}-${start + bytes.byteLength - 1}/${total}`;
  return client.request({
    method: 'PUT',
    url: session,
    headers: { 'Content-Range': range, ...headers },
    body: [bytes.subarray(kept)],
    action,
    accept,
    onlyOnce: total === '*' && !client.access.isGoogle,
  });
}

/** Bytes of the blob that the service has, as the answer to a part tells. */
function keptBytes(headers: Headers): number {
  const end = /-(\d+)$/.exec(headers.get('range') ?? '')?.[1];
  return end === undefined ? 0 : Number(end) + 1;
}

function lostTrack({ client }: UploadTarget): DepotError {
  return new DepotError(
    'failed',
    `cannot ${action} ${client.bucket}: it lost track of the upload`,
    {
      hint: 'Nothing was stored. Run it again.',
    },
  );
}

/** Parts that nobody completes are never visible, and the service drops them after a week. */
async function cancel({ client }: UploadTarget, session: string): Promise<void> {
  const request = { method: 'DELETE', url: session, action, accept: [404, 410, 499] } as const;
  await within(client.request(request), cancelTime).catch(() => {});
}
