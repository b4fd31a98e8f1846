import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { GcsSettings } from '../../src/backends/gcs.js';
import { Storage } from '../../src/storage.js';
import { parseUtc } from '../../src/time.js';
import { chunksOf, collected, listed, sha256 } from '../conformance/harness.js';
import { describeWithServer } from '../servers/servers.js';
import { newBucketAt, openBucket, openTestGcs } from './gcs-bucket.js';

interface Resource {
  readonly name: string;
  readonly contentType: string;
  readonly contentDisposition: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly acl: readonly { readonly entity: string; readonly role: string }[];
}

interface GoldenStore {
  readonly options: { readonly policy: 'private' | 'public-read'; readonly prefix: string };
  readonly expected: readonly {
    readonly id: string;
    readonly filename: string;
    readonly content_type: string;
    readonly content_length: number;
    readonly last_modified: string;
    readonly public_url: string;
  }[];
  readonly objects: readonly {
    readonly resource: Resource;
    readonly sha256: string;
    readonly body_base64: string;
  }[];
}

const file = path.resolve(import.meta.dirname, '../../fixtures/gcs.json');
const { stores }: { stores: readonly GoldenStore[] } = JSON.parse(readFileSync(file, 'utf8'));

async function open(url: string, { options }: GoldenStore) {
  const { policy, prefix } = options;
  const settings = newBucketAt(url, { policy, prefix });
  const opened = await openBucket(settings);
  onTestFinished(() => opened.close());
  return { storage: new Storage('cloud', 'gcs', opened.backend), settings };
}

/** The raw object with this name, as the service keeps it. */
async function rawObject({ api_endpoint: url, bucket }: GcsSettings, name: string) {
  const at = `${url}/storage/v1/b/${bucket}/o/${encodeURIComponent(name)}`;
  return (await (await fetch(`${at}?projection=full`)).json()) as Resource;
}

/** Puts an object there as another program would. */
async function putRaw(
  { api_endpoint: url, bucket }: GcsSettings,
  resource: Partial<Resource>,
  body: Buffer,
): Promise<void> {
  const type = resource.contentType ?? 'application/octet-stream';
  const parts = ['application/json', type].map((one) => `--cut\r\nContent-Type: ${one}\r\n\r\n`);
  const data = [parts[0], JSON.stringify(resource), '\r\n', parts[1]].join('');
  const { ok } = await fetch(`${url}/upload/storage/v1/b/${bucket}/o?uploadType=multipart`, {
    method: 'POST',
    headers: { 'Content-Type': 'multipart/related; boundary=cut' },
    body: Buffer.concat([Buffer.from(data), body, Buffer.from('\r\n--cut--')]),
  });
  expect(ok).toBe(true);
}

/** What is the service's own, and different every time. */
const ofTheService = new Set([
  ...['bucket', 'generation', 'timeCreated', 'timeStorageClassUpdated', 'updated'],
  ...['etag', 'id', 'mediaLink', 'selfLink', 'acl', 'contentDisposition'],
]);

/** What a writer decides, but for the name in `contentDisposition`. */
function decided(resource: Resource) {
  const kept = Object.entries(resource).filter(([key]) => !ofTheService.has(key));
  const isPublic = resource.acl.some((one) => one.entity === 'allUsers' && one.role === 'READER');
  return { ...Object.fromEntries(kept), isPublic };
}

const extendedName = (disposition: string): string =>
  /^inline;filename="[^"]*";filename\*=utf-8''(.*)$/.exec(disposition)?.[1] ?? '';

describeWithServer('gcs', 'what Python wrote into Google Cloud Storage', (url) => {
  describe.each(stores)('$options', (store) => {
    const { prefix, policy } = store.options;

    test('is read, and listed, with the same metadata', async () => {
      const { storage, settings } = await open(url, store);
      for (const { resource, body_base64 } of store.objects) {
        const { name, contentType, contentDisposition, metadata } = resource;
        const copied = { name, contentType, contentDisposition, metadata };
        await putRaw(settings, copied, Buffer.from(body_base64, 'base64'));
      }
      expect((await listed(storage)).sort()).toEqual(store.expected.map(({ id }) => id).sort());
      for (const expected of store.expected) {
        const { id } = expected;
        const { info, chunks } = await storage.read(id);
        expect(info).toMatchObject({
          filename: expected.filename,
          contentType: expected.content_type,
          contentLength: expected.content_length,
          lastModified: parseUtc(expected.last_modified),
        });
        expect(await storage.info(id)).toEqual(info);
        const raw = store.objects.find(({ resource }) => resource.name === prefix + id);
        expect(sha256(await collected(chunks))).toBe(raw?.sha256);
        const pythons = new URL(expected.public_url).pathname.replace(/^\/[^/]+/, '');
        const publicUrl = policy === 'private' ? null : `${url}/${settings.bucket}${pythons}`;
        expect(storage.publicUrl(id)).toBe(publicUrl);
      }
    });

    test('is written alike', async () => {
      const { storage, settings } = await open(url, store);
      for (const { id, filename, content_type, last_modified } of store.expected) {
        const name = prefix + id;
        const golden = store.objects.find(({ resource }) => resource.name === name);
        if (golden === undefined) throw new Error(`no object ${name}`);
        await storage.create(chunksOf(Buffer.from(golden.body_base64, 'base64')), {
          ...{ id, filename, contentType: content_type },
          lastModified: parseUtc(last_modified),
        });
        const written = await rawObject(settings, name);
        expect(decided(written)).toEqual(decided(golden.resource));
        // Python quotes the name twice here.
        const [ours, pythons] = [written, golden.resource].map((one) =>
          extendedName(one.contentDisposition),
        ) as [string, string];
        expect(decodeURIComponent(ours)).toBe(filename);
        expect(decodeURIComponent(decodeURIComponent(pythons))).toBe(filename);
        if (/^[\w.-]+$/.test(filename)) {
          expect(written.contentDisposition).toBe(golden.resource.contentDisposition);
        }
      }
    });
  });

  test('has defaults for what is missing, and other names are left alone', async () => {
    const [store] = stores as [GoldenStore];
    const { storage, settings } = await open(url, store);
    const id = '3c1b9742-f338-4dcf-a812-e60d74b46c69';
    await putRaw(settings, { name: id, contentType: 'text/plain' }, Buffer.from('bare'));
    await putRaw(settings, { name: 'site/logo.png' }, Buffer.from('foreign'));
    await putRaw(settings, { name: `${id}.bak` }, Buffer.from('foreign'));
    expect(await listed(storage)).toEqual([id]);
    expect(await storage.info(id)).toMatchObject({
      filename: 'unnamed',
      contentType: 'application/octet-stream',
      contentLength: 4,
      lastModified: null,
    });
  });

  test('keeps two storages of one bucket apart by their prefixes', async () => {
    const settings = newBucketAt(url, { prefix: 'a' });
    const opened = await openBucket(settings);
    onTestFinished(() => opened.close());
    const one = new Storage('one', 'gcs', opened.backend);
    const two = new Storage('two', 'gcs', await openTestGcs({ ...settings, prefix: 'ab' }));
    const { id } = await two.create(chunksOf('in ab'));
    expect(await listed(two)).toEqual([id]);
    expect(await listed(one)).toEqual([]);
    const [outer, inner] = [await one.place(), await two.place()];
    expect(inner.within).toContain(outer.identity);
    expect(outer.within).not.toContain(inner.identity);
  });
});
