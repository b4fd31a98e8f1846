import {
  type GetObjectCommandOutput,
  HeadObjectCommand,
  type HeadObjectCommandOutput,
  ListObjectsV2Command,
  type PutObjectCommandInput,
} from '@aws-sdk/client-s3';
import type { BlobInfo, BlobMetadata } from '../backend.js';
import { DepotError } from '../errors.js';
import { formatUtc, parseUtc } from '../time.js';
import {
  contentDisposition,
  originalIn,
  quoteFilename,
  quoteOriginal,
  unquoteFilename,
} from './object-metadata.js';
import type { Policy } from './policy.js';
import type { S3Access } from './s3-client.js';
import { errorCodeOf, explained, isServiceError, statusOf } from './s3-errors.js';

/** Bytes of an object's metadata that the service takes: names and values together. */
const metadataLimit = 2048;

/** A bucket that may or may not be there. */
export interface S3Bucket {
  readonly access: S3Access;
  readonly name: string;
  /** For messages, such as `the bucket files at https://…`. */
  readonly described: string;
}

/** How objects are stored, beside their bytes and metadata. */
export interface Storing {
  readonly policy: Policy | undefined;
  readonly storageClass: string | undefined;
  readonly encrypt: boolean;
}

/** What is told of an object when it is asked for. */
export type S3Head = HeadObjectCommandOutput | GetObjectCommandOutput;

/** Asks the service; what it refuses is explained. */
export async function ask<T>(
  { described }: S3Bucket,
  action: string,
  request: () => Promise<T>,
): Promise<T> {
  try {
    return await request();
  } catch (error) {
    throw explained(error, `cannot ${action} ${described}`);
  }
}

/** Missing keys have the defaults that Python reads for them. */
export function infoOf(id: string, head: S3Head): BlobInfo {
  const metadata = head.Metadata ?? {};
  const modified = metadata['x-depot-modified'] ?? '';
  return {
    id,
    filename: unquoteFilename(metadata['x-depot-filename'] ?? 'unnamed'),
    contentType: head.ContentType ?? 'application/octet-stream',
    contentLength: head.ContentLength ?? 0,
    lastModified: parseUtc(modified),
    ...originalIn(metadata),
    // The service's own time has seconds only.
    version: [head.ETag, head.LastModified?.getTime(), head.VersionId, modified].join('/'),
  };
}

/** Headers of a new object; fails where the service would not take so much metadata. */
export function attributesOf(
  blob: BlobMetadata,
  storing: Storing,
): Omit<PutObjectCommandInput, 'Bucket' | 'Key' | 'Body'> {
  const { filename, contentType, lastModified } = blob;
  const metadata = {
    'x-depot-filename': quoteFilename(filename),
    ...(lastModified === null ? {} : { 'x-depot-modified': formatUtc(lastModified) }),
    ...quoteOriginal(blob),
  };
  if (Object.entries(metadata).flat().join('').length > metadataLimit) {
    throw new DepotError(
      'failed',
      `the filename is too long: S3 keeps ${metadataLimit} bytes of metadata, percent-encoded`,
    );
  }
  return {
    // There is no other place for it than the header.
    ContentType: /^[\x20-\x7e]+$/.test(contentType) ? contentType : 'application/octet-stream',
    ContentDisposition: contentDisposition('inline', filename),
    Metadata: metadata,
    ...placementOf(storing),
  };
}

/** Without a policy of the user's no access rule is sent: buckets without them take it. */
export function placementOf({
  policy,
  storageClass,
  encrypt,
}: Storing): Pick<PutObjectCommandInput, 'ACL' | 'StorageClass' | 'ServerSideEncryption'> {
  return {
    ...(policy === 'public-read' ? { ACL: 'public-read' } : {}),
    ...(storageClass === undefined
      ? {}
      : { StorageClass: storageClass as NonNullable<PutObjectCommandInput['StorageClass']> }),
    ...(encrypt ? { ServerSideEncryption: 'AES256' } : {}),
  };
}

/** The object, with its checksum where the service has one; null where there is none. */
export async function findObject(
  bucket: S3Bucket,
  key: string,
): Promise<HeadObjectCommandOutput | null> {
  const { client } = bucket.access;
  try {
    const command = new HeadObjectCommand({
      Bucket: bucket.name,
      Key: key,
      ChecksumMode: 'ENABLED',
    });
    return await client.send(command);
  } catch (error) {
    // An answer to HEAD has no body that would say more.
    if (isServiceError(error)) await checkBucket(bucket, 'look at a blob in');
    if (statusOf(error) === 404) return null;
    throw explained(error, `cannot look at a blob in ${bucket.described}`);
  }
}

export async function existingObject(
  bucket: S3Bucket,
  key: string,
): Promise<HeadObjectCommandOutput> {
  const head = await findObject(bucket, key);
  if (head !== null) return head;
  throw missing(bucket, key);
}

export function missing({ described }: S3Bucket, key: string): DepotError {
  return new DepotError('not-found', `no blob ${key} in ${described}`);
}

/**
 * Fails, saying why, where nothing can be asked of the bucket: it is missing, or the key is wrong.
 * A key that may not list hears nothing of a bucket.
 */
export async function checkBucket(bucket: S3Bucket, action: string): Promise<void> {
  const { client } = bucket.access;
  try {
    await client.send(new ListObjectsV2Command({ Bucket: bucket.name, MaxKeys: 1 }));
  } catch (error) {
    if (isServiceError(error) && errorCodeOf(error) === 'AccessDenied') return;
    throw explained(error, `cannot ${action} ${bucket.described}`);
  }
}

/** Fails unless the bucket's objects may be listed. */
export async function pingBucket(bucket: S3Bucket): Promise<void> {
  await ask(bucket, 'list', () =>
    bucket.access.client.send(new ListObjectsV2Command({ Bucket: bucket.name, MaxKeys: 1 })),
  );
}

/** Keys that begin with `prefix`, those behind the key `after`, a page at a time. */
export async function* listObjects(
  bucket: S3Bucket,
  prefix: string,
  after = '',
): AsyncGenerator<string> {
  const { client } = bucket.access;
  let token: string | undefined;
  do {
    const page = await ask(bucket, 'list', () =>
      client.send(
        new ListObjectsV2Command({
          Bucket: bucket.name,
          Prefix: prefix,
          ...(after === '' ? {} : { StartAfter: after }),
          ...(token === undefined ? {} : { ContinuationToken: token }),
        }),
      ),
    );
    for (const { Key } of page.Contents ?? []) if (Key !== undefined) yield Key;
    token = page.IsTruncated === true ? page.NextContinuationToken : undefined;
  } while (token !== undefined);
}
