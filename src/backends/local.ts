import { opendir, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Backend, BlobSource, ByteRange } from '../backend.js';
import { DepotError, messageOf } from '../errors.js';
import { errorCode, fileError, makePrivateDirectory, placeOf } from '../files.js';
import { smallestOf } from '../listing.js';
import { acceptsUuid } from '../python/uuid.js';
import { derivedUuid, newUuid } from './identifiers.js';
import { metadataName, type OpenBlob, openEntry } from './local-entry.js';
import { localLeftovers } from './local-leftovers.js';
import { createEntry, deleteEntry, removeStaging, replaceEntry } from './local-write.js';
import { createEntries } from './local-write-many.js';

/** Directory entries looked at together while listing. */
const listBatch = 64;

/** Directory entries read together where all of them are. */
const pageBatch = 1024;

/** Bytes a chunk: larger ones are no faster, and a thousand slow readers hold one each. */
const chunkSize = 256 * 1024;

/** Bytes of a file's name that file systems take. */
const nameLength = 255;

/** Blobs as `depot.io.local.LocalFileStorage` keeps them: a directory each below `storagePath`. */
export function openLocal(storagePath: string): Backend {
  let staged = false;
  const directoryOf = (id: string): string => path.join(storagePath, id);
  const opened = (id: string): Promise<OpenBlob> =>
    openEntry(directoryOf(id), id).catch((error: unknown) => explain(error, storagePath, id));

  return {
    holdsWholeBlobs: false,
    ephemeral: false,
    place: () => placeOf(storagePath),
    ping: () => ping(storagePath),
    async provision() {
      await makePrivateDirectory(storagePath).catch((error: unknown) => {
        throw fileError(error, `cannot create ${storagePath}`);
      });
      return storagePath;
    },
    acceptsId: (id) => acceptsUuid(id) && Buffer.byteLength(id) <= nameLength,
    newId: newUuid,
    idFor: derivedUuid,
    publicUrl: () => null,
    async info(id) {
      const { info, handle } = await opened(id);
      await handle.close();
      return info;
    },
    async read(id, range) {
      const blob = await opened(id);
      return { info: blob.info, chunks: chunksOf(blob, range), close: () => blob.handle.close() };
    },
    create(id, source, metadata) {
      staged = true;
      return createEntry(
        storagePath,
        directoryOf(id),
        own(source, `cannot store ${id}`),
        metadata,
      ).catch((error: unknown) => explain(error, storagePath, id, 'store'));
    },
    createMany(blobs) {
      staged = true;
      const entries = blobs.map((blob) => ({ ...blob, directory: directoryOf(blob.id) }));
      return createEntries(storagePath, entries).catch((error: unknown) => {
        throw fileError(error, `cannot store blobs in ${storagePath}`);
      });
    },
    replace(id, source, metadata) {
      return replaceEntry(directoryOf(id), own(source, `cannot replace ${id}`), metadata).catch(
        (error: unknown) => explain(error, storagePath, id, 'replace'),
      );
    },
    async delete(id) {
      staged = true;
      await deleteEntry(storagePath, directoryOf(id)).catch((error: unknown) =>
        explain(error, storagePath, id, 'delete'),
      );
    },
    list: () => list(storagePath),
    async page(after, count) {
      await ping(storagePath);
      const { ids, next } = await smallestOf(namesIn(storagePath, pageBatch), after, count);
      return { ids: await complete(storagePath, ids), next };
    },
    leftovers: (signal) => localLeftovers(storagePath, signal),
    async close() {
      if (staged) await removeStaging(storagePath);
    },
  };
}

/** The source with errors of its own: an ENOENT among them is no missing blob of this storage. */
function own({ chunks, length }: BlobSource, what: string): BlobSource {
  async function* named(): AsyncGenerator<Uint8Array> {
    try {
      yield* chunks;
    } catch (error) {
      if (error instanceof DepotError) throw error;
      throw new DepotError('failed', `${what}: ${messageOf(error)}`, { cause: error });
    }
  }
  return { chunks: named(), length };
}

/** A missing blob, or why it cannot be had; a missing storage is not a missing blob. */
async function explain(
  error: unknown,
  storagePath: string,
  id: string,
  action = 'read',
): Promise<never> {
  const code = errorCode(error);
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    await ping(storagePath);
    throw new DepotError('not-found', `no blob ${id} in ${storagePath}`);
  }
  throw fileError(error, `cannot ${action} ${path.join(storagePath, id)}`);
}

async function ping(storagePath: string): Promise<void> {
  try {
    await (await opendir(storagePath)).close();
    // Fails without the right to look into it.
    await stat(`${storagePath}/.`);
  } catch (error) {
    const failure = fileError(error, `cannot open the directory ${storagePath}`);
    throw new DepotError('unreachable', failure.message, {
      hint: 'Check storage_path; a new directory is made with: depot storages create NAME',
    });
  }
}

async function* chunksOf(blob: OpenBlob, range?: ByteRange): AsyncGenerator<Uint8Array> {
  const { handle } = blob;
  const end = range === undefined ? Number.POSITIVE_INFINITY : range.end + 1;
  let position = range?.start ?? 0;
  try {
    while (position < end) {
      // One byte more than there should be, so that a longer file is noticed.
      const rest = Math.max(blob.info.contentLength - position, 1);
      const size = Math.min(chunkSize, end - position, rest);
      const { bytesRead, buffer } = await handle.read(
        Buffer.allocUnsafeSlow(size),
        0,
        size,
        position,
      );
      if (bytesRead === 0) return;
      position += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  } catch (error) {
    throw fileError(error, `cannot read blob ${blob.info.id}`);
  } finally {
    await handle.close();
  }
}

async function* list(storagePath: string): AsyncGenerator<string> {
  await ping(storagePath);
  let batch: string[] = [];
  for await (const name of namesIn(storagePath, listBatch)) {
    batch.push(name);
    if (batch.length < listBatch) continue;
    yield* await complete(storagePath, batch);
    batch = [];
  }
  yield* await complete(storagePath, batch);
}

/** Entries that may be blobs. */
async function* namesIn(storagePath: string, bufferSize: number): AsyncGenerator<string> {
  for await (const entry of await opendir(storagePath, { bufferSize })) {
    if (acceptsUuid(entry.name) && !entry.isFile()) yield entry.name;
  }
}

/** The entries that are whole blobs: those with metadata. */
async function complete(storagePath: string, names: readonly string[]): Promise<string[]> {
  const found = await Promise.all(names.map((name) => hasMetadata(path.join(storagePath, name))));
  return names.filter((_, index) => found[index]);
}

/** False where there is none; what may not be looked at counts as a blob, so that somebody is told. */
async function hasMetadata(directory: string): Promise<boolean> {
  return stat(path.join(directory, metadataName)).then(
    () => true,
    (error: unknown) => errorCode(error) !== 'ENOENT' && errorCode(error) !== 'ENOTDIR',
  );
}
