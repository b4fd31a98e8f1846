import { DepotError } from '../errors.js';
import type { GcsClient, GcsRequest } from './gcs-client.js';
import { readRefusal, refusalError } from './gcs-errors.js';
import { findObject, type GcsObject } from './gcs-object.js';

/** Objects listed at a time: what the service gives at most. */
const listPage = 1000;

/** A bucket that may or may not be there. */
export interface Bucket {
  readonly client: GcsClient;
  readonly name: string;
}

interface ListedPage {
  readonly items?: readonly { readonly name: string }[];
  readonly nextPageToken?: string;
}

function listUrl({ name }: Bucket): string {
  return `/storage/v1/b/${encodeURIComponent(name)}/o`;
}

/** The least that shows whether there is a bucket: it asks for no right on the bucket itself. */
function listOne(bucket: Bucket): GcsRequest {
  const query = { maxResults: '1', fields: 'nextPageToken' };
  return { method: 'GET', url: listUrl(bucket), query, action: 'list' };
}

/** Fails unless the bucket's objects may be listed. */
export async function pingBucket(bucket: Bucket): Promise<void> {
  await bucket.client.request(listOne(bucket));
}

/** Names of the objects whose names begin with `prefix`, those behind `after`, a page at a time. */
export async function* listObjects(
  bucket: Bucket,
  prefix: string,
  after = '',
): AsyncGenerator<string> {
  for (let pageToken: string | undefined = ''; pageToken !== undefined; ) {
    const { body } = await bucket.client.request({
      method: 'GET',
      url: listUrl(bucket),
      query: {
        prefix,
        maxResults: String(listPage),
        fields: 'items(name),nextPageToken',
        ...(after === '' ? {} : { startOffset: after }),
        ...(pageToken === '' ? {} : { pageToken }),
      },
      action: 'list',
    });
    const page: ListedPage = JSON.parse(body);
    // The service begins with the offset itself.
    for (const { name } of page.items ?? []) if (name !== after) yield name;
    pageToken = page.nextPageToken;
  }
}

/** The object. Where there is none: a `not-found` error, or that of a missing bucket. */
export async function existingObject(bucket: Bucket, name: string): Promise<GcsObject> {
  return (await findObject(bucket.client, bucket.name, name)) ?? (await missing(bucket, name));
}

/** Throws what a 404 means: the service says it alike of objects and of buckets. */
export async function missing(bucket: Bucket, name: string): Promise<never> {
  await checkBucket(bucket);
  throw new DepotError('not-found', `no blob ${name} in ${bucket.client.bucket}`);
}

/** Fails where there is no such bucket; a key that may not list hears nothing of it. */
export async function checkBucket(bucket: Bucket): Promise<void> {
  const { client } = bucket;
  const { status, body } = await client.request({ ...listOne(bucket), accept: [401, 403, 404] });
  if (status !== 404) return;
  throw refusalError(readRefusal(status, body), `cannot reach ${client.bucket}`, false);
}

/**
 * Makes the bucket, unless it is there. Where its blobs stay private, nobody can make one of them
 * public by itself either.
 */
export async function provisionBucket(
  bucket: Bucket,
  options: { isPrivate: boolean; storageClass: string | undefined; where: string },
): Promise<void> {
  const { client, name } = bucket;
  const listed = await client.request({ ...listOne(bucket), accept: [404] });
  if (listed.status !== 404) return;
  const project = await client.access.projectId();
  if (project === null) {
    throw new DepotError('config', `${options.where}: a new bucket needs the option project_id`);
  }
  const iamConfiguration = {
    uniformBucketLevelAccess: { enabled: true },
    publicAccessPrevention: 'enforced',
  };
  const resource = {
    name,
    ...(options.storageClass === undefined ? {} : { storageClass: options.storageClass }),
    ...(options.isPrivate ? { iamConfiguration } : {}),
  };
  const { status } = await client.request({
    method: 'POST',
    url: '/storage/v1/b',
    query: { project },
    headers: { 'Content-Type': 'application/json' },
    body: [Buffer.from(JSON.stringify(resource))],
    action: 'create',
    accept: [409],
  });
  // Made meanwhile, by an earlier try or somebody else: then it has to be ours to use.
  if (status === 409) await pingBucket(bucket);
}
