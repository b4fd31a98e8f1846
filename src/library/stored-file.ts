import { Readable } from 'node:stream';
import type { BlobInfo, ByteRange } from '../backend.js';
import type { MeasuredContent, Storage } from '../storage.js';

/** A blob of a storage, and its ways out. Its attributes are those of the moment it was asked for. */
export interface StoredFile {
  /** `storage/id`, as it stands in references. */
  readonly path: string;
  /** The storage's name. */
  readonly storage: string;
  readonly id: string;
  readonly filename: string;
  readonly contentType: string;
  /** Bytes. */
  readonly contentLength: number;
  readonly lastModified: Date | null;
  /** The same as Python shows it: `YYYY-MM-DD HH:MM:SS`, UTC, of an SQL storage local time. */
  readonly timestamp: string | null;
  /** Where visitors fetch it without the application, or null. */
  readonly publicUrl: string | null;
  /** The bytes and the info that belongs to them; close it unless they came to an end. */
  read(options?: ReadOptions): Promise<MeasuredContent>;
  /** The bytes as a stream of Node's; reading begins when it is read from. */
  readable(options?: ReadOptions): Readable;
  /** The bytes as a web stream, such as the body of a `Response`. */
  stream(options?: ReadOptions): ReadableStream<Uint8Array>;
  /** All bytes, in memory. */
  bytes(options?: ReadOptions): Promise<Uint8Array>;
}

export interface ReadOptions {
  /** Both ends inclusive, and within the file. */
  readonly range?: ByteRange;
  readonly signal?: AbortSignal;
}

/** The stored file that this info tells of. */
export function storedFile(storage: Storage, info: BlobInfo): StoredFile {
  const { id, filename, contentType, contentLength, lastModified } = info;
  const read = (options: ReadOptions = {}): Promise<MeasuredContent> => storage.read(id, options);
  const readable = (options: ReadOptions = {}): Readable =>
    Readable.from(
      chunksOf(() => read(options)),
      { objectMode: false },
    );
  return {
    ...{ path: storage.path(id), storage: storage.name, id },
    ...{ filename, contentType, contentLength, lastModified },
    timestamp: lastModified === null ? null : storage.localTime(lastModified),
    publicUrl: storage.publicUrl(id),
    read,
    readable,
    stream: (options) => Readable.toWeb(readable(options)) as ReadableStream<Uint8Array>,
    async bytes(options) {
      const chunks: Uint8Array[] = [];
      for await (const chunk of chunksOf(() => read(options))) chunks.push(chunk);
      return Buffer.concat(chunks);
    },
  };
}

/** Opens it when the first chunk is asked for, and closes it whatever ends the reading. */
async function* chunksOf(open: () => Promise<MeasuredContent>): AsyncGenerator<Uint8Array> {
  const content = await open();
  try {
    yield* content.chunks;
  } finally {
    await content.close();
  }
}
