import { readFileSync } from 'node:fs';
import path from 'node:path';
import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { expect, onTestFinished, test } from 'vitest';
import { Storage } from '../../src/storage.js';
import { chunksOf, collected, listed } from '../conformance/harness.js';
import { describeWithServer } from '../servers/servers.js';
import { clientOf, newBucketAt, openBucket, openTestS3 } from './s3-bucket.js';

interface GoldenStore {
  options: {
    policy: 'private' | 'public-read' | null;
    prefix: string;
    storage_class: string | null;
  };
  expected: {
    id: string;
    filename: string;
    content_type: string;
    content_length: number;
    last_modified: string;
    public_url: string;
    sha256: string;
  }[];
  objects: {
    Key: string;
    ContentType: string;
    ContentDisposition: string;
    Metadata: Record<string, string>;
    StorageClass: string | null;
    raw_headers: Record<string, string>;
    body_base64: string;
  }[];
}

const file = path.resolve(import.meta.dirname, '../../fixtures/s3.json');
const golden: { stores: GoldenStore[] } = JSON.parse(readFileSync(file, 'utf8'));

/** Python quotes the name for the header after it has quoted it for the metadata. */
function withoutDoubleQuoting(disposition: string): string {
  const [, name = ''] = /filename="(.*?)"/.exec(disposition) ?? [];
  return name.includes('%') ? '' : disposition;
}

describeWithServer('s3', 'what Python wrote into S3', (url) => {
  for (const { options, expected, objects } of golden.stores) {
    const { policy, prefix, storage_class } = options;
    const settings = () =>
      newBucketAt(url, {
        ...{ prefix, policy: policy ?? undefined, storage_class: storage_class ?? undefined },
      });

    test(`is read as Python reads it: ${JSON.stringify(options)}`, async () => {
      const own = settings();
      const opened = await openBucket(own);
      onTestFinished(() => opened.close());
      const client = clientOf(own);
      for (const { Key, ContentType, ContentDisposition, Metadata, body_base64 } of objects) {
        const Body = Buffer.from(body_base64, 'base64');
        const object = { Key, ContentType, ContentDisposition, Metadata, Body };
        await client.send(new PutObjectCommand({ Bucket: own.bucket, ...object }));
      }
      const storage = new Storage('cloud', 's3', opened.backend);
      const ids = expected.map(({ id }) => id);
      expect((await listed(storage)).sort()).toEqual(ids.toSorted());
      for (const one of expected) {
        const { info, sha256 } = await storage.hash(one.id);
        expect({ ...info, sha256 }).toMatchObject({
          filename: one.filename,
          contentType: one.content_type,
          contentLength: one.content_length,
          lastModified: new Date(`${one.last_modified.replace(' ', 'T')}Z`),
          sha256: one.sha256,
        });
        const { pathname } = new URL(one.public_url);
        const ours = storage.publicUrl(one.id);
        if (policy !== 'public-read') expect(ours).toBeNull();
        else
          expect(ours).toBe(
            `${own.endpoint_url}/${own.bucket}/${pathname.split('/').slice(2).join('/')}`,
          );
      }
      client.destroy();
    });

    test(`is what we write, but for the double quoting: ${JSON.stringify(options)}`, async () => {
      const own = settings();
      const opened = await openBucket(own);
      onTestFinished(() => opened.close());
      // Whatever it may be that Python's default made public.
      const backend =
        policy === null ? await openTestS3({ ...own, policy: 'private' }) : opened.backend;
      const storage = new Storage('cloud', 's3', backend);
      const client = clientOf(own);
      for (const [index, one] of expected.entries()) {
        const theirs = objects[index] as GoldenStore['objects'][number];
        const bytes = Buffer.from(theirs.body_base64, 'base64');
        const lastModified = new Date(`${one.last_modified.replace(' ', 'T')}Z`);
        const { filename, content_type: contentType, id } = one;
        await storage.create(chunksOf(bytes), { id, filename, contentType, lastModified });
        const Key = `${prefix}${id}`;
        expect(theirs.Key).toBe(Key);
        const at = { Bucket: own.bucket, Key };
        const { Metadata, ContentType, ContentDisposition, StorageClass, Body } = await client.send(
          new GetObjectCommand(at),
        );
        expect(await collected(Body as AsyncIterable<Uint8Array>)).toEqual(bytes);
        expect({ Metadata, ContentType, StorageClass: StorageClass ?? null }).toEqual({
          Metadata: theirs.Metadata,
          ContentType: theirs.ContentType,
          StorageClass: theirs.StorageClass,
        });
        const exact = withoutDoubleQuoting(theirs.ContentDisposition);
        if (exact !== '') expect(ContentDisposition).toBe(exact);
        expect(ContentDisposition).toContain(
          `filename*=utf-8''${encodeURIComponent(filename).replaceAll(/['()*]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`)}`,
        );
      }
      client.destroy();
    });
  }
});
