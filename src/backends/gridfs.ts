import { ObjectId } from 'mongodb';
import type { Backend, BlobContent, ByteRange, Place } from '../backend.js';
import { DepotError } from '../errors.js';
import { firstOf, noPage } from '../listing.js';
import type { NetworkStorage } from '../network.js';
import { release } from '../streams.js';
import { createFile, stage } from './gridfs-create.js';
import { type FileDocument, infoOf } from './gridfs-file.js';
import { chunksWithoutFile } from './gridfs-leftovers.js';
import { checkedLength, type FileReader, hasItsChunks, openReader } from './gridfs-read.js';
import { removeFile, switchTo } from './gridfs-replace.js';
import { type GridfsSettings, type GridfsStore, openStore } from './gridfs-store.js';
import { derivedObjectId } from './identifiers.js';

/** Identifiers listed at a time. */
const listPage = 250;

/** How often a read begins anew when the blob is replaced before any of its bytes have come. */
const readAttempts = 20;

/** Blobs as `depot.io.gridfs.GridFSStorage` keeps them: files of a GridFS in MongoDB. */
export function openGridfs(settings: GridfsSettings, network: NetworkStorage): Backend {
  const store = openStore(settings, network);
  const { description } = store;
  const missing = (id: string): DepotError =>
    new DepotError('not-found', `no blob ${id} in ${description}`);
  const existing = async (id: string): Promise<FileDocument> => {
    const document = await store.find(new ObjectId(id));
    if (document === null) throw missing(id);
    return document;
  };
  const read: Backend['read'] = async (id, range) => {
    for (let attempt = 1; attempt <= readAttempts; attempt += 1) {
      const content = await readOnce(store, await existing(id), range);
      if (content !== null) return content;
    }
    throw new DepotError('failed', `cannot read ${id} in ${description}: it keeps being replaced`);
  };

  return {
    holdsWholeBlobs: false,
    ephemeral: false,
    place: async () => placeOf(store),
    async ping() {
      // More than the server's ping command, which is answered to anybody.
      await store.find(new ObjectId('0'.repeat(24)));
    },
    async provision() {
      await store.provision();
      return description;
    },
    acceptsId: acceptsObjectId,
    newId: () => new ObjectId().toHexString(),
    idFor: derivedObjectId,
    publicUrl: () => null,
    async info(id) {
      const document = await existing(id);
      return infoOf(document, checkedLength(store, document));
    },
    async inspect(id) {
      const document = await existing(id);
      if (await hasItsChunks(store, document)) {
        return infoOf(document, checkedLength(store, document));
      }
      // Reading it tells what is wrong, or that it was replaced meanwhile.
      const { info, chunks } = await read(id);
      for await (const chunk of chunks) release(chunk);
      return info;
    },
    read,
    create: (id, source, metadata) => createFile(store, new ObjectId(id), source, metadata),
    async replace(id, source, metadata) {
      const { _id } = await existing(id);
      const upload = await stage(store, source);
      if (await switchTo(store, _id, upload, metadata)) return upload.length;
      throw missing(id);
    },
    async delete(id) {
      if (!(await removeFile(store, new ObjectId(id)))) throw missing(id);
    },
    list: () => listIds(store, null),
    async page(after, count) {
      if (after !== null && !acceptsObjectId(after)) throw noPage(after);
      return firstOf(listIds(store, after === null ? null : new ObjectId(after)), count);
    },
    leftovers: (signal) => chunksWithoutFile(store, signal),
    close: () => store.target.client.close(),
  };
}

function acceptsObjectId(id: string): boolean {
  return /^[0-9a-f]{24}$/i.test(id);
}

/** Opens a blob and reads its first bytes; null where it was replaced meanwhile. */
async function readOnce(
  store: GridfsStore,
  document: FileDocument,
  range: ByteRange | undefined,
): Promise<BlobContent | null> {
  const info = infoOf(document, checkedLength(store, document));
  const reader = openReader(store, document, range);
  const close = (): Promise<void> => reader.close();
  try {
    const first = await reader.next();
    if (first !== 'changed') {
      return { info, chunks: contentOf(store, document, reader, first), close };
    }
  } catch (error) {
    await close();
    throw error;
  }
  await close();
  return null;
}

async function* contentOf(
  { description }: GridfsStore,
  { _id }: FileDocument,
  reader: FileReader,
  first: Uint8Array[] | null,
): AsyncGenerator<Uint8Array> {
  try {
    for (let parts: typeof first | 'changed' = first; parts !== null; parts = await reader.next()) {
      if (parts === 'changed') {
        throw new DepotError(
          'failed',
          `cannot read ${_id} in ${description}: it was replaced or deleted meanwhile`,
          { hint: 'Run it again.' },
        );
      }
      yield* parts;
    }
  } finally {
    await reader.close();
  }
}

/** Page by page, since the server gives up a cursor that rests for some minutes. */
async function* listIds(
  { files, request }: GridfsStore,
  behind: ObjectId | null,
): AsyncGenerator<string> {
  let after = behind;
  while (true) {
    const from: object = after === null ? { $gte: new ObjectId('0'.repeat(24)) } : { $gt: after };
    const options = { projection: { _id: 1 }, limit: listPage };
    const page: { _id: ObjectId }[] = await request('list the blobs in', () =>
      files.find({ _id: from }, options).sort({ _id: 1 }).toArray(),
    );
    for (const { _id } of page) {
      // Other programs' files may have identifiers of other types.
      if (_id instanceof ObjectId) yield _id.toHexString();
    }
    after = page.at(-1)?._id ?? null;
    if (after === null) return;
  }
}

function placeOf({ target, server, collection, description }: GridfsStore): Place {
  return { identity: `gridfs ${server}/${target.database}/${collection}`, within: [], description };
}
