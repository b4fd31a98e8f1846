import type { Backend, BlobContent, BlobInfo, BlobMetadata, BlobSource } from '../backend.js';
import { DepotError } from '../errors.js';
import { acceptsUuid } from '../python/uuid.js';
import { slices } from '../streams.js';
import { derivedUuid, newUuid } from './identifiers.js';

interface Entry {
  readonly info: BlobInfo;
  readonly bytes: Uint8Array;
}

/** Blobs in this process' memory, as `depot.io.memory.MemoryFileStorage`: for tests. */
export function openMemory(): Backend {
  const entries = new Map<string, Entry>();
  const identity = `memory:${newUuid()}`;
  let versions = 0;

  const entryOf = (id: string): Entry => {
    const entry = entries.get(id);
    if (entry === undefined) throw new DepotError('not-found', `no blob ${id} in memory`);
    return entry;
  };
  const write = async (id: string, source: BlobSource, metadata: BlobMetadata): Promise<Entry> => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of source.chunks) chunks.push(Uint8Array.from(chunk));
    const bytes = Buffer.concat(chunks);
    versions += 1;
    const info = { id, ...metadata, contentLength: bytes.byteLength, version: String(versions) };
    return { info, bytes };
  };

  return {
    holdsWholeBlobs: true,
    ephemeral: true,
    place: async () => ({ identity, within: [], description: 'memory' }),
    ping: async () => {},
    provision: async () => 'memory',
    acceptsId: acceptsUuid,
    newId: newUuid,
    idFor: derivedUuid,
    publicUrl: () => null,
    info: async (id) => entryOf(id).info,
    async read(id, range): Promise<BlobContent> {
      const { info, bytes } = entryOf(id);
      const part = range === undefined ? bytes : bytes.subarray(range.start, range.end + 1);
      return { info, chunks: iterate(slices(part)), close: async () => {} };
    },
    async create(id, source, metadata) {
      const entry = await write(id, source, metadata);
      if (entries.has(id)) throw new DepotError('refused', `a blob ${id} is already in memory`);
      entries.set(id, entry);
      return entry.bytes.byteLength;
    },
    async replace(id, source, metadata) {
      entryOf(id);
      const entry = await write(id, source, metadata);
      entryOf(id);
      entries.set(id, entry);
      return entry.bytes.byteLength;
    },
    async delete(id) {
      entryOf(id);
      entries.delete(id);
    },
    async *list() {
      yield* entries.keys();
    },
    close: async () => {},
  };
}

async function* iterate(chunks: Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* chunks;
}
