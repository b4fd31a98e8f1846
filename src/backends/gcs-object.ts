import type { BlobInfo, BlobMetadata } from '../backend.js';
import { DepotError } from '../errors.js';
import { formatUtc, parseUtc } from '../time.js';
import type { GcsClient } from './gcs-client.js';
import {
  contentDisposition,
  originalIn,
  quoteFilename,
  quoteOriginal,
  unquoteFilename,
} from './object-metadata.js';

/** What is asked of the service about an object. */
const objectFields = [
  ...['name', 'generation', 'size', 'crc32c', 'storageClass', 'metadata'],
  ...['contentType', 'contentDisposition', 'contentEncoding', 'contentLanguage', 'cacheControl'],
].join(',');

/** An object of the JSON API, as far as it matters here. */
export interface GcsObject {
  readonly name: string;
  /** Another one with every upload to the name. */
  readonly generation: string;
  /** Bytes, in decimal. */
  readonly size: string;
  /** Base64; absent for what customers encrypt. */
  readonly crc32c?: string;
  readonly storageClass?: string;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly contentType?: string;
  readonly contentDisposition?: string;
  readonly contentEncoding?: string;
  readonly contentLanguage?: string;
  readonly cacheControl?: string;
}

/** What is sent of an object before its bytes. */
export interface NewObject extends Pick<GcsObject, 'name' | 'storageClass'> {
  readonly contentType: string;
  readonly contentDisposition: string;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Missing keys have the defaults that Python reads for them. */
export function infoOf(id: string, { metadata = {}, size, generation }: GcsObject): BlobInfo {
  const filename = unquoteFilename(metadata['x-depot-filename'] ?? 'unnamed');
  return {
    id,
    filename,
    contentType: metadata['x-depot-content-type'] ?? 'application/octet-stream',
    contentLength: Number(size),
    lastModified: parseUtc(metadata['x-depot-modified'] ?? ''),
    ...originalIn(metadata),
    version: generation,
  };
}

/** Bytes of keys and values that the service takes of a blob's metadata. */
const metadataLength = 8 * 1024;

export function newObject(
  name: string,
  blob: BlobMetadata,
  storageClass: string | undefined,
): NewObject {
  const { filename, contentType, lastModified } = blob;
  const metadata = {
    'x-depot-content-type': contentType,
    'x-depot-filename': quoteFilename(filename),
    ...(lastModified === null ? {} : { 'x-depot-modified': formatUtc(lastModified) }),
    ...quoteOriginal(blob),
  };
  if (Buffer.byteLength(Object.entries(metadata).flat().join('')) > metadataLength) {
    const why = 'its filename and type are too long for the metadata of Google Cloud Storage';
    throw new DepotError('failed', `cannot store ${name}: ${why}`);
  }
  return {
    name,
    // It becomes a header of the blob's public URL.
    contentType: /^[\x20-\x7e]+$/.test(contentType) ? contentType : 'application/octet-stream',
    contentDisposition: contentDisposition('inline', filename),
    ...(storageClass === undefined ? {} : { storageClass }),
    metadata,
  };
}

export function objectUrl(bucketName: string, name: string): string {
  return `/storage/v1/b/${encodeURIComponent(bucketName)}/o/${encodeURIComponent(name)}`;
}

/** The object, or null where there is none, or no such bucket. */
export async function findObject(
  client: GcsClient,
  bucketName: string,
  name: string,
): Promise<GcsObject | null> {
  const { status, body } = await client.request({
    method: 'GET',
    url: objectUrl(bucketName, name),
    query: { fields: objectFields },
    action: 'look at a blob in',
    accept: [404],
  });
  return status === 404 ? null : JSON.parse(body);
}
