import { CreateBucketCommand, DeleteObjectCommand } from '@aws-sdk/client-s3';
import type { Backend, Place } from '../backend.js';
import { DepotError } from '../errors.js';
import { firstOf } from '../listing.js';
import type { NetworkStorage } from '../network.js';
import { acceptsUuid } from '../python/uuid.js';
import { derivedUuid, newUuid } from './identifiers.js';
import { quotePath } from './object-metadata.js';
import { undecidedPolicy } from './policy.js';
import { openAccess, type S3Access, type S3AccessSettings } from './s3-client.js';
import { copyObject } from './s3-copy.js';
import { download } from './s3-download.js';
import { errorCodeOf, explained, isServiceError } from './s3-errors.js';
import {
  ask,
  attributesOf,
  existingObject,
  findObject,
  infoOf,
  listObjects,
  pingBucket,
  type S3Bucket,
  type Storing,
} from './s3-object.js';
import { signedUrl } from './s3-signed-url.js';
import { unfinishedUploads } from './s3-unfinished.js';
import { taken, upload } from './s3-upload.js';
import { type SignedUrlSettings, signedUrlSeconds } from './signed-url.js';

/** Bytes of a key that the service takes. */
const keyLength = 1024;

/** The options, as they stand in the configuration. */
export interface S3Settings extends S3AccessSettings, SignedUrlSettings {
  readonly bucket?: string | undefined;
  readonly storage_class?: string | undefined;
  readonly prefix?: string | undefined;
  /** Python's older backend encrypts whatever its value. */
  readonly encrypt_key?: string | undefined;
}

/** What a backend of this kind needs to copy from another. */
interface Opened {
  readonly bucket: S3Bucket;
  readonly prefix: string;
}

const opened = new WeakMap<Backend, Opened>();

/** Blobs as `depot.io.boto3.S3Storage` and `depot.io.awss3.S3Storage` keep them. */
export async function openS3(settings: S3Settings, network: NetworkStorage): Promise<Backend> {
  const name = bucketName(settings, network.where);
  const access = await openAccess(settings, network);
  const described = `the bucket ${name} ${access.endpoint === null ? 'of Amazon S3' : `at ${access.endpoint}`}`;
  const own = { bucket: { access, name, described }, prefix: settings.prefix ?? '' };
  const backend = s3Backend(own, settings, network);
  opened.set(backend, own);
  return backend;
}

/** Python's default is made of the access key. */
function bucketName({ bucket, access_key_id: key }: S3Settings, where: string): string {
  if (bucket !== undefined) return bucket;
  if (key !== undefined) return `filedepot-${key.toLowerCase()}`;
  throw new DepotError('config', `${where}: the option bucket is missing`);
}

function s3Backend(own: Opened, settings: S3Settings, network: NetworkStorage): Backend {
  const { bucket, prefix } = own;
  const { client } = bucket.access;
  const { policy, storage_class: storageClass } = settings;
  const storing: Storing = { policy, storageClass, encrypt: Boolean(settings.encrypt_key) };
  const keyOf = (id: string): string => `${prefix}${id}`;
  const seconds = signedUrlSeconds(settings, network);
  const inTurn = turns();
  const acceptsId = (id: string): boolean =>
    acceptsUuid(id) && !/\p{Cc}/u.test(id) && Buffer.byteLength(keyOf(id)) <= keyLength;
  const isBlob = (key: string): boolean => acceptsId(key.slice(prefix.length));

  return {
    holdsWholeBlobs: false,
    ephemeral: false,
    ...(policy === undefined ? { readOnly: undecidedPolicy(network) } : {}),
    deniesVisitors: policy === 'private',
    place: async () => placeOf(bucket, prefix),
    ping: () => pingBucket(bucket),
    async provision() {
      await makeBucket(bucket);
      return `s3://${bucket.name}`;
    },
    acceptsId,
    newId: newUuid,
    idFor: derivedUuid,
    publicUrl: (id) => (policy === 'public-read' ? urlOf(settings, bucket, keyOf(id)) : null),
    ...(seconds !== null && {
      signedUrl: (id, headers) => signedUrl(bucket, keyOf(id), headers, seconds),
    }),
    info: async (id) => infoOf(id, await existingObject(bucket, keyOf(id))),
    async read(id, range) {
      const { head, chunks, close } = await download(bucket, keyOf(id), range, network);
      return { info: infoOf(id, head), chunks, close: async () => close() };
    },
    async create(id, source, metadata) {
      const attributes = attributesOf(metadata, storing);
      const target = { bucket, key: keyOf(id), attributes, onlyNew: true };
      const length = await upload(target, source);
      if (length === null) throw taken(bucket, id);
      return length;
    },
    async replace(id, source, metadata) {
      const attributes = attributesOf(metadata, storing);
      await existingObject(bucket, keyOf(id));
      const target = { bucket, key: keyOf(id), attributes, onlyNew: false };
      return (await upload(target, source)) as number;
    },
    async copyFrom(source, sourceId, id) {
      const from = opened.get(source);
      if (from === undefined || !sameRights(from.bucket.access, bucket.access)) return null;
      if ((await findObject(bucket, keyOf(id))) !== null) throw taken(bucket, id);
      const key = from.prefix + sourceId;
      return copyObject({ bucket: from.bucket, key }, { bucket, key: keyOf(id), storing });
    },
    delete: (id) =>
      // The service says nothing of an object that was not there: it has to be asked before.
      inTurn(id, async () => {
        const key = keyOf(id);
        await existingObject(bucket, key);
        await ask(bucket, 'delete a blob in', () =>
          client.send(new DeleteObjectCommand({ Bucket: bucket.name, Key: key })),
        );
      }),
    async *list() {
      for await (const key of listObjects(bucket, prefix)) {
        if (isBlob(key)) yield key.slice(prefix.length);
      }
    },
    async page(after, count) {
      const behind = after === null ? '' : keyOf(after);
      const { ids: keys, next } = await firstOf(listObjects(bucket, prefix, behind), count);
      const idOf = (key: string): string => key.slice(prefix.length);
      return { ids: keys.filter(isBlob).map(idOf), next: next === null ? null : idOf(next) };
    },
    leftovers: (signal) => unfinishedUploads(bucket, { prefix, isBlob, signal }),
    close: async () => client.destroy(),
  };
}

