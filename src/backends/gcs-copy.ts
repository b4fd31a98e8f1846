import type { ServiceCopy } from '../backend.js';
import { DepotError } from '../errors.js';
import { type Bucket, checkBucket } from './gcs-bucket.js';
import { findObject, type GcsObject, objectUrl } from './gcs-object.js';

const action = 'copy a blob to';

/** One object of a bucket. */
interface Named {
  readonly bucket: Bucket;
  readonly name: string;
}

interface Rewritten {
  readonly done: boolean;
  readonly rewriteToken?: string;
  readonly resource?: GcsObject;
}

/**
 * Copies an object inside the service to a name that is free; null where the name is taken. Its
 * length and CRC32C are compared with the source's.
 *
 * @param source exactly this version of it, with its CRC32C
 * @param query who may read the copy
 */
export async function copyObject(
  source: Named & { readonly object: GcsObject & { readonly crc32c: string } },
  target: Named,
  storageClass: string | undefined,
  query: Readonly<Record<string, string>>,
): Promise<ServiceCopy | null> {
  const { object } = source;
  // Emulators do not know the condition here.
  if ((await findObject(target.bucket.client, target.bucket.name, target.name)) !== null)
    return null;
  const copy = await rewrite(source, target, storageClass, query);
  if (copy === null) return null;
  if (copy.crc32c !== object.crc32c || copy.size !== object.size) {
    await target.bucket.client.request({
      method: 'DELETE',
      url: objectUrl(target.bucket.name, target.name),
      query: { generation: copy.generation },
      action,
      accept: [404],
    });
    throw new DepotError('damaged', `cannot copy ${source.name}: its copy has another CRC32C`, {
      hint: 'Run it again.',
    });
  }
  return { length: Number(copy.size), checksum: `crc32c:${copy.crc32c}` };
}

async function rewrite(
  source: Named & { readonly object: GcsObject },
  target: Named,
  storageClass: string | undefined,
  query: Readonly<Record<string, string>>,
): Promise<GcsObject | null> {
  const { client } = target.bucket;
  const from = objectUrl(source.bucket.name, source.name);
  const to = objectUrl(target.bucket.name, target.name).replace('/storage/v1/', '/');
  // The service copies either all metadata or, where some are given, only those.
  const { metadata, contentType, contentDisposition } = source.object;
  const { contentEncoding, contentLanguage, cacheControl } = source.object;
  const resource = {
    ...{ metadata, contentType, contentDisposition },
    ...{ contentEncoding, contentLanguage, cacheControl, storageClass },
  };
  let rewriteToken: string | undefined;
  // Large ones, or those that go to another place or class, take several requests.
  while (true) {
    const { status, body, repeated } = await client.request({
      method: 'POST',
      url: `${from}/rewriteTo${to}`,
      query: {
        ...query,
        ifGenerationMatch: '0',
        sourceGeneration: source.object.generation,
        ...(rewriteToken === undefined ? {} : { rewriteToken }),
      },
      headers: { 'Content-Type': 'application/json' },
      body: [Buffer.from(JSON.stringify(resource))],
      action,
      accept: [404, 412],
    });
    if (status === 404) {
      await checkBucket(target.bucket);
      throw new DepotError('failed', `cannot copy ${source.name}: it was replaced meanwhile`);
    }
    if (status === 412) return repeated ? earlierCopy(source.object, target) : null;
    const answer: Rewritten = JSON.parse(body);
    if (answer.done && answer.resource !== undefined) return answer.resource;
    rewriteToken = answer.rewriteToken;
  }
}

/** The copy whose making was answered by a cut connection. */
async function earlierCopy(source: GcsObject, target: Named): Promise<GcsObject | null> {
  const found = await findObject(target.bucket.client, target.bucket.name, target.name);
  const same =
    found?.crc32c === source.crc32c &&
    JSON.stringify(found?.metadata) === JSON.stringify(source.metadata);
  return same ? found : null;
}
