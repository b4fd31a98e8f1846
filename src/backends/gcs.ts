import type { Backend, BlobContent, BlobMetadata, BlobSource, Place } from '../backend.js';
import { DepotError } from '../errors.js';
import { firstOf } from '../listing.js';
import type { NetworkStorage } from '../network.js';
import { acceptsUuid } from '../python/uuid.js';
import { type Access, openAccess } from './gcs-access.js';
import {
  type Bucket,
  existingObject,
  listObjects,
  missing,
  pingBucket,
  provisionBucket,
} from './gcs-bucket.js';
import { openClient } from './gcs-client.js';
import { copyObject } from './gcs-copy.js';
import { environmentAccount, readServiceAccount, type ServiceAccount } from './gcs-credentials.js';
import { download } from './gcs-download.js';
import { infoOf, newObject, objectUrl } from './gcs-object.js';
import { signedUrl } from './gcs-signed-url.js';
import { upload } from './gcs-upload.js';
import { derivedUuid, newUuid } from './identifiers.js';
import { quotePath } from './object-metadata.js';
import { undecidedPolicy } from './policy.js';
import { type SignedUrlSettings, signedUrlSeconds } from './signed-url.js';

/** Bytes of an object's name that the service takes. */
const nameLength = 1024;

/** The options, as they stand in the configuration. */
export interface GcsSettings extends SignedUrlSettings {
  readonly bucket: string;
  readonly project_id?: string | undefined;
  readonly storage_class?: string | undefined;
  readonly prefix?: string | undefined;
  readonly api_endpoint?: string | undefined;
}

/** What a backend of this kind needs to copy from another. */
interface Opened {
  readonly bucket: Bucket;
  readonly prefix: string;
}

const opened = new WeakMap<Backend, Opened>();

/**
 * Blobs as `depot.io.gcs.GCSStorage` keeps them: objects of a bucket of Google Cloud Storage.
 *
 * @param credentials path of a service-account file; null for the SDK's own chain
 */
export async function openGcs(
  settings: GcsSettings,
  credentials: string | null,
  network: NetworkStorage,
): Promise<Backend> {
  const { where } = network;
  const account = credentials === null ? null : await readServiceAccount(credentials, where);
  const access = openAccess({
    apiEndpoint: settings.api_endpoint,
    projectId: settings.project_id,
    serviceAccount: account,
    where,
    idleTimeout: network.idleTimeout,
  });
  const described = `the bucket ${settings.bucket} at ${access.endpoint}`;
  const client = openClient(access, described, network);
  const own = { bucket: { client, name: settings.bucket }, prefix: settings.prefix ?? '' };
  const seconds = signedUrlSeconds(settings, network);
  const signing =
    seconds === null ? null : { seconds, account: account ?? (await environmentAccount(network)) };
  const backend = { ...gcsBackend(own, settings, network), ...signingOf(own, signing) };
  opened.set(backend, own);
  return backend;
}

interface Signing {
  readonly seconds: number;
  readonly account: ServiceAccount;
}

function signingOf(
  { bucket: { client, name: bucketName }, prefix }: Opened,
  signing: Signing | null,
): Pick<Backend, 'signedUrl'> {
  if (signing === null) return {};
  const { service } = client.access;
  return {
    signedUrl: async (id, headers) => {
      const object = { service, bucketName, name: `${prefix}${id}` };
      return signedUrl(object, headers, { ...signing, now: new Date() });
    },
  };
}

