import type { ObjectId } from 'mongodb';
import type { BlobMetadata, BlobSource } from '../backend.js';
import { DepotError } from '../errors.js';
import { isDuplicate, wasRefused } from '../mongodb/errors.js';
import { type FileDocument, newFile, versionOf } from './gridfs-file.js';
import { settle } from './gridfs-settle.js';
import type { GridfsStore } from './gridfs-store.js';
import { checkChunks, discard, newUpload, storeChunks, type Upload } from './gridfs-upload.js';

/*
 * How a file comes into being. Its chunks are stored under its _id, and then its files document,
 * which makes it visible, and of which there can be but one. Who finds a chunk of another upload
 * there, be it still under way or left by one that was killed, leaves it alone and goes on with an
 * identifier of its own; once its files document is there, what it found is superfluous, and its
 * own chunks take their place (see gridfs-settle.ts).
 */

const action = 'store a blob in';

/** Stores a new file and returns its length in bytes; `refused` where the identifier is taken. */
export async function createFile(
  store: GridfsStore,
  id: ObjectId,
  source: BlobSource,
  metadata: BlobMetadata,
): Promise<number> {
  const refuseTaken = async (): Promise<void> => {
    if ((await store.find(id)) !== null) throw taken(store, id);
  };
  await store.prepare();
  await refuseTaken();
  const upload = newUpload();
  const isAlone = await undoing(store, upload, async () => {
    const place = { filesId: id, stored: refuseTaken };
    const isElsewhere = await storeChunks(store, upload, source.chunks, place);
    await checkChunks(store, upload);
    return !isElsewhere && !(await hasSurplus(store, id, upload));
  });
  const file = { _id: id, ...newFile(metadata, upload.length, new Date()) };
  const own = { depot_replacement: { chunks: upload.staging } };
  await undoing(
    store,
    upload,
    () => insertFile(store, isAlone ? file : { ...file, ...own }),
    // Where only the answer was lost, the file may be there.
    wasRefused,
  );
  if (!isAlone) await settle(store, id);
  return upload.length;
}

/** Stores the content of a file to be, or to be replaced, where nobody looks for it. */
export async function stage(store: GridfsStore, source: BlobSource): Promise<Upload> {
  await store.prepare();
  const upload = newUpload();
  const { staging } = upload;
  await undoing(store, upload, async () => {
    await storeChunks(store, upload, source.chunks, { filesId: staging });
    await checkChunks(store, upload);
  });
  return upload;
}

/** Removes the upload's chunks, as far as that is possible, where `step` fails with such an error. */
async function undoing<T>(
  store: GridfsStore,
  upload: Upload,
  step: () => Promise<T>,
  isUseless: (error: unknown) => boolean = () => true,
): Promise<T> {
  try {
    return await step();
  } catch (error) {
    if (isUseless(error)) await discard(store, upload).catch(() => {});
    throw error;
  }
}

/** Whether there are chunks behind the upload's last one, such as a removal that was killed leaves. */
async function hasSurplus(
  { chunks, request }: GridfsStore,
  id: ObjectId,
  { count }: Upload,
): Promise<boolean> {
  const found = await request(action, () =>
    chunks.findOne({ files_id: id, n: { $gte: count } }, { projection: { _id: 1 } }),
  );
  return found !== null;
}

async function insertFile(store: GridfsStore, file: FileDocument): Promise<void> {
  await store.request(action, async (earlier) => {
    try {
      await store.files.insertOne(file);
    } catch (error) {
      if (!isDuplicate(error)) throw error;
      const there = earlier === 0 ? null : await store.files.findOne({ _id: file._id });
      if (there === null || versionOf(there) !== versionOf(file)) throw taken(store, file._id);
    }
  });
}

function taken({ description }: GridfsStore, id: ObjectId): DepotError {
  return new DepotError('refused', `cannot create ${id}: ${description} has it already`);
}
