import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  type HeadObjectCommandOutput,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3';
import type { ServiceCopy } from '../backend.js';
import { quotePath } from './object-metadata.js';
import { sharedChecksum, wholeCrc32 } from './s3-checksum.js';
import { ask, existingObject, placementOf, type S3Bucket, type Storing } from './s3-object.js';

/** Bytes that the service copies in one request, and those of a part where it takes several. */
export interface CopySizes {
  readonly whole: number;
  readonly part: number;
}

const gigabyte = 1024 ** 3;
const sizes: CopySizes = { whole: 5 * gigabyte, part: gigabyte };

const action = 'copy a blob in';

interface Place {
  readonly bucket: S3Bucket;
  readonly key: string;
}

interface Target extends Place {
  readonly storing: Storing;
}

/**
 * Copies an object inside the service; the target's key must be free. Null, leaving nothing, where
 * no checksum of the service's shows that the copy equals its source.
 */
export async function copyObject(
  from: Place,
  to: Target,
  { whole, part }: CopySizes = sizes,
): Promise<ServiceCopy | null> {
  const source = await existingObject(from.bucket, from.key);
  const length = source.ContentLength ?? 0;
  const inParts = length > whole;
  // Of parts put together the entity tag is no hash.
  if (inParts ? wholeCrc32(source) === null : sharedChecksum(source, source) === null) return null;
  if (inParts) await copyParts(from, to, source, part);
  else await copyWhole(from, to, source);
  const made = await existingObject(to.bucket, to.key);
  const [expected, checksum] = sharedChecksum(source, made) ?? ['', 'none'];
  if (made.ContentLength === length && checksum === expected) return { length, checksum };
  const { client } = to.bucket.access;
  await ask(to.bucket, action, () =>
    client.send(new DeleteObjectCommand({ Bucket: to.bucket.name, Key: to.key })),
  );
  return null;
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
  size: number,
): Promise<void> {
  const { client } = to.bucket.access;
  const at = { Bucket: to.bucket.name, Key: to.key };
  const { ContentType, ContentDisposition, Metadata, ContentLength: length = 0 } = source;
  const { UploadId } = await ask(to.bucket, action, () =>
    client.send(
      new CreateMultipartUploadCommand({
        ...at,
        ...{ ContentType, ContentDisposition, Metadata, ...placementOf(to.storing) },
        ...{ ChecksumAlgorithm: 'CRC32', ChecksumType: 'FULL_OBJECT' },
      }),
    ),
  );
  const copyPart = async (start: number): Promise<CompletedPart> => {
    const PartNumber = start / size + 1;
    const end = Math.min(start + size, length) - 1;
    const { CopyPartResult } = await client.send(
      new UploadPartCopyCommand({
        ...{ ...at, UploadId, PartNumber, CopySourceRange: `bytes=${start}-${end}` },
        ...sourceOf(from, source),
      }),
    );
    const { ETag, ChecksumCRC32 } = CopyPartResult ?? {};
    return { ETag, PartNumber, ...(ChecksumCRC32 === undefined ? {} : { ChecksumCRC32 }) };
  };
  try {
    const parts: CompletedPart[] = [];
    for (let start = 0; start < length; start += size) parts.push(await copyPart(start));
    const command = new CompleteMultipartUploadCommand({
      ...{ ...at, UploadId, MultipartUpload: { Parts: parts }, ChecksumType: 'FULL_OBJECT' },
    });
    await client.send(command);
  } catch (error) {
    await client.send(new AbortMultipartUploadCommand({ ...at, UploadId })).catch(() => {});
    await ask(to.bucket, action, () => Promise.reject(error));
  }
}
