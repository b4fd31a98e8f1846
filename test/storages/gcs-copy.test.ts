import { describe, expect, onTestFinished, test } from 'vitest';
import { openMemory } from '../../src/backends/memory.js';
import { Storage } from '../../src/storage.js';
import { chunksOf, contentOf, listed, pattern, sha256 } from '../conformance/harness.js';
import { describeWithServer } from '../servers/servers.js';
import { newBucketAt, openBucket, openTestGcs } from './gcs-bucket.js';
import { answer, serviceAt } from './gcs-service.js';

const id = '3c1b9742-f338-4dcf-a812-e60d74b46c69';

describeWithServer('gcs', 'a copy inside Google Cloud Storage', (url) => {
  async function two(settings: Parameters<typeof newBucketAt>[1] = {}) {
    const storages = [newBucketAt(url, { prefix: 'site/' }), newBucketAt(url, settings)].map(
      async (one) => {
        const { backend, close } = await openBucket(one);
        onTestFinished(close);
        return { bucket: one.bucket, storage: new Storage('cloud', 'gcs', backend) };
      },
    );
    const [source, target] = await Promise.all(storages);
    if (source === undefined || target === undefined) throw new Error('two are needed');
    return { source: source.storage, target: target.storage, bucket: target.bucket };
  }

  test('keeps bytes and metadata, and says the checksum', async () => {
    const { source, target } = await two();
    const bytes = pattern(3_000_000);
    const named = { id, filename: 'größe "1".txt', contentType: 'text/x-odd; a=ä' };
    const lastModified = new Date('2026-01-02T03:04:05Z');
    await source.create(chunksOf(bytes), { ...named, lastModified });
    const other = target.backend.newId();
    const copied = await target.copyFrom(source, id, other);
    expect(copied).toEqual({
      length: bytes.byteLength,
      checksum: expect.stringMatching(/^crc32c:[\w+/]{6}==$/),
    });
    const { info, sha256: hash } = await target.hash(other);
    expect(hash).toBe(sha256(bytes));
    const { version: _before, ...before } = await source.info(id);
    expect(info).toMatchObject({ ...before, id: other });
    expect(await listed(source)).toEqual([id]);
  });

  test('is for everybody where the target’s blobs are', async () => {
    const { source, target, bucket } = await two({ policy: 'public-read' });
    await source.create(chunksOf('x'), { id });
    await target.copyFrom(source, id, id);
    const raw = await fetch(`${url}/storage/v1/b/${bucket}/o/${id}?projection=full`);
    expect(await raw.json()).toMatchObject({ acl: [{ entity: 'allUsers', role: 'READER' }] });
  });

  test('takes no name that is taken', async () => {
    const { source, target } = await two();
    await source.create(chunksOf('new'), { id });
    await target.create(chunksOf('old'), { id });
    await expect(target.copyFrom(source, id, id)).rejects.toMatchObject({ kind: 'refused' });
    expect(await contentOf(target, id)).toBe('old');
  });

  test('of what is not there, or into no bucket', async () => {
    const { source, target } = await two();
    const missing = { kind: 'not-found' };
    await expect(target.copyFrom(source, id, id)).rejects.toMatchObject(missing);
    await source.create(chunksOf('x'), { id });
    const nowhere = new Storage('nowhere', 'gcs', await openTestGcs(newBucketAt(url)));
    await expect(nowhere.copyFrom(source, id, id)).rejects.toMatchObject({ kind: 'unreachable' });
  });

  test('is left to others between different services', async () => {
    const { source } = await two();
    await source.create(chunksOf('x'), { id });
    const elsewhere = await openTestGcs(newBucketAt('http://127.0.0.1:9'));
    expect(await elsewhere.copyFrom?.(source.backend, id, id)).toBeNull();
    expect(await source.backend.copyFrom?.(openMemory(), id, id)).toBeNull();
  });
});

/** A service that has one blob, and copies it in steps. */
async function copying(copy: object) {
  const asked: { url: URL; body: unknown }[] = [];
  const url = await serviceAt(async (request, response) => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part);
    const at = new URL(request.url ?? '', 'http://service');
    const text = Buffer.concat(parts).toString();
    if (request.method === 'GET') {
      const isTarget = at.pathname.includes('target');
      const object = {
        name: id,
        generation: '7',
        size: '5',
        crc32c: 'AAAAAQ==',
        cacheControl: 'c',
      };
      return answer(response, isTarget ? 404 : 200, isTarget ? {} : object);
    }
    asked.push({ url: at, body: text === '' ? request.method : JSON.parse(text) });
    const resource = { name: id, generation: '8', size: '5', ...copy };
    const steps = [
      { done: false, rewriteToken: 'step 2' },
      { done: true, resource },
    ];
    answer(response, 200, steps[asked.length - 1]);
  });
  const options = { policy: 'private', api_endpoint: url, storage_class: 'COLDLINE' } as const;
  const source = await openTestGcs({ ...options, bucket: 'source' });
  const target = await openTestGcs({ ...options, bucket: 'target', prefix: 'in/' });
  return { asked, copied: target.copyFrom?.(source, id, id) };
}

describe('a copy that takes several steps', () => {
  test('is asked for until it is done', async () => {
    const { asked, copied } = await copying({ crc32c: 'AAAAAQ==' });
    expect(await copied).toEqual({ length: 5, checksum: 'crc32c:AAAAAQ==' });
    const path = `/storage/v1/b/source/o/${id}/rewriteTo/b/target/o/in%2F${id}`;
    expect(asked.map(({ url }) => url.pathname)).toEqual([path, path]);
    const query = { ifGenerationMatch: '0', sourceGeneration: '7' };
    expect(asked.map(({ url }) => Object.fromEntries(url.searchParams))).toEqual([
      query,
      { ...query, rewriteToken: 'step 2' },
    ]);
    const body = { storageClass: 'COLDLINE', cacheControl: 'c' };
    expect(asked.map((one) => one.body)).toEqual([body, body]);
  });

  test('and comes out otherwise than its source is removed', async () => {
    const { asked, copied } = await copying({ crc32c: 'AAAAAg==' });
    await expect(copied).rejects.toMatchObject({ kind: 'damaged' });
    expect(asked.at(-1)?.body).toBe('DELETE');
    expect(asked.at(-1)?.url.searchParams.get('generation')).toBe('8');
  });
});
