import { type BigIntStats, constants } from 'node:fs';
import { type FileHandle, open, readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import type { BlobInfo } from '../backend.js';
import { DepotError } from '../errors.js';
import { errorCode } from '../files.js';
import { damagedMetadata, parseMetadata } from './local-metadata.js';

/**
 * One blob's directory in a local storage:
 *
 *     file                       the bytes
 *     metadata.json              written last: without it there is no blob
 *     .depot-original            of a copy, the identifier in the storage that it is of
 *     .depot-file-TOKEN          new bytes, staged by a replace
 *     .depot-metadata-TOKEN      new metadata, staged
 *     .depot-replace-TOKEN       new metadata, decided: the blob is now this and its bytes
 *                                .depot-file-TOKEN, or `file` once that has been renamed
 *
 * Python reads `file` and `metadata.json` alone; no rename swaps two files, so while a replace
 * goes from the last form to the first it may see new bytes with old metadata. We never do.
 */
export const fileName = 'file';
export const metadataName = 'metadata.json';
export const originalName = '.depot-original';
export const stagedFile = '.depot-file-';
export const stagedMetadata = '.depot-metadata-';
export const decidedReplace = '.depot-replace-';

/** Opening a named pipe would otherwise wait for somebody who writes to it. */
const reading = constants.O_RDONLY | constants.O_NONBLOCK;

/** Bytes of metadata that are read; what filedepot writes has some hundreds. */
const metadataLimit = 1_000_000n;

/** Where a blob's two parts are at this moment. */
interface Parts {
  readonly metadata: string;
  readonly file: string;
  readonly isCopy: boolean;
}

async function findParts(directory: string): Promise<Parts> {
  const names = await readdir(directory);
  const decided = names.find((name) => name.startsWith(decidedReplace));
  const isCopy = names.includes(originalName);
  if (decided === undefined) return { metadata: metadataName, file: fileName, isCopy };
  const file = stagedFile + decided.slice(decidedReplace.length);
  return { metadata: decided, file: names.includes(file) ? file : fileName, isCopy };
}

/** A blob's info and its open file, both of one moment. */
export interface OpenBlob {
  readonly info: BlobInfo;
  readonly handle: FileHandle;
}

/**
 * Opens the blob in `directory`. A replace may happen between the looks at its two files: then
 * looks again, until nothing changed in between.
 */
export async function openEntry(directory: string, id: string): Promise<OpenBlob> {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const opened = await openOnce(directory, id);
    if (opened !== null) return opened;
  }
  throw new DepotError('failed', `cannot read ${directory}: it is replaced again and again`);
}

async function openOnce(directory: string, id: string): Promise<OpenBlob | null> {
  const parts = await findParts(directory);
  const metadataFile = path.join(directory, parts.metadata);
  const metadata = await readVersioned(metadataFile);
  if (metadata === null) return missingOrMoved(directory, parts);
  const handle = await open(path.join(directory, parts.file), reading).catch(nullIfMissing);
  try {
    if (await hasMoved(directory, parts, metadata.version)) {
      await handle?.close();
      return null;
    }
    if (handle === null) {
      throw new DepotError('damaged', `damaged blob in ${directory}: ${parts.file} is missing`);
    }
    const original = parts.isCopy ? await readOriginal(directory) : {};
    return { info: { ...(await infoOf(id, handle, metadata, metadataFile)), ...original }, handle };
  } catch (error) {
    await handle?.close();
    throw error;
  }
}

/** Looks at the metadata last, since a replace puts its own in place as its last step. */
async function hasMoved(directory: string, parts: Parts, version: string): Promise<boolean> {
  const { metadata, file } = await findParts(directory);
  if (metadata !== parts.metadata || file !== parts.file) return true;
  return (await fingerprint(path.join(directory, metadata))) !== version;
}

async function missingOrMoved(directory: string, parts: Parts): Promise<null> {
  if (parts.metadata !== metadataName || (await findParts(directory)).metadata !== metadataName) {
    return null;
  }
  throw Object.assign(new Error(`no ${metadataName} in ${directory}`), { code: 'ENOENT' });
}

async function infoOf(
  id: string,
  handle: FileHandle,
  { bytes, version }: Versioned,
  metadataFile: string,
): Promise<BlobInfo> {
  const file = await handle.stat({ bigint: true });
  if (isSpecial(file)) {
    throw new DepotError(
      'damaged',
      `damaged blob in ${path.dirname(metadataFile)}: its file is no regular file`,
    );
  }
  const { contentLength, ...metadata } = parseMetadata(decode(bytes, metadataFile), metadataFile);
  return {
    id,
    ...metadata,
    contentLength: contentLength ?? Number(file.size),
    storedLength: Number(file.size),
    ...(path.basename(metadataFile) === metadataName ? {} : { halfReplaced: true }),
    version: `${version}/${versionOf(file)}`,
  };
}

async function readOriginal(directory: string): Promise<{ originalId?: string }> {
  const file = path.join(directory, originalName);
  const found = await readVersioned(file);
  return found === null ? {} : { originalId: decode(found.bytes, file) };
}

function decode(bytes: Uint8Array, file: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw damagedMetadata(file, 'it is not UTF-8');
  }
}

/** A pipe, a socket or a device; of a directory the system says so when it is read. */
function isSpecial(found: BigIntStats): boolean {
  return !found.isFile() && !found.isDirectory();
}

/** A file's content, and what `fingerprint` says of it. */
interface Versioned {
  readonly bytes: Uint8Array;
  readonly version: string;
}

async function readVersioned(file: string): Promise<Versioned | null> {
  const handle = await open(file, reading).catch(nullIfMissing);
  if (handle === null) return null;
  try {
    const found = await handle.stat({ bigint: true });
    if (isSpecial(found)) throw damagedMetadata(file, 'it is no regular file');
    if (found.size > metadataLimit) throw damagedMetadata(file, 'it is larger than 1 MB');
    return { version: versionOf(found), bytes: await handle.readFile() };
  } finally {
    await handle.close();
  }
}

/** Changes whenever the file is written or another takes its name; null where there is none. */
async function fingerprint(file: string): Promise<string | null> {
  const found = await stat(file, { bigint: true }).catch(nullIfMissing);
  return found === null ? null : versionOf(found);
}

function versionOf({ ino, size, mtimeNs }: BigIntStats): string {
  return `${ino}-${size}-${mtimeNs}`;
}

function nullIfMissing(error: unknown): null {
  if (errorCode(error) === 'ENOENT') return null;
  throw error;
}
