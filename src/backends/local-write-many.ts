import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import type { BlobMetadata } from '../backend.js';
import { syncDirectory, writeAll } from '../files.js';
import { fileName, metadataName } from './local-entry.js';
import { formatMetadata } from './local-metadata.js';
import { makeStaged } from './local-write.js';

/** A small blob, and the directory that it is to have. */
export interface NewEntry {
  readonly directory: string;
  readonly bytes: Uint8Array;
  readonly metadata: BlobMetadata;
}

/** Where a blob is put together, and its files, written and not synchronized. */
interface Staged {
  readonly directory: string;
  readonly file: FileHandle;
  readonly metadata: FileHandle;
}

/**
 * Does for several blobs together what `createEntry` does for one, step by step: all are written
 * before the first is synchronized, so that the file system makes many durable with one commit.
 * For each, in order, its bytes, or null where it could not be created.
 */
export async function createEntries(
  storagePath: string,
  entries: readonly NewEntry[],
): Promise<(number | null)[]> {
  const staged = await Promise.all(entries.map((entry) => stage(storagePath, entry)));
  const lengths = await Promise.all(staged.map((one) => one && makeDurable(one)));
  const created = await Promise.all(
    entries.map(({ directory }, index) =>
      publish(staged[index]?.directory, directory, lengths[index] ?? null),
    ),
  );
  if (created.some((length) => length !== null)) await syncDirectory(storagePath);
  return created;
}

async function stage(storagePath: string, { bytes, metadata }: NewEntry): Promise<Staged | null> {
  const directory = await makeStaged(storagePath);
  const opened: FileHandle[] = [];
  const write = async (name: string, content: Uint8Array): Promise<FileHandle> => {
    const handle = await open(path.join(directory, name), 'wx', 0o666);
    opened.push(handle);
    await writeAll(handle, content);
    return handle;
  };
  try {
    const file = await write(fileName, bytes);
    const text = new TextEncoder().encode(formatMetadata(metadata, bytes.byteLength));
    return { directory, file, metadata: await write(metadataName, text) };
  } catch {
    await Promise.all(opened.map((handle) => handle.close()));
    await discard(directory);
    return null;
  }
}

/** Returns the file's bytes as the file system counts them. */
async function makeDurable({ directory, file, metadata }: Staged): Promise<number | null> {
  try {
    await Promise.all([file.sync(), metadata.sync()]);
    const { size } = await file.stat();
    await syncDirectory(directory);
    return size;
  } catch {
    return null;
  } finally {
    await Promise.all([file.close(), metadata.close()]);
  }
}

async function publish(
  staged: string | undefined,
  directory: string,
  length: number | null,
): Promise<number | null> {
  if (staged === undefined) return null;
  try {
    // Fails where a directory of that name holds anything.
    if (length !== null) await rename(staged, directory);
    else await discard(staged);
    return length;
  } catch {
    await discard(staged);
    return null;
  }
}

async function discard(directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true });
}
