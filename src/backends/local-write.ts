import { mkdirSync } from 'node:fs';
import { link, lstat, readdir, rename, rm, rmdir, stat } from 'node:fs/promises';
import path from 'node:path';
import type { BlobMetadata, BlobSource } from '../backend.js';
import { DepotError } from '../errors.js';
import { errorCode, syncDirectory, writeDurably } from '../files.js';
import { newUuid } from './identifiers.js';
import {
  decidedReplace,
  fileName,
  metadataName,
  originalName,
  stagedFile,
  stagedMetadata,
} from './local-entry.js';
import { formatMetadata } from './local-metadata.js';

/**
 * Where new blobs are put together and deleted ones are taken apart: inside the storage, so that
 * a rename gets them in and out. Python's own `list()` names it while something is in there.
 */
export const stagingName = '.depot-staging';
const lockName = '.depot-lock';

/** A UUID, as `makeStaged` gives. */
const stagedName = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Milliseconds after which nobody is at work any more on what is staged. */
const leftAfter = 24 * 60 * 60 * 1000;

/**
 * Puts a new blob together aside and renames it into place as one: whole or not at all. Returns
 * its bytes.
 */
export async function createEntry(
  storagePath: string,
  directory: string,
  source: BlobSource,
  metadata: BlobMetadata,
): Promise<number> {
  const staged = makeStaged(storagePath);
  try {
    const length = await writeDurably(path.join(staged, fileName), source.chunks);
    await writeDurably(path.join(staged, metadataName), [encode(formatMetadata(metadata, length))]);
    if (metadata.originalId !== undefined)
      await writeDurably(path.join(staged, originalName), [encode(metadata.originalId)]);
    await syncDirectory(staged);
    await publish(staged, directory);
    await syncDirectory(storagePath);
    return length;
  } catch (error) {
    await rm(staged, { recursive: true, force: true });
    throw error;
  }
}

/** A directory of its own to put a blob together in. */
export function makeStaged(storagePath: string): string {
  const staging = path.join(storagePath, stagingName);
  const staged = path.join(staging, newUuid());
  while (true) {
    try {
      mkdirSync(staged);
      return staged;
    } catch (error) {
      // Not there yet, or another process has just removed it, empty.
      if (errorCode(error) !== 'ENOENT') throw error;
      makeStaging(staging);
    }
  }
}

function makeStaging(staging: string): void {
  try {
    mkdirSync(staging);
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
  }
}

/**
 * Removes the staging directory, where nothing is in it but what killed writers have left long ago:
 * no identifier leads to that.
 */
export async function removeStaging(storagePath: string): Promise<void> {
  const staging = path.join(storagePath, stagingName);
  try {
    // What is called otherwise, or a symbolic link leads to, is somebody else's.
    if (!(await lstat(staging)).isDirectory()) return;
    const own = (await readdir(staging)).filter((name) => stagedName.test(name));
    for (const name of own) await removeOld(path.join(staging, name));
    await rmdir(staging);
  } catch {
    // What others are at work on stays, and what nobody may remove is of no consequence.
  }
}

async function removeOld(staged: string): Promise<void> {
  const files = (await readdir(staged)).map((name) => path.join(staged, name));
  const times = await Promise.all([staged, ...files].map(async (one) => (await stat(one)).mtimeMs));
  if (Math.max(...times) > Date.now() - leftAfter) return;
  await rm(staged, { recursive: true });
}

async function publish(staged: string, directory: string): Promise<void> {
  try {
    // Fails where a directory of that name holds anything.
    await rename(staged, directory);
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOTDIR') throw takenError(directory);
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error;
    // No lock is needed to see that, and none left in a blob that nobody changes.
    if (isBlob(await readdir(directory))) throw takenError(directory);
    await finishUnfinished(staged, directory);
    await rm(staged, { recursive: true, force: true });
  }
}

/** Whether the names in a directory are those of a blob. */
function isBlob(names: readonly string[]): boolean {
  return names.some((name) => name === metadataName || name.startsWith(decidedReplace));
}

