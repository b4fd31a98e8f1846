import { Long, type ObjectId } from 'mongodb';
import type { BlobInfo, BlobMetadata } from '../backend.js';
import { formatUtc, parseUtc } from '../time.js';

/** Bytes of a chunk, but for the last: what Python's GridFS takes. */
export const chunkBytes = 255 * 1024;

/** What stands in a files document beside its `_id`. Other programs' may be of any types. */
export interface FileFields {
  readonly filename?: unknown;
  /** `YYYY-MM-DD HH:MM:SS`, UTC. */
  readonly last_modified?: unknown;
  readonly contentType?: unknown;
  readonly chunkSize?: unknown;
  readonly length?: unknown;
  readonly uploadDate?: unknown;
  /** What a copy was called in the storage that it is of: our own key, which Python leaves alone. */
  readonly depot_original_id?: unknown;
  /** In documents of older drivers, hexadecimal. */
  readonly md5?: unknown;
}

/** Says that the current content is still on its way to its place (see gridfs-replace.ts). */
export interface Replacement {
  /** The upload that has the content. */
  readonly chunks: ObjectId;
  /** What the document becomes; absent once it is that. */
  readonly file?: FileFields;
}

export interface FileDocument extends FileFields {
  readonly _id: ObjectId;
  readonly depot_replacement?: Replacement;
}

export interface ChunkDocument {
  readonly _id: ObjectId;
  readonly files_id: ObjectId;
  readonly n: number;
  readonly data?: Uint8Array;
}

/** The files document of a new content, with the keys, their order and their types as in Python. */
export function newFile(
  { filename, contentType, lastModified, originalId }: BlobMetadata,
  length: number,
  uploadDate: Date,
): FileFields {
  return {
    filename,
    last_modified: lastModified === null ? null : formatUtc(lastModified),
    contentType,
    chunkSize: chunkBytes,
    length: Long.fromNumber(length),
    uploadDate,
    ...(originalId === undefined ? {} : { depot_original_id: originalId }),
  };
}

/** The fields of the current content. */
export function currentFile(document: FileDocument): FileFields {
  return document.depot_replacement?.file ?? document;
}

/** Bytes; null where the document does not tell. */
export function lengthOf({ length }: FileFields): number | null {
  const bytes = numberOf(length);
  return Number.isSafeInteger(bytes) && bytes >= 0 ? bytes : null;
}

/** Bytes of a chunk; null where the document does not tell. */
export function chunkSizeOf({ chunkSize }: FileFields): number | null {
  const bytes = numberOf(chunkSize);
  return Number.isSafeInteger(bytes) && bytes > 0 ? bytes : null;
}

/** The driver gives 64-bit integers as numbers, unless they are too large for one. */
function numberOf(value: unknown): number {
  if (value instanceof Long) return value.toNumber();
  return typeof value === 'number' ? value : Number.NaN;
}

/** Changes with every replace, ours and Python's: each sets the time of the upload. */
export function versionOf(document: FileDocument): string {
  const { uploadDate, length, last_modified: modified } = currentFile(document);
  const uploaded = uploadDate instanceof Date ? uploadDate.getTime() : '';
  return `${uploaded}/${numberOf(length)}/${typeof modified === 'string' ? modified : ''}`;
}

export function infoOf(document: FileDocument, contentLength: number): BlobInfo {
  const file = currentFile(document);
  const { filename, contentType, last_modified: modified, depot_original_id: original } = file;
  return {
    id: document._id.toHexString(),
    filename: typeof filename === 'string' ? filename : 'unnamed',
    contentType: typeof contentType === 'string' ? contentType : 'application/octet-stream',
    contentLength,
    lastModified: typeof modified === 'string' ? parseUtc(modified) : null,
    ...(typeof original === 'string' ? { originalId: original } : {}),
    ...(document.depot_replacement === undefined ? {} : { halfReplaced: true }),
    version: versionOf(document),
  };
}