function gcsBackend(own: Opened, settings: GcsSettings, network: NetworkStorage): Backend {
  const { bucket, prefix } = own;
  const { client } = bucket;
  const { policy, storage_class: storageClass } = settings;
  const nameOf = (id: string): string => `${prefix}${id}`;
  const acceptsId = (id: string): boolean =>
    acceptsUuid(id) && !/[\r\n]/.test(id) && Buffer.byteLength(nameOf(id)) <= nameLength;
  const store = async (
    id: string,
    { chunks }: BlobSource,
    metadata: BlobMetadata,
    condition: Readonly<Record<string, string>>,
  ): Promise<number | null> => {
    const readers = policy === 'public-read' ? { predefinedAcl: 'publicRead' } : {};
    const object = newObject(nameOf(id), metadata, storageClass);
    const query = { ...condition, ...readers };
    const stored = await upload({ client, bucketName: bucket.name, object, query }, chunks);
    return stored === null ? null : Number(stored.size);
  };
  const taken = (id: string): DepotError =>
    new DepotError('refused', `cannot create ${id}: ${client.bucket} has it already`);

  return {
    holdsWholeBlobs: false,
    ephemeral: false,
    ...(policy === undefined ? { readOnly: undecidedPolicy(network) } : {}),
    deniesVisitors: policy === 'private',
    place: async () => placeOf(client.access, bucket.name, prefix),
    ping: () => pingBucket(bucket),
    async provision() {
      const isPrivate = policy === 'private';
      await provisionBucket(bucket, { isPrivate, storageClass, where: network.where });
      return `gs://${bucket.name}`;
    },
    acceptsId,
    newId: newUuid,
    idFor: derivedUuid,
    publicUrl: (id) =>
      policy === 'public-read'
        ? `${client.access.service}/${bucket.name}/${quotePath(nameOf(id))}`
        : null,
    info: async (id) => infoOf(id, await existingObject(bucket, nameOf(id))),
    async read(id, range) {
      for (let failures = 1; ; failures += 1) {
        const object = await existingObject(bucket, nameOf(id));
        const content = await download({ client, bucketName: bucket.name, object, range });
        if (content !== null) return contentOf(infoOf(id, object), content);
        const why = 'it is replaced again and again';
        await client.pause(failures, new DepotError('failed', `cannot read ${id}: ${why}`));
      }
    },
    async create(id, source, metadata) {
      const length = await store(id, source, metadata, { ifGenerationMatch: '0' });
      if (length === null) throw taken(id);
      return length;
    },
    async replace(id, source, metadata) {
      // Whatever is there may be replaced, but nothing that is deleted meanwhile comes back.
      const length = await store(id, source, metadata, { ifGenerationNotMatch: '0' });
      return length ?? (await missing(bucket, nameOf(id)));
    },
    async copyFrom(source, sourceId, id) {
      const from = opened.get(source);
      if (from === undefined || !sameRights(from.bucket, bucket)) return null;
      const name = from.prefix + sourceId;
      const { crc32c, ...object } = await existingObject(from.bucket, name);
      if (crc32c === undefined) return null;
      const readers = policy === 'public-read' ? { destinationPredefinedAcl: 'publicRead' } : {};
      const copied = await copyObject(
        { bucket: from.bucket, name, object: { ...object, crc32c } },
        { bucket, name: nameOf(id) },
        storageClass,
        readers,
      );
      if (copied === null) throw taken(id);
      return copied;
    },
    async delete(id) {
      const url = objectUrl(bucket.name, nameOf(id));
      const request = { method: 'DELETE', url, action: 'delete a blob in', accept: [404] } as const;
      const { status, repeated } = await client.request(request);
      if (status === 404 && !repeated) await missing(bucket, nameOf(id));
    },
    async *list() {
      for await (const name of listObjects(bucket, prefix)) {
        const id = name.slice(prefix.length);
        if (acceptsId(id)) yield id;
      }
    },
    async page(after, count) {
      const behind = after === null ? '' : nameOf(after);
      const { ids: names, next } = await firstOf(listObjects(bucket, prefix, behind), count);
      const idOf = (name: string): string => name.slice(prefix.length);
      return { ids: names.map(idOf).filter(acceptsId), next: next === null ? null : idOf(next) };
    },
    // Its connections are the process's own, which keep no process alive.
    async close() {},
  };
}

function contentOf(
  info: BlobContent['info'],
  { chunks, close }: { chunks: AsyncIterable<Uint8Array>; close(): void },
): BlobContent {
  return { info, chunks, close: async () => close() };
}

/** Two prefixes of one bucket overlap where the one begins with the other, slash or not. */
function placeOf({ service, endpoint }: Access, bucketName: string, prefix: string): Place {
  const identity = (some: string): string => `gcs ${service}/${bucketName}/${some}`;
  const shorter = Array.from({ length: prefix.length }, (_, length) => prefix.slice(0, length));
  const at = endpoint === service && service.endsWith('.googleapis.com') ? '' : ` at ${endpoint}`;
  return {
    identity: identity(prefix),
    within: shorter.map(identity),
    description: `gs://${bucketName}/${prefix}${at}`,
  };
}

function sameRights({ client: { access: one } }: Bucket, { client: { access: other } }: Bucket) {
  return one.endpoint === other.endpoint && one.account === other.account;
}
