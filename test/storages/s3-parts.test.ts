import {
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { openAccess } from '../../src/backends/s3-client.js';
import { copyObject } from '../../src/backends/s3-copy.js';
import { partsOf } from '../../src/backends/s3-parts.js';
import { Storage } from '../../src/storage.js';
import { chunksOf, collected, contentOf, listed, pattern, sha256 } from '../conformance/harness.js';
import { describeWithServer } from '../servers/servers.js';
import { clientOf, newBucketAt, openBucket, openTestS3 } from './s3-bucket.js';

const megabyte = 1024 * 1024;

describe('the parts of a blob', () => {
  test('put together are the blob, whatever its chunks', async () => {
    const lengths = fc.array(fc.integer({ min: 0, max: 3 * megabyte }), { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(lengths, fc.boolean(), async (all, known) => {
        const length = all.reduce((sum, one) => sum + one, 0);
        const bytes = pattern(length);
        const ends = all.map((_, index) => all.slice(0, index + 1).reduce((sum, one) => sum + one));
        const chunks = ends.map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end));
        const source = { chunks: chunksOf(...chunks), length: known ? length : null };
        const parts: Buffer[] = [];
        const lasts: boolean[] = [];
        for await (const part of partsOf(source)) {
          parts.push(Buffer.from(part.bytes));
          lasts.push(part.last);
          expect(part.number).toBe(parts.length);
          part.free();
        }
        expect(Buffer.concat(parts).equals(bytes)).toBe(true);
        expect(lasts.indexOf(true)).toBe(lasts.length - 1);
        const sizes = parts.slice(0, -1).map(({ byteLength }) => byteLength);
        expect(sizes.every((size) => size === (known ? 8 : 16) * megabyte)).toBe(true);
      }),
      { numRuns: 25 },
    );
  });

  test('are so large that there are no more than the service takes', async () => {
    const length = 200_000 * megabyte;
    const source = { chunks: chunksOf(pattern(25 * megabyte)), length };
    for await (const { bytes } of partsOf(source)) {
      expect(bytes.byteLength).toBe(Math.ceil(length / 10_000));
      break;
    }
  });
});

