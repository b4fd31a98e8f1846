import { createHash, type Hash } from 'node:crypto';
import type { Filter, FindCursor, ObjectId, Sort } from 'mongodb';
import type { ByteRange } from '../backend.js';
import { DepotError } from '../errors.js';
import { isCursorLost } from '../mongodb/errors.js';
import {
  type ChunkDocument,
  chunkSizeOf,
  currentFile,
  type FileDocument,
  lengthOf,
  versionOf,
} from './gridfs-file.js';
import type { GridfsStore } from './gridfs-store.js';
import { chunkId } from './gridfs-upload.js';

/** Chunks that come in one answer: 4 MB. */
const batchLength = 16;

/** A part of a file's bytes on their way, a batch of chunks at a time. */
export interface FileReader {
  /**
   * The next bytes, which have been compared with the files document after they came: null at their
   * end, `changed` where the file is another one by now. Missing, short and surplus chunks throw.
   */
  next(): Promise<Uint8Array[] | 'changed' | null>;
  close(): Promise<void>;
}

function damaged({ description }: GridfsStore, id: ObjectId, why: string): DepotError {
  return new DepotError('damaged', `damaged blob ${id} in ${description}: ${why}`);
}

/** Whether it has the chunks that it must have, by their numbers. */
export async function hasItsChunks(store: GridfsStore, document: FileDocument): Promise<boolean> {
  const { last } = planOf(store, document);
  const { filter, order } = chunksFrom(document, 0, null);
  const options = { projection: { _id: 0, n: 1 } };
  return store.request('look at a blob in', async () => {
    let n = 0;
    for await (const chunk of store.chunks.find(filter, options).sort(order)) {
      if (chunk.n !== n || n > last) return false;
      n += 1;
    }
    return n === last + 1;
  });
}

/** Which chunks a range takes, and what they must be. */
interface Plan {
  readonly length: number;
  readonly chunkSize: number;
  readonly range: ByteRange;
  readonly first: number;
  readonly last: number;
}

/** Bytes of the file; a document that does not tell is damaged. */
export function checkedLength(store: GridfsStore, document: FileDocument): number {
  const length = lengthOf(currentFile(document));
  if (length !== null) return length;
  throw damaged(store, document._id, 'its files document has no length');
}

function planOf(store: GridfsStore, document: FileDocument, range?: ByteRange): Plan {
  const length = checkedLength(store, document);
  const whole = { start: 0, end: length - 1 };
  if (length === 0) return { length, chunkSize: 1, range: whole, first: 0, last: -1 };
  const chunkSize = chunkSizeOf(currentFile(document));
  if (chunkSize === null) {
    throw damaged(store, document._id, 'its files document has no chunkSize');
  }
  const { start, end } = range ?? whole;
  const [first, last] = [Math.floor(start / chunkSize), Math.floor(end / chunkSize)];
  return { length, chunkSize, range: { start, end }, first, last };
}

export function openReader(
  store: GridfsStore,
  document: FileDocument,
  range?: ByteRange,
): FileReader {
  const plan = planOf(store, document, range);
  // Of a whole file also the chunks behind its last one are asked for: there must be none.
  const chunks = chunkCursor(store, document, plan, range === undefined);
  const check = range === undefined ? checksumOf(document) : null;
  let n = plan.first;
  let ended = plan.length === 0;
  return {
    async next() {
      if (ended) return null;
      const { batch, isLast } = await chunks.next(n);
      const current = await store.find(document._id);
      if (current === null || versionOf(current) !== versionOf(document)) return 'changed';
      const parts: Uint8Array[] = [];
      for (const chunk of batch) {
        const data = checkedData(store, document, plan, chunk, n);
        if (data === null) continue;
        check?.hash.update(data);
        parts.push(partOf(data, plan, n));
        n += 1;
      }
      if (isLast && n <= plan.last) throw damaged(store, document._id, `chunk ${n} is missing`);
      if (isLast && check !== null && check.hash.digest('hex') !== check.expected) {
        throw damaged(store, document._id, 'its bytes do not have the md5 of its files document');
      }
      ended = isLast;
      return parts;
    },
    close: () => chunks.close(),
  };
}

