import { ObjectId } from 'mongodb';
import type { Leftover } from '../backend.js';
import type { ChunkDocument } from './gridfs-file.js';
import type { GridfsStore } from './gridfs-store.js';
import { isStaging, longestUpload, removeChunks } from './gridfs-upload.js';

/** Chunks looked at together, each by what the index on `files_id` and `n` holds. */
const page = 1000;

const action = 'look for chunks without a file in';

/** What stands in a chunk beside its bytes. */
type Chunk = Omit<ChunkDocument, 'data'>;

/**
 * Chunks that belong to no file, since who stored, replaced or removed it was killed, Python too.
 * Those of an hour ago may belong to a file that is on its way.
 */
export async function* chunksWithoutFile(
  store: GridfsStore,
  signal: AbortSignal,
): AsyncGenerator<Leftover> {
  let after: ObjectId | null = null;
  while (!signal.aborted) {
    const owners: ObjectId[] = await ownersAfter(store, after);
    after = owners.at(-1) ?? null;
    if (after === null) return;
    for (const owner of await withoutFile(store, owners)) {
      if (signal.aborted) return;
      const leftover = await leftoverOf(store, owner);
      if (leftover !== null) yield leftover;
    }
  }
}

/** The next values of `files_id`, in their order. Other programs' files may have any others. */
async function ownersAfter(
  { chunks, request }: GridfsStore,
  after: ObjectId | null,
): Promise<ObjectId[]> {
  const from = after === null ? { $gte: new ObjectId('0'.repeat(24)) } : { $gt: after };
  const options = { projection: { _id: 0, files_id: 1 }, limit: page };
  const found = await request(action, () =>
    chunks.find({ files_id: from }, options).sort({ files_id: 1, n: 1 }).toArray(),
  );
  const owners = found.map(({ files_id: owner }) => owner);
  return owners.filter((owner, index) => owners[index - 1]?.equals(owner) !== true);
}

/** Those that are neither a file's `_id` nor the upload of a replacement that was committed. */
async function withoutFile(
  { files, request }: GridfsStore,
  owners: readonly ObjectId[],
): Promise<ObjectId[]> {
  const known = await request(action, () =>
    files.find({ _id: { $in: [...owners] } }, { projection: { _id: 1 } }).toArray(),
  );
  const ids = new Set(known.map(({ _id }) => _id.toHexString()));
  const rest = owners.filter((owner) => !ids.has(owner.toHexString()));
  const uploads = rest.filter(isStaging);
  if (uploads.length === 0) return rest;
  const name = 'depot_replacement.chunks';
  const committed = await request(action, () =>
    files.find({ [name]: { $in: uploads } }, { projection: { [name]: 1 } }).toArray(),
  );
  const used = new Set(committed.map((file) => file.depot_replacement?.chunks.toHexString()));
  return rest.filter((owner) => !used.has(owner.toHexString()));
}

/** Null where nothing is left of it by now, and where its time is not known or not long ago. */
async function leftoverOf(store: GridfsStore, owner: ObjectId): Promise<Leftover | null> {
  const { description, request } = store;
  const { count, last } = await request(action, async () => {
    const seen = { count: 0, last: 0 };
    for await (const chunk of chunksOf(store, owner)) {
      seen.count += 1;
      seen.last = Math.max(seen.last, writtenAt(chunk));
    }
    return seen;
  });
  if (count === 0 || last > Date.now() - longestUpload) return null;
  const chunks = count === 1 ? '1 chunk' : `${count} chunks`;
  return {
    description: `${chunks} of ${owner.toHexString()} without a file in ${description}`,
    since: new Date(last),
    id: isStaging(owner) ? null : owner.toHexString(),
    remove: () => removeUpTo(store, owner, last),
  };
}

/** Leaves what was written later: somebody stores a file of that identifier. */
async function removeUpTo(store: GridfsStore, owner: ObjectId, last: number): Promise<void> {
  while (true) {
    const found = await store.request(action, () => chunksOf(store, owner).limit(page).toArray());
    const old = found.filter((chunk) => writtenAt(chunk) <= last);
    // Python may have finished it meanwhile.
    if (old.length === 0 || (await withoutFile(store, [owner])).length === 0) return;
    await removeChunks(
      store,
      old.map(({ _id }) => _id),
    );
  }
}

function chunksOf({ chunks }: GridfsStore, owner: ObjectId) {
  const projection = { _id: 1, files_id: 1, n: 1 };
  return chunks.find({ files_id: owner }, { projection }).sort({ n: 1 });
}

/** Milliseconds. A claim's own `_id` is no time (see gridfs-replace.ts); others may have none. */
function writtenAt({ _id, files_id: owner, n }: Chunk): number {
  const timed = n < 0 ? owner : _id;
  return timed instanceof ObjectId ? timed.getTimestamp().getTime() : Number.POSITIVE_INFINITY;
}
