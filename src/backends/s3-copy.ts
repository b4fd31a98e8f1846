import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  HeadObjectCommand,
  type HeadObjectCommandOutput,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3';
import type { ServiceCopy } from '../backend.js';
import { quotePath } from './object-metadata.js';
import { sharedChecksum, wholeCrc32 } from './s3-checksum.js';
import { ask, existingObject, placementOf, type S3Bucket, type Storing } from './s3-object.js';

/** Bytes that the service copies in one request. */
const wholeLimit = 5 * 1024 ** 3;

const action = 'copy a blob in';

interface Place {
  readonly bucket: S3Bucket;
  readonly key: string;
}

interface Target extends Place {
  readonly storing: Storing;
}

/** What tells that the source and its copy are equal. */
type Compare = (source: HeadObjectCommandOutput, made: HeadObjectCommandOutput) => string | null;

/**
 * Copies an object inside the service; the target's key must be free. Null, leaving nothing, where
 * nothing that the service says shows that the copy equals its source. `limit` is that of one
 * request, in bytes.
 */
export async function copyObject(
  from: Place,
  to: Target,
  limit = wholeLimit,
): Promise<ServiceCopy | null> {
  const source = await existingObject(from.bucket, from.key);
  const length = source.ContentLength ?? 0;
  const compare = await copyComparably(from, to, source, length <= limit);
  if (compare === null) return null;
  const made = await existingObject(to.bucket, to.key);
  const checksum = made.ContentLength === length ? compare(source, made) : null;
  if (checksum !== null) return { length, checksum };
  const { client } = to.bucket.access;
  await ask(to.bucket, action, () =>
    client.send(new DeleteObjectCommand({ Bucket: to.bucket.name, Key: to.key })),
  );
  return null;
}

/** Copies it in the way that leaves something to compare; null, having done nothing, in none. */
async function copyComparably(
  from: Place,
  to: Target,
  source: HeadObjectCommandOutput,
  fits: boolean,
): Promise<Compare | null> {
  if (fits && sharedChecksum(source, source) !== null) {
    await copyWhole(from, to, source);
    return byChecksum;
  }
  const partLength = await partLengthOf(from);
  if (partLength === null) return null;
  await copyParts(from, to, source, partLength);
  return byEntityTag;
}

const byChecksum: Compare = (source, made) => {
  const [expected, found] = sharedChecksum(source, made) ?? [null, null];
  return found === expected ? found : null;
};

/** That of an object in parts is made of the hashes of its parts: of equal parts it is equal. */
const byEntityTag: Compare = (source, made) =>
  made.ETag !== undefined && made.ETag === source.ETag
    ? `etag:${made.ETag.replaceAll('"', '')}`
    : null;

/** Bytes of each part that an object was stored in; null where it was stored in one request. */
async function partLengthOf({ bucket, key }: Place): Promise<number | null> {
  const { client } = bucket.access;
  const at = { Bucket: bucket.name, Key: key, PartNumber: 1 };
  const first = await ask(bucket, action, () => client.send(new HeadObjectCommand(at)));
  return /-\d+"?$/.test(first.ETag ?? '') ? (first.ContentLength ?? null) : null;
}

function sourceOf(
  { bucket, key }: Place,
  { ETag }: HeadObjectCommandOutput,
): { CopySource: string; CopySourceIfMatch?: string } {
  const CopySource = `${bucket.name}/${quotePath(key)}`;
  return ETag === undefined ? { CopySource } : { CopySource, CopySourceIfMatch: ETag };
}

async function copyWhole(from: Place, to: Target, source: HeadObjectCommandOutput): Promise<void> {
  const { client, checksums } = to.bucket.access;
  await ask(to.bucket, action, () =>
    client.send(
      new CopyObjectCommand({
        ...{ Bucket: to.bucket.name, Key: to.key, MetadataDirective: 'COPY' },
        ...sourceOf(from, source),
        ...placementOf(to.storing),
        ...(checksums && wholeCrc32(source) !== null ? { ChecksumAlgorithm: 'CRC32' } : {}),
      }),
    ),
  );
}

async function copyParts(
  from: Place,
  to: Target,
  source: HeadObjectCommandOutput,
  partLength: number,
): Promise<void> {
  const { client } = to.bucket.access;
  const at = { Bucket: to.bucket.name, Key: to.key };
  const { ContentType, ContentDisposition, Metadata, ContentLength: length = 0 } = source;
  const attributes = { ContentType, ContentDisposition, Metadata, ...placementOf(to.storing) };
  const { UploadId } = await ask(to.bucket, action, () =>
    client.send(new CreateMultipartUploadCommand({ ...at, ...attributes })),
  );
  const copyPart = async (start: number): Promise<CompletedPart> => {
    const PartNumber = start / partLength + 1;
    const end = Math.min(start + partLength, length) - 1;
    const { CopyPartResult } = await client.send(
      new UploadPartCopyCommand({
        ...{ ...at, UploadId, PartNumber, CopySourceRange: `bytes=${start}-${end}` },
        ...sourceOf(from, source),
      }),
    );
    return { ETag: CopyPartResult?.ETag, PartNumber };
  };
  try {
    const Parts: CompletedPart[] = [];
    for (let start = 0; start < length; start += partLength) Parts.push(await copyPart(start));
    const MultipartUpload = { Parts };
    await client.send(new CompleteMultipartUploadCommand({ ...at, UploadId, MultipartUpload }));
  } catch (error) {
    await client.send(new AbortMultipartUploadCommand({ ...at, UploadId })).catch(() => {});
    await ask(to.bucket, action, () => Promise.reject(error));
  }
}