/** What older drivers wrote, to be compared with; null where there is none. */
function checksumOf(document: FileDocument): { hash: Hash; expected: string } | null {
  const { md5 } = currentFile(document);
  if (typeof md5 !== 'string' || !/^[0-9a-f]{32}$/i.test(md5)) return null;
  return { hash: createHash('md5'), expected: md5.toLowerCase() };
}

/** The chunk's bytes, as they must be for chunk `n`; null for an empty one that is too much. */
function checkedData(
  store: GridfsStore,
  { _id }: FileDocument,
  { length, chunkSize, last }: Plan,
  chunk: ChunkDocument,
  n: number,
): Uint8Array | null {
  const { data } = chunk;
  const isBinary = data instanceof Uint8Array;
  if (n > last) {
    if (isBinary && data.byteLength === 0) return null;
    throw damaged(store, _id, `there are more chunks than its ${length} bytes take`);
  }
  if (chunk.n !== n) {
    const why = Number(chunk.n) < n ? `there are two chunks ${chunk.n}` : `chunk ${n} is missing`;
    throw damaged(store, _id, why);
  }
  const expected = Math.min(chunkSize, length - n * chunkSize);
  if (!isBinary || data.byteLength !== expected) {
    const found = isBinary ? `${data.byteLength} bytes` : 'no bytes';
    throw damaged(store, _id, `chunk ${n} has ${found} where ${expected} belong`);
  }
  return data;
}

/** A copy of what is asked for: the driver's own bytes share the memory of a whole answer. */
function partOf(data: Uint8Array, { chunkSize, range }: Plan, n: number): Uint8Array {
  const position = n * chunkSize;
  const start = Math.max(range.start - position, 0);
  return Uint8Array.prototype.slice.call(data, start, range.end + 1 - position);
}

interface Batch {
  readonly batch: readonly ChunkDocument[];
  /** Whether the server has no more of them. */
  readonly isLast: boolean;
}

/** Where the chunks are from `first` to `last`, or from `first` on, and by what they are in order. */
function chunksFrom(
  { _id, depot_replacement: replacement }: FileDocument,
  first: number,
  last: number | null,
): { filter: Filter<ChunkDocument>; order: Sort } {
  if (replacement === undefined) {
    const numbers = last === null ? { $gte: first } : { $gte: first, $lte: last };
    return { filter: { files_id: _id, n: numbers }, order: { n: 1 } };
  }
  const { chunks: upload } = replacement;
  const end = last === null ? { $lt: upload } : { $lte: chunkId(upload, last) };
  return { filter: { _id: { $gte: chunkId(upload, first), ...end } }, order: { _id: 1 } };
}

/** The chunks in their order, a batch at a time; a cursor that is lost is opened anew. */
function chunkCursor(
  { chunks, request }: GridfsStore,
  document: FileDocument,
  { last }: Plan,
  further: boolean,
): { next(n: number): Promise<Batch>; close(): Promise<void> } {
  let cursor: FindCursor<ChunkDocument> | null = null;
  const open = (n: number): FindCursor<ChunkDocument> => {
    const options = { batchSize: batchLength, projection: { n: 1, data: 1 } };
    const { filter, order } = chunksFrom(document, n, further ? null : last);
    return chunks.find(filter, options).sort(order);
  };
  return {
    next: (n) =>
      request('read a blob in', async () => {
        for (;;) {
          cursor ??= open(n);
          const isNew = cursor.id === undefined;
          try {
            const batch = (await cursor.hasNext()) ? cursor.readBufferedDocuments() : [];
            return { batch, isLast: cursor.id === undefined || cursor.id.isZero() };
          } catch (error) {
            cursor = null;
            if (isNew || !isCursorLost(error)) throw error;
          }
        }
      }),
    async close() {
      await cursor?.close().catch(() => {});
    },
  };
}
