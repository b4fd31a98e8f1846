import { createHash } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { type Filter, ObjectId } from 'mongodb';
import type { BlobMetadata } from '../backend.js';
import { isDuplicate } from '../mongodb/errors.js';
import { type FileDocument, newFile, type Replacement } from './gridfs-file.js';
import { settle } from './gridfs-settle.js';
import type { GridfsStore } from './gridfs-store.js';
import { discard, removeChunks, type Upload } from './gridfs-upload.js';

/** Milliseconds that another writer is waited for before it counts as stopped. */
const patience = 3000;

/** Milliseconds between two looks at what another writer does. */
const pause = 20;

const action = 'store a blob in';
const deletion = 'delete a blob in';

/** Says of something that has been the same for too long. */
function newPatience(): (what: string) => Promise<boolean> {
  let seen = '';
  let since = 0;
  return async (what) => {
    if (what !== seen) {
      seen = what;
      since = performance.now();
    }
    if (performance.now() - since > patience) return true;
    await setTimeout(pause);
    return false;
  };
}

/** The files document once no replacement is under way any more; null where there is none. */
async function settledFile(store: GridfsStore, id: ObjectId): Promise<FileDocument | null> {
  const waited = newPatience();
  while (true) {
    const document = await store.find(id);
    const replacement = document?.depot_replacement;
    if (replacement === undefined) return document;
    if (await waited(JSON.stringify(replacement))) await settle(store, id);
  }
}

/**
 * Makes the upload the content of an existing file. False, with the upload's chunks removed, where
 * the file is gone.
 */
export async function switchTo(
  store: GridfsStore,
  id: ObjectId,
  upload: Upload,
  metadata: BlobMetadata,
): Promise<boolean> {
  const waited = newPatience();
  while (true) {
    const current = await settledFile(store, id);
    if (current === null) {
      await discard(store, upload);
      return false;
    }
    const claim = claimOf(current);
    if (!(await insertClaim(store, claim, upload))) {
      if (await waited(claim.toHexString())) await removeChunks(store, [claim]);
      continue;
    }
    const isCommitted = await commit(store, current, upload, metadata);
    if (isCommitted) await settle(store, id);
    await removeChunks(store, [claim]);
    if (isCommitted) return true;
  }
}

async function commit(
  store: GridfsStore,
  current: FileDocument,
  upload: Upload,
  metadata: BlobMetadata,
): Promise<boolean> {
  const file = newFile(metadata, upload.length, laterThan(current.uploadDate));
  const replacement: Replacement = { chunks: upload.staging, file };
  await store.request(action, () =>
    store.files.updateOne(unchanged(current), { $set: { depot_replacement: replacement } }),
  );
  const now = await store.find(current._id);
  return now?.depot_replacement?.chunks.equals(upload.staging) === true;
}

/** Removes a file and its chunks; false where there is none. */
export async function removeFile(store: GridfsStore, id: ObjectId): Promise<boolean> {
  const { files, chunks, request } = store;
  while (true) {
    const current = await settledFile(store, id);
    if (current === null) return false;
    const found = await request(deletion, () =>
      chunks
        .find({ files_id: id }, { projection: { _id: 1 } })
        .sort({ n: 1 })
        .toArray(),
    );
    const isGone = await request(deletion, async (earlier) => {
      const { deletedCount } = await files.deleteOne(unchanged(current));
      return deletedCount === 1 || (earlier > 0 && (await files.findOne({ _id: id })) === null);
    });
    if (!isGone) continue;
    await removeChunks(
      store,
      found.map(({ _id }) => _id),
    );
    return true;
  }
}

/** That the files document is still this one. */
function unchanged({ _id, uploadDate = null }: FileDocument): Filter<FileDocument> {
  return { _id, uploadDate, depot_replacement: { $exists: false } };
}

/** The `_id` of the claim to replace this version of the file. */
function claimOf({ _id, uploadDate }: FileDocument): ObjectId {
  const version = uploadDate instanceof Date ? uploadDate.getTime() : '';
  const hash = createHash('sha256').update(`replace ${_id.toHexString()} ${version}`);
  return new ObjectId(hash.digest().subarray(0, 12));
}

async function insertClaim(
  { chunks, request }: GridfsStore,
  claim: ObjectId,
  { staging }: Upload,
): Promise<boolean> {
  return request(action, async () => {
    try {
      await chunks.insertOne({ _id: claim, files_id: staging, n: -1 });
      return true;
    } catch (error) {
      if (!isDuplicate(error)) throw error;
      // It may be our own, of a request that was sent twice.
      const there = await chunks.findOne({ _id: claim });
      return there?.files_id.equals(staging) === true;
    }
  });
}

/** Now, but always after that: no two versions of a file have the same time. */
function laterThan(uploadDate: unknown): Date {
  const before = uploadDate instanceof Date ? uploadDate.getTime() : 0;
  return new Date(Math.max(Date.now(), before + 1));
}
