import type { Dirent, Stats } from 'node:fs';
import { lstat, opendir, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import type { Leftover } from '../backend.js';
import { errorCode, fileError } from '../files.js';
import { acceptsUuid } from '../python/uuid.js';
import { decidedReplace, metadataName, stagedFile, stagedMetadata } from './local-entry.js';
import { stagingName } from './local-write.js';

/**
 * What killed writers have left in a local storage: in the staging directory, in directories
 * without metadata (Python's own unfinished files too), and beside blobs that were to be replaced.
 * Symbolic links are an administrator's, and not followed.
 */
export async function* localLeftovers(
  storagePath: string,
  signal: AbortSignal,
): AsyncGenerator<Leftover> {
  for await (const entry of await opened(storagePath)) {
    if (signal.aborted) return;
    if (!entry.isDirectory()) continue;
    const directory = path.join(storagePath, entry.name);
    if (entry.name === stagingName) yield* staged(directory, signal);
    else if (acceptsUuid(entry.name)) yield* ofBlob(directory, entry.name, signal);
  }
}

async function opened(storagePath: string): Promise<AsyncIterable<Dirent>> {
  return opendir(storagePath).catch((error: unknown) => {
    throw fileError(error, `cannot open the directory ${storagePath}`);
  });
}

async function* staged(staging: string, signal: AbortSignal): AsyncGenerator<Leftover> {
  for (const name of await names(staging)) {
    const leftover = await leftoverAt(path.join(staging, name), null, signal);
    if (leftover !== null) yield leftover;
  }
}

async function* ofBlob(
  directory: string,
  id: string,
  signal: AbortSignal,
): AsyncGenerator<Leftover> {
  const all = await names(directory);
  const decided = all.filter((name) => name.startsWith(decidedReplace));
  if (decided.length === 0 && !all.includes(metadataName)) {
    const leftover = await leftoverAt(directory, id, signal);
    if (leftover !== null) yield leftover;
    return;
  }
  // The bytes of a replace that was decided are the blob.
  const kept = decided.map((name) => stagedFile + name.slice(decidedReplace.length));
  for (const name of all) {
    if (!name.startsWith(stagedFile) && !name.startsWith(stagedMetadata)) continue;
    if (kept.includes(name)) continue;
    const leftover = await leftoverAt(path.join(directory, name), null, signal);
    if (leftover !== null) yield leftover;
  }
}

/** A file, or a directory with all that is in it, as of its last change; null where it is gone. */
async function leftoverAt(
  place: string,
  id: string | null,
  signal: AbortSignal,
): Promise<Leftover | null> {
  const since = await lastChange(place, signal);
  // Stopped half way, it is not known to be so old.
  if (since === null || signal.aborted) return null;
  return {
    description: place,
    since,
    id,
    async remove() {
      // Python may have finished it meanwhile.
      if (id !== null && (await names(place)).includes(metadataName)) return;
      await rm(place, { recursive: true, force: true }).catch((error: unknown) => {
        throw fileError(error, `cannot remove ${place}`);
      });
    },
  };
}

async function lastChange(place: string, signal: AbortSignal): Promise<Date | null> {
  const own = await statOf(place);
  if (own === null) return null;
  let last = own.mtime;
  if (!own.isDirectory()) return last;
  for (const name of await names(place)) {
    if (signal.aborted) break;
    const inside = await lastChange(path.join(place, name), signal);
    if (inside !== null && inside > last) last = inside;
  }
  return last;
}

async function statOf(place: string): Promise<Stats | null> {
  return lstat(place).catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return null;
    throw fileError(error, `cannot look at ${place}`);
  });
}

/** What is in a directory; nothing in what is none, or gone. */
async function names(place: string): Promise<string[]> {
  return readdir(place).catch((error: unknown) => {
    if (['ENOENT', 'ENOTDIR'].includes(errorCode(error) ?? '')) return [];
    throw fileError(error, `cannot list ${place}`);
  });
}
