import { randomBytes } from 'node:crypto';
import { ObjectId } from 'mongodb';
import { DepotError } from '../errors.js';
import { isDuplicate, storedBefore } from '../mongodb/errors.js';
import { type ChunkDocument, chunkBytes } from './gridfs-file.js';
import type { GridfsStore } from './gridfs-store.js';

/** Chunks that are sent in one request: 4 MB. */
const batchLength = 16;

/** Chunks of one upload that its identifiers can count. */
const mostChunks = 0xff_ff_ff;

/** Milliseconds after which chunks of no file may be taken for a killed writer's. */
export const longestUpload = 60 * 60 * 1000;

/** Small requests, one a chunk, that are sent together. */
const operationBatch = 100;

/**
 * The chunks of one upload. The first nine bytes of their `_id` are the upload's own (as in any
 * ObjectId a time in seconds and what makes it unique), the last three are `n`. So each chunk is
 * known to be this upload's, wherever its `files_id` says that it is.
 */
export interface Upload {
  /** The `files_id` of chunks that belong to no file yet: the upload's nine bytes and 0xffffff. */
  readonly staging: ObjectId;
  /** Chunks stored so far. */
  count: number;
  /** Bytes stored so far. */
  length: number;
}

const counter = randomBytes(5);

export function newUpload(): Upload {
  const bytes = Buffer.alloc(12, 0xff);
  bytes.writeUInt32BE(Math.floor(Date.now() / 1000) >>> 0, 0);
  for (let place = 4; place >= 0; place -= 1) {
    counter[place] = ((counter[place] as number) + 1) & 0xff;
    if (counter[place] !== 0) break;
  }
  bytes.set(counter, 4);
  return { staging: new ObjectId(bytes), count: 0, length: 0 };
}

/** Whether it is an upload's, and no file's. */
export function isStaging(id: ObjectId): boolean {
  return id.toHexString().endsWith('ffffff');
}

/** The `_id` of chunk `n` of an upload. */
export function chunkId(staging: ObjectId, n: number): ObjectId {
  const bytes = Buffer.from(staging.id);
  bytes.writeUIntBE(n, 9, 3);
  return new ObjectId(bytes);
}

/**
 * Stores the bytes as chunks under `filesId`. Where another upload has put chunks there, it goes on
 * under the upload's own `staging`; returns whether that was so. `stored` is called after each batch.
 */
export async function storeChunks(
  store: GridfsStore,
  upload: Upload,
  source: AsyncIterable<Uint8Array>,
  { filesId, stored }: { filesId: ObjectId; stored?: () => Promise<void> },
): Promise<boolean> {
  let target = filesId;
  for await (const batch of batchesOf(source)) {
    if (upload.count + batch.length > mostChunks) {
      throw new DepotError(
        'failed',
        `cannot store a blob of more than 4 TB in ${store.description}`,
      );
    }
    const documents = batch.map((data, index) => {
      const n = upload.count + index;
      return { _id: chunkId(upload.staging, n), files_id: target, n, data };
    });
    // Counted before they are sent: what fails may be stored all the same.
    upload.count += batch.length;
    const taken = await insertChunks(store, documents);
    if (taken.length > 0) {
      target = upload.staging;
      await insertChunks(
        store,
        taken.map((chunk) => ({ ...chunk, files_id: target })),
      );
    }
    upload.length += batch.reduce((sum, { byteLength }) => sum + byteLength, 0);
    await stored?.();
  }
  return !target.equals(filesId);
}

/** Inserts the chunks in their order; returns those from where another upload's chunk is. */
async function insertChunks(
  { chunks, request }: GridfsStore,
  documents: readonly ChunkDocument[],
): Promise<readonly ChunkDocument[]> {
  let rest = documents;
  while (rest.length > 0) {
    const taken = await request('store a blob in', async () => {
      try {
        await chunks.insertMany([...rest]);
        return null;
      } catch (error) {
        if (!isDuplicate(error)) throw error;
        rest = rest.slice(storedBefore(error));
        return rest[0] ?? null;
      }
    });
    if (taken === null) return [];
    // The first may be there since the request was sent twice.
    const { _id } = taken;
    const own = await request('store a blob in', () =>
      chunks.findOne({ _id }, { projection: { _id: 1 } }),
    );
    if (own === null) return rest;
    rest = rest.slice(1);
  }
  return [];
}

/** Cuts a source into batches of chunks, whose memory is used again for the next batch. */
async function* batchesOf(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array[]> {
  const buffers: Uint8Array[] = [];
  let full = 0;
  let used = 0;
  for await (const bytes of source) {
    for (let start = 0; start < bytes.byteLength; ) {
      buffers[full] ??= Buffer.allocUnsafeSlow(chunkBytes);
      const part = bytes.subarray(start, start + chunkBytes - used);
      (buffers[full] as Uint8Array).set(part, used);
      start += part.byteLength;
      used += part.byteLength;
      if (used < chunkBytes) continue;
      full += 1;
      used = 0;
      if (full < batchLength) continue;
      yield buffers;
      full = 0;
    }
  }
  const last = used === 0 ? [] : [(buffers[full] as Uint8Array).subarray(0, used)];
  if (full + last.length > 0) yield [...buffers.slice(0, full), ...last];
}

/** Fails where chunks are missing of an upload that took so long that others may have removed them. */
export async function checkChunks({ chunks, request }: GridfsStore, upload: Upload): Promise<void> {
  const { staging, count } = upload;
  if (staging.getTimestamp().getTime() > Date.now() - longestUpload / 2) return;
  const own = { _id: { $gte: chunkId(staging, 0), $lt: staging } };
  const found = await request('store a blob in', () => chunks.countDocuments(own));
  if (found === count) return;
  throw new DepotError('failed', 'cannot store a blob: its chunks were removed meanwhile', {
    hint: 'Run it again, and gc with an age that is longer than an upload takes.',
  });
}

/** Removes the upload's chunks, wherever they are. */
export async function discard(store: GridfsStore, upload: Upload): Promise<void> {
  const ids = Array.from({ length: upload.count }, (_, n) => chunkId(upload.staging, n));
  await removeChunks(store, ids);
}

/** Removes chunks by their `_id`, the last ones first. */
export async function removeChunks(
  { chunks, request }: GridfsStore,
  ids: readonly ObjectId[],
): Promise<void> {
  for (let end = ids.length; end > 0; end -= operationBatch) {
    const batch = ids.slice(Math.max(end - operationBatch, 0), end).reverse();
    const operations = batch.map((_id) => ({ deleteOne: { filter: { _id } } }));
    await request('remove chunks from', () => chunks.bulkWrite(operations));
  }
}

/**
 * Gives chunks 0 to `count` of an upload to a file; false where another one's chunk is in the place
 * of one of them.
 */
export async function giveChunks(
  { chunks, request }: GridfsStore,
  { staging, count, filesId }: { staging: ObjectId; count: number; filesId: ObjectId },
): Promise<boolean> {
  for (let start = 0; start < count; start += operationBatch) {
    const length = Math.min(operationBatch, count - start);
    const operations = Array.from({ length }, (_, index) => {
      const filter = { _id: chunkId(staging, start + index) };
      return { updateOne: { filter, update: { $set: { files_id: filesId } } } };
    });
    const given = await request('store a blob in', async () => {
      try {
        await chunks.bulkWrite(operations);
        return true;
      } catch (error) {
        if (isDuplicate(error)) return false;
        throw error;
      }
    });
    if (!given) return false;
  }
  return true;
}
