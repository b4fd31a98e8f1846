import { Long, type ObjectId } from 'mongodb';
import { DepotError } from '../errors.js';
import { chunkBytes, type FileDocument, type FileFields, lengthOf } from './gridfs-file.js';
import type { GridfsStore } from './gridfs-store.js';
import { chunkId, giveChunks, removeChunks } from './gridfs-upload.js';

/*
 * How content changes. A GridFS has no place for two contents of one file: its chunks are those
 * whose files_id is the file's _id, which is how Python reads them. So new content is uploaded
 * under an identifier of its own, where nobody looks (`Upload.staging`), and then switched:
 *
 *  1. commit: the files document gets the key `depot_replacement`, which names the upload and what
 *     the document will be. This one change of one document is what makes the content the new one.
 *     From here on we read the upload's chunks, by their _id, wherever they are.
 *  2. the chunks of the old content are removed;
 *  3. the document becomes the new one, still with the upload's name;
 *  4. the upload's chunks get the file's _id, one after the other;
 *  5. the upload's name is taken from the document, which now is as Python writes it.
 *
 * Stopped anywhere before 1 the file is the old one, after it the new one, and whoever writes to the
 * file next goes on with 2 to 5, all of which may be done twice, also by two at a time. Between 2
 * and 5 Python finds chunks missing, which it says; it never gets other bytes than the file's.
 *
 * Who removes chunks or moves them names each by its _id, which is never used again, and has seen
 * that the document was still the one that makes them superfluous after it had found them.
 *
 * For one version of a file one replacement is tried at a time: it has a claim, a document among the
 * chunks with an _id that follows from the file and its version. MongoDB needs none, since it
 * compares and changes a document in one step, but others that speak its protocol do not.
 */

/** Chunks looked up at a time. */
const page = 1000;

/** How often other writers' chunks are removed that keep coming. */
const rounds = 20;

/** Brings a committed replacement to its end, whoever began it; without one there is nothing to do. */
export async function settle(store: GridfsStore, id: ObjectId): Promise<void> {
  for (let round = 0; round < rounds; round += 1) {
    const document = await store.find(id);
    if (document?.depot_replacement === undefined) return;
    const { chunks: upload, file } = document.depot_replacement;
    const fields = fieldsOf(document);
    await removeOthers(store, id, upload);
    if (file !== undefined) {
      await become(store, id, upload, { ...fields, depot_replacement: { chunks: upload } });
    }
    const count = Math.ceil((lengthOf(fields) ?? 0) / chunkBytes);
    const isWhole = await giveChunks(store, { staging: upload, count, filesId: id });
    if (isWhole) await become(store, id, upload, fields);
  }
  throw new DepotError(
    'failed',
    `cannot replace ${id} in ${store.description}: others write to it`,
    {
      hint: 'Its new content is stored and readable by depot. Run it again for other readers.',
    },
  );
}

/** What the document becomes; the driver gives `length` in another type than it must have. */
function fieldsOf({ _id, depot_replacement: replacement, ...fields }: FileDocument): FileFields {
  const file: FileFields = replacement?.file ?? fields;
  return { ...file, length: Long.fromNumber(lengthOf(file) ?? 0) };
}

async function become(
  { files, request }: GridfsStore,
  id: ObjectId,
  upload: ObjectId,
  fields: FileFields & Pick<FileDocument, 'depot_replacement'>,
): Promise<void> {
  await request('store a blob in', () =>
    files.replaceOne({ _id: id, 'depot_replacement.chunks': upload }, fields),
  );
}

/** Removes the chunks of the file that are not of this upload, for as long as it is the content. */
async function removeOthers(store: GridfsStore, id: ObjectId, upload: ObjectId): Promise<void> {
  const { chunks, request } = store;
  const outside = [{ _id: { $lt: chunkId(upload, 0) } }, { _id: { $gt: upload } }];
  while (true) {
    const found = await request('look for old chunks in', () =>
      chunks
        .find({ files_id: id, $or: outside }, { projection: { _id: 1 }, limit: page })
        .toArray(),
    );
    if (found.length === 0) return;
    const current = await store.find(id);
    if (current?.depot_replacement?.chunks.equals(upload) !== true) return;
    await removeChunks(
      store,
      found.map(({ _id }) => _id),
    );
  }
}
