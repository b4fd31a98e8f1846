import { randomUUID } from 'node:crypto';
import {
  DeleteBucketCommand,
  DeleteObjectCommand,
  NoSuchBucket,
  paginateListObjectsV2,
  S3Client,
} from '@aws-sdk/client-s3';
import type { Backend } from '../../src/backend.js';
import { openS3, type S3Settings } from '../../src/backends/s3.js';
import type { Opened } from '../conformance/harness.js';

/** Opens a storage as the registry does, with what a test wants different. */
export function openTestS3(
  settings: S3Settings,
  network: { idleTimeout?: number; retried?: () => void } = {},
): Promise<Backend> {
  return openS3(settings, {
    name: 'cloud',
    where: 'depot.ini line 3 [app:main] kotti.depot.1.name',
    retried: () => {},
    idleTimeout: 20_000,
    ...network,
  });
}

/** Settings for a bucket of a name that nobody has; the URL carries the key. */
export function newBucketAt(url: string, settings: Partial<BucketSettings> = {}): BucketSettings {
  const { protocol, host, username, password } = new URL(url);
  return {
    bucket: `depot-${randomUUID()}`,
    policy: 'private' as const,
    endpoint_url: `${protocol}//${host}`,
    access_key_id: decodeURIComponent(username),
    secret_access_key: decodeURIComponent(password),
    ...settings,
  };
}

interface BucketSettings extends S3Settings {
  readonly bucket: string;
  readonly endpoint_url: string;
  readonly access_key_id: string;
  readonly secret_access_key: string;
}

/** The SDK by itself, for what a test wants to see. */
export function clientOf(settings: BucketSettings): S3Client {
  return new S3Client({
    endpoint: settings.endpoint_url,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: {
      accessKeyId: settings.access_key_id,
      secretAccessKey: settings.secret_access_key,
    },
  });
}

/** A storage whose bucket is not there yet, and removed at the end. */
export async function openWithoutBucket(settings: BucketSettings): Promise<Opened> {
  const backend = await openTestS3(settings);
  return {
    backend,
    reopen: () => openTestS3(settings),
    async close() {
      await backend.close();
      await removeBucket(settings);
    },
  };
}

/** An empty storage, whose bucket is removed at the end. */
export async function openBucket(settings: BucketSettings): Promise<Opened> {
  const opened = await openWithoutBucket(settings);
  await opened.backend.provision();
  return opened;
}

async function removeBucket(settings: BucketSettings): Promise<void> {
  const client = clientOf(settings);
  const Bucket = settings.bucket;
  try {
    for await (const { Contents = [] } of paginateListObjectsV2({ client }, { Bucket })) {
      await Promise.all(
        Contents.map(({ Key }) => client.send(new DeleteObjectCommand({ Bucket, Key }))),
      );
    }
    await client.send(new DeleteBucketCommand({ Bucket }));
  } catch (error) {
    if (!(error instanceof NoSuchBucket)) throw error;
  } finally {
    client.destroy();
  }
}