/** Does one thing after the other that concerns one identifier. */
function turns(): (id: string, action: () => Promise<void>) => Promise<void> {
  const last = new Map<string, Promise<void>>();
  return (id, action) => {
    const turn = (last.get(id) ?? Promise.resolve()).catch(() => {}).then(action);
    last.set(id, turn);
    const done = (): void => {
      if (last.get(id) === turn) last.delete(id);
    };
    turn.then(done, done);
    return turn;
  };
}

/** Makes the bucket, unless it is there. Nothing in a new bucket is public. */
async function makeBucket(bucket: S3Bucket): Promise<void> {
  const { client, region, endpoint } = bucket.access;
  try {
    await pingBucket(bucket);
    return;
  } catch (error) {
    const cause = error instanceof DepotError ? error.cause : error;
    if (!isServiceError(cause) || errorCodeOf(cause) !== 'NoSuchBucket') throw error;
  }
  const elsewhere = endpoint === null && region !== 'us-east-1';
  try {
    await client.send(
      new CreateBucketCommand({
        Bucket: bucket.name,
        ...(elsewhere
          ? { CreateBucketConfiguration: { LocationConstraint: region as 'eu-west-1' } }
          : {}),
      }),
    );
  } catch (error) {
    if (isServiceError(error) && errorCodeOf(error) === 'BucketAlreadyOwnedByYou') return;
    throw explained(error, `cannot create ${bucket.described}`);
  }
}

/** Two prefixes of one bucket overlap where the one begins with the other, slash or not. */
function placeOf({ access, name, described }: S3Bucket, prefix: string): Place {
  const service = access.endpoint === null ? 'amazon' : new URL(access.endpoint).href;
  const identity = (some: string): string => `s3 ${service} ${name}/${some}`;
  const shorter = Array.from({ length: prefix.length }, (_, length) => prefix.slice(0, length));
  const description = prefix === '' ? described : `${prefix} in ${described}`;
  return { identity: identity(prefix), within: shorter.map(identity), description };
}

function sameRights(one: S3Access, other: S3Access): boolean {
  return (
    one.endpoint === other.endpoint && one.region === other.region && one.account === other.account
  );
}

/**
 * An object's plain URL, as Python builds it: boto3 names Amazon's buckets in the host where they
 * may stand there, boto (with `host`) always, and gives its port.
 */
function urlOf({ host }: S3Settings, { access, name }: S3Bucket, key: string): string {
  const path = quotePath(key);
  if (host !== undefined) return `https://${name}.${host}:443/${path}`;
  if (access.endpoint !== null) return `${access.endpoint}/${name}/${path}`;
  const { region } = access;
  const china = region.startsWith('cn-') ? '.cn' : '';
  const regional = `s3.${region}.amazonaws.com${china}`;
  // Such a name cannot stand in front of a certificate's one star.
  if (!/^[a-z0-9-]{3,63}$/.test(name)) {
    return `https://${region === 'us-east-1' ? 's3.amazonaws.com' : regional}/${name}/${path}`;
  }
  return `https://${name}.${china === '' ? 's3.amazonaws.com' : regional}/${path}`;
}