/** A directory without metadata is a creation that broke off: its parts are put in, metadata last. */
function finishUnfinished(staged: string, directory: string): Promise<void> {
  return locked(directory, async () => {
    if (isBlob(await readdir(directory))) throw takenError(directory);
    await rename(path.join(staged, originalName), path.join(directory, originalName)).catch(
      ignore('ENOENT'),
    );
    await rename(path.join(staged, fileName), path.join(directory, fileName));
    await syncDirectory(directory);
    // Unlike rename, link does not overwrite what Python, which knows no lock, finished meanwhile.
    await link(path.join(staged, metadataName), path.join(directory, metadataName)).catch(
      (error) => {
        throw errorCode(error) === 'EEXIST' ? takenError(directory) : error;
      },
    );
    await syncDirectory(directory);
  });
}

/** One process at a time decides what a blob's directory holds. */
async function locked(directory: string, action: () => Promise<void>): Promise<void> {
  const { waitForLock } = await import('../lock.js');
  const lock = await waitForLock(path.join(directory, lockName));
  try {
    await action();
  } finally {
    lock.release();
  }
}

function takenError(directory: string): DepotError {
  return new DepotError('refused', `cannot create ${directory}: it exists already`);
}

/** Stages the new content beside the old, decides, then renames; see local-entry.ts. */
export async function replaceEntry(
  directory: string,
  source: BlobSource,
  metadata: BlobMetadata,
): Promise<number> {
  const token = newUuid();
  try {
    const length = await writeDurably(path.join(directory, stagedFile + token), source.chunks);
    const text = encode(formatMetadata(metadata, length));
    await writeDurably(path.join(directory, stagedMetadata + token), [text]);
    await syncDirectory(directory);
    await locked(directory, async () => {
      await finishReplaces(directory);
      await decide(directory, token);
      await finishReplaces(directory);
    });
    return length;
  } catch (error) {
    await discard(directory, token);
    throw error;
  }
}

/** Makes what was staged the blob, unless that was deleted meanwhile, or created anew since. */
async function decide(directory: string, token: string): Promise<void> {
  await stat(path.join(directory, metadataName));
  await stat(path.join(directory, stagedFile + token));
  await rename(
    path.join(directory, stagedMetadata + token),
    path.join(directory, decidedReplace + token),
  );
  await syncDirectory(directory);
}

/** Removes what was staged, unless it was decided: then it is the blob, whatever failed since. */
async function discard(directory: string, token: string): Promise<void> {
  const names = await readdir(directory).catch((): string[] => []);
  if (names.includes(decidedReplace + token)) return;
  await rm(path.join(directory, stagedFile + token), { force: true });
  await rm(path.join(directory, stagedMetadata + token), { force: true });
}

/** Completes what was decided, by this process or by one that was killed since. */
async function finishReplaces(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    if (!name.startsWith(decidedReplace)) continue;
    const token = name.slice(decidedReplace.length);
    await rename(path.join(directory, stagedFile + token), path.join(directory, fileName)).catch(
      ignore('ENOENT'),
    );
    await syncDirectory(directory);
    await rename(path.join(directory, name), path.join(directory, metadataName));
    await syncDirectory(directory);
  }
}

/** Takes the whole directory out of the storage with one rename, then apart. */
export async function deleteEntry(storagePath: string, directory: string): Promise<void> {
  // The dot makes it fail for what is no directory.
  await stat(`${directory}/.`);
  const trash = makeStaged(storagePath);
  try {
    // Into it, not onto it: the blob may be a symbolic link to a directory elsewhere.
    await rename(directory, path.join(trash, 'deleted'));
    await syncDirectory(storagePath);
  } finally {
    // A writer that was under way into the directory may still put a file into it, behind the look.
    await rm(trash, { recursive: true, force: true, maxRetries: 10 });
  }
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function ignore(...codes: string[]): (error: unknown) => void {
  return (error) => {
    if (!codes.includes(errorCode(error) ?? '')) throw error;
  };
}