describeWithServer('s3', 'a blob of several parts in S3', (url) => {
  const newStorage = async () => {
    const own = newBucketAt(url, { prefix: 'site/' });
    const opened = await openBucket(own);
    const client = clientOf(own);
    onTestFinished(async () => {
      client.destroy();
      await opened.close();
    });
    // MinIO lists them for a whole key only.
    const unfinished = async (id: string): Promise<unknown[]> => {
      const command = new ListMultipartUploadsCommand({ Bucket: own.bucket, Prefix: `site/${id}` });
      return (await client.send(command)).Uploads ?? [];
    };
    return { storage: new Storage('cloud', 's3', opened.backend), own, client, unfinished };
  };

  test('is stored whole, with one checksum of the whole', async () => {
    const { storage, own, client } = await newStorage();
    const bytes = pattern(40 * megabyte + 7);
    const { id, length } = await storage.create(chunksOf(bytes));
    expect(length).toBe(bytes.byteLength);
    const object = await client.send(
      new HeadObjectCommand({ Bucket: own.bucket, Key: `site/${id}`, ChecksumMode: 'ENABLED' }),
    );
    expect(object).toMatchObject({ ChecksumType: 'FULL_OBJECT' });
    expect(object.ETag).toMatch(/-3"$/);
    expect((await storage.hash(id)).sha256).toBe(sha256(bytes));
  });

  test('leaves no part where its source breaks', async () => {
    const { storage, unfinished } = await newStorage();
    const kept = await storage.create(chunksOf('kept'));
    const id = storage.backend.newId();
    async function* broken(of: string): AsyncGenerator<Uint8Array> {
      yield pattern(40 * megabyte);
      expect(await unfinished(of)).toHaveLength(1);
      throw new Error('the source broke');
    }
    await expect(storage.create(broken(id), { id })).rejects.toThrow('the source broke');
    expect(await unfinished(id)).toEqual([]);
    await expect(storage.replace(kept.id, broken(kept.id))).rejects.toThrow('the source broke');
    expect(await unfinished(kept.id)).toEqual([]);
    expect(await contentOf(storage, kept.id)).toBe('kept');
    expect(await listed(storage)).toEqual([kept.id]);
  });

  test('leaves no part where its identifier was taken meanwhile', async () => {
    const { storage, own, client, unfinished } = await newStorage();
    const id = storage.backend.newId();
    async function* overtaken(): AsyncGenerator<Uint8Array> {
      yield pattern(40 * megabyte);
      const Key = `site/${id}`;
      await client.send(new PutObjectCommand({ Bucket: own.bucket, Key, Body: 'theirs' }));
    }
    await expect(storage.create(overtaken(), { id })).rejects.toMatchObject({ kind: 'refused' });
    expect(await unfinished(id)).toEqual([]);
    expect(await contentOf(storage, id)).toBe('theirs');
  });

  test('is copied by the service in parts, and compared by its checksum', async () => {
    const { storage, own, unfinished } = await newStorage();
    const bytes = pattern(40 * megabyte + 7);
    const { id } = await storage.create(chunksOf(bytes), { filename: 'Übersicht.pdf' });
    const { info } = await storage.read(id);
    const network = { name: 'cloud', where: 'x', retried: () => {}, idleTimeout: 20_000 };
    const access = await openAccess(own, network);
    onTestFinished(() => access.client.destroy());
    const bucket = { access, name: own.bucket, described: 'the bucket' };
    const target = storage.backend.newId();
    const copied = await copyObject(
      { bucket, key: `site/${id}` },
      {
        ...{ bucket, key: `site/${target}` },
        storing: { policy: 'private', storageClass: undefined, encrypt: false },
      },
      10 * megabyte,
    );
    expect(copied).toEqual({
      length: bytes.byteLength,
      checksum: expect.stringMatching(/^etag:/),
    });
    const { info: made, sha256: hash } = await storage.hash(target);
    expect(hash).toBe(sha256(bytes));
    expect(made).toMatchObject({
      filename: info.filename,
      contentType: info.contentType,
      lastModified: info.lastModified,
    });
    expect(await unfinished(target)).toEqual([]);
  });
});

describeWithServer('s3', 'a copy inside S3', (url) => {
  test('keeps bytes and metadata, and takes no identifier that is taken', async () => {
    const own = newBucketAt(url, { prefix: 'from/' });
    const opened = await openBucket(own);
    const other = await openTestS3({ ...own, prefix: 'to/' });
    onTestFinished(async () => {
      await other.close();
      await opened.close();
    });
    const [source, target] = [
      new Storage('from', 's3', opened.backend),
      new Storage('to', 's3', other),
    ];
    const lastModified = new Date('2026-01-02T03:04:05Z');
    const attributes = { filename: '港の地図.tar.gz', contentType: 'x/y', lastModified };
    const { id } = await source.create(chunksOf('content'), attributes);
    const copied = await target.copyFrom(source, id, id);
    expect(copied).toEqual({ length: 7, checksum: expect.stringMatching(/^(crc32|md5):/) });
    const { info, chunks } = await target.read(id);
    expect(info).toMatchObject({ ...attributes, contentLength: 7 });
    expect((await collected(chunks)).toString()).toBe('content');
    await expect(target.copyFrom(source, id, id)).rejects.toMatchObject({ kind: 'refused' });
    const absent = source.backend.newId();
    await expect(target.copyFrom(source, absent, absent)).rejects.toMatchObject({
      kind: 'not-found',
    });
  });

  test('is not tried between two services', async () => {
    const own = newBucketAt(url);
    const opened = await openBucket(own);
    const elsewhere = await openTestS3({ ...own, endpoint_url: 'http://127.0.0.1:9' });
    onTestFinished(async () => {
      await elsewhere.close();
      await opened.close();
    });
    const source = new Storage('from', 's3', elsewhere);
    const target = new Storage('to', 's3', opened.backend);
    const id = source.backend.newId();
    expect(await target.copyFrom(source, id, id)).toBeNull();
  });
});
