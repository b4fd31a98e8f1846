import { DepotError } from '../errors.js';
import type { GcsClient } from './gcs-client.js';
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

/** Fails unless the bucket's objects may be listed, which asks for no right on the bucket itself. */
export async function pingBucket(bucket: Bucket): Promise<void> {
  await bucket.client.request({
    method: 'GET',
    url: listUrl(bucket),
    query: { maxResults: '1', fields: 'nextPageToken' },
    action: 'list',
  });
}

/** Names of the objects whose names begin with `prefix`, a page at a time. */
export async function* listObjects(bucket: Bucket, prefix: string): AsyncGenerator<string> {
  for (let pageToken: string | undefined = ''; pageToken !== undefined; ) {
    const { body } = await bucket.client.request({
      method: 'GET',
      url: listUrl(bucket),
      query: {
        prefix,
        maxResults: String(listPage),
        fields: 'items(name),nextPageToken',
        ...(pageToken === '' ? {} : { pageToken }),
      },
      action: 'list',
    });
    const page: ListedPage = JSON.parse(body);
    for (const { name } of page.items ?? []) yield name;
    pageToken = page.nextPageToken;
  }
}

/** The object. Where there is none: a `not-found` error, or that of a missing bucket. */
export async function existingObject(bucket: Bucket, name: string): Promise<GcsObject> {
  return (await findObject(bucket.client, bucket.name, name)) ?? (await missing(bucket, name));
}

/**
 * Throws what a 404 means: the service says it alike of objects and buckets. A key that may not list
 * hears of no missing bucket.
 */
export async function missing(bucket: Bucket, name: string): Promise<never> {
  const { client } = bucket;
  const { status, body } = await client.request({
    method: 'GET',
    url: listUrl(bucket),
    query: { maxResults: '1', fields: 'nextPageToken' },
    action: 'list',
    accept: [401, 403, 404],
  });
  if (status === 404) {
    throw refusalError(readRefusal(status, body), `cannot reach ${client.bucket}`, false);
  }
  throw new DepotError('not-found', `no blob ${name} in ${client.bucket}`);
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
  const url = listUrl(bucket);
  const query = { maxResults: '1', fields: 'nextPageToken' };
  const listed = await client.request({ method: 'GET', url, query, action: 'list', accept: [404] });
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
