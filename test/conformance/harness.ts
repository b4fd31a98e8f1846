import { createHash } from 'node:crypto';
import { onTestFinished } from 'vitest';
import type { Backend } from '../../src/backend.js';
import { Storage } from '../../src/storage.js';

/** An empty storage of the kind under test. */
export interface Opened {
  readonly backend: Backend;
  /** Opens the same storage once more, as another process would; null where none could. */
  reopen(): Promise<Backend | null>;
  close(): Promise<void>;
}

/** How a suite gets at storages of one kind; what the kind cannot do is said here, by name. */
export interface Harness {
  open(): Promise<Opened>;
  /** Opens a storage whose directory, bucket or table is not there; absent where it always is. */
  openMissing?(): Promise<Opened>;
  /** Characters of a filename that the store keeps. */
  readonly filenameLimit?: number;
  /** Characters of the longest filename to try, where an emulator takes less than the service. */
  readonly longestFilename?: number;
  /** Whether the content type is kept as an HTTP header: one that is none becomes the default. */
  readonly contentTypeIsHeader?: boolean;
  /** How many blobs a listing is tried with, where an emulator looks at all of them for each one. */
  readonly manyBlobs?: number;
  /** Whether a filename may hold half of a surrogate pair. */
  readonly keepsLoneSurrogates: boolean;
}

/** An empty storage for one test, closed at its end. */
export async function openStorage(harness: Harness): Promise<{ storage: Storage; opened: Opened }> {
  const opened = await harness.open();
  onTestFinished(() => opened.close());
  return { storage: new Storage('files', 'kind', opened.backend), opened };
}

export async function* chunksOf(...chunks: (string | Uint8Array)[]): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) yield typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
}

/** The chunks, one after the other, and in `left` whether they have been let go of. */
export function letGo(chunks: AsyncIterable<Uint8Array>): {
  source: AsyncIterable<Uint8Array>;
  left: Promise<void>;
} {
  const { promise: left, resolve } = Promise.withResolvers<void>();
  async function* source(): AsyncGenerator<Uint8Array> {
    try {
      yield* chunks;
    } finally {
      resolve();
    }
  }
  return { source: source(), left };
}

export async function collected(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(Uint8Array.from(chunk));
  return Buffer.concat(parts);
}

export async function contentOf(storage: Storage, id: string): Promise<string> {
  return (await collected((await storage.read(id)).chunks)).toString();
}

export async function listed(storage: Storage): Promise<string[]> {
  const ids: string[] = [];
  for await (const id of storage.list()) ids.push(id);
  return ids;
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Bytes that repeat only after a prime number of them, so that a shifted chunk shows. */
export function pattern(length: number): Buffer {
  const block = Buffer.from(Array.from({ length: 65_521 }, (_, index) => (index * 31 + 7) % 251));
  return Buffer.alloc(length, block);
}
