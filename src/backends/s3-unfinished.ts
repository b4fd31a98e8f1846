import { AbortMultipartUploadCommand, ListMultipartUploadsCommand } from '@aws-sdk/client-s3';
import type { Leftover } from '../backend.js';
import { ask, type S3Bucket } from './s3-object.js';

/**
 * Uploads of blobs in parts that nobody has completed: the bucket's owner pays for their parts.
 * Others in the bucket have keys that are no blob's. Amazon lists all of them, MinIO only those of
 * the key that `prefix` is, which removes them itself after a day.
 */
export async function* unfinishedUploads(
  bucket: S3Bucket,
  options: { prefix: string; isBlob(key: string): boolean; signal: AbortSignal },
): AsyncGenerator<Leftover> {
  const { client } = bucket.access;
  const { prefix, isBlob, signal } = options;
  let marker: { KeyMarker?: string; UploadIdMarker?: string } | null = {};
  while (marker !== null && !signal.aborted) {
    const position: object = marker;
    const page = await ask(bucket, 'list the unfinished uploads in', () =>
      client.send(
        new ListMultipartUploadsCommand({ Bucket: bucket.name, Prefix: prefix, ...position }),
      ),
    );
    for (const { Key, UploadId, Initiated } of page.Uploads ?? []) {
      if (Key === undefined || UploadId === undefined || Initiated === undefined) continue;
      if (!isBlob(Key)) continue;
      const upload = { Bucket: bucket.name, Key, UploadId };
      yield {
        description: `unfinished upload of ${Key} in ${bucket.described}`,
        since: Initiated,
        id: null,
        async remove() {
          await ask(bucket, 'remove an unfinished upload in', () =>
            client.send(new AbortMultipartUploadCommand(upload)),
          );
        },
      };
    }
    const { IsTruncated, NextKeyMarker, NextUploadIdMarker } = page;
    marker = IsTruncated
      ? {
          ...(NextKeyMarker === undefined ? {} : { KeyMarker: NextKeyMarker }),
          ...(NextUploadIdMarker === undefined ? {} : { UploadIdMarker: NextUploadIdMarker }),
        }
      : null;
  }
}
