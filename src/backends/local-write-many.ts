import { closeSync, fstatSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { BlobMetadata } from '../backend.js';
import { syncDirectory, synchronize } from '../files.js';
import { fileName, metadataName } from './local-entry.js';
import { formatMetadata } from './local-metadata.js';
import { makeStaged } from './local-write.js';

/** A small blob, and the directory that it is to have. */
export interface NewEntry {
  readonly directory: string;
  readonly bytes: Uint8Array;
  readonly metadata: BlobMetadata;
}

/** Where a blob is put together, and descriptors of its files, the blob's first, written and not synchronized. */
interface Staged {
  readonly directory: string;
  readonly files: readonly number[];
}

/**
 * Does for several blobs together what `createEntry` does for one, step by step: all are written
 * before the first is synchronized, so that the file system makes many durable with one commit.
 * What waits for no disk is done on the spot: handing the calls for a small file to threads costs
 * more than the calls. For each, in order, its bytes, or null where it could not be created.
 */
export async function createEntries(
  storagePath: string,
  entries: readonly NewEntry[],
): Promise<(number | null)[]> {
  const staged = entries.map((entry) => stage(storagePath, entry));
  const lengths = await Promise.all(staged.map((one) => one && makeDurable(one)));
  const created = entries.map(({ directory }, index) => {
    const one = staged[index];
    const length = lengths[index];
    return one && length != null ? publish(one.directory, directory, length) : null;
  });
  for (const [index, one] of staged.entries()) {
    if (one !== null && created[index] === null) discard(one.directory);
  }
  if (created.some((length) => length !== null)) await syncDirectory(storagePath);
  return created;
}

function stage(storagePath: string, { bytes, metadata }: NewEntry): Staged | null {
  let directory: string | null = null;
  const files: number[] = [];
  try {
    directory = makeStaged(storagePath);
    for (const [name, content] of [
      [fileName, bytes],
      [metadataName, formatMetadata(metadata, bytes.byteLength)],
    ] as const) {
      const file = openSync(path.join(directory, name), 'wx', 0o666);
      files.push(file);
      writeFileSync(file, content);
    }
    return { directory, files };
  } catch {
    for (const file of files) closeSync(file);
    if (directory !== null) discard(directory);
    return null;
  }
}

/** Returns the bytes of the blob's file as the file system counts them. */
async function makeDurable({ directory, files }: Staged): Promise<number | null> {
  try {
    await Promise.all(files.map((file) => synchronize(file)));
    const { size } = fstatSync(files[0] as number);
    await syncDirectory(directory);
    return size;
  } catch {
    return null;
  } finally {
    for (const file of files) closeSync(file);
  }
}

function publish(staged: string, directory: string, length: number): number | null {
  try {
    // Fails where a directory of that name holds anything.
    renameSync(staged, directory);
    return length;
  } catch {
    return null;
  }
}

function discard(directory: string): void {
  rmSync(directory, { recursive: true, force: true });
}
