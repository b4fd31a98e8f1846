import {
  CreateMultipartUploadCommand,
  ListMultipartUploadsCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { expect, onTestFinished, test } from 'vitest';
import type { Leftover } from '../../src/backend.js';
import { unfinishedUploads } from '../../src/backends/s3-unfinished.js';
import { absentId } from '../cli/depot.js';
import { describeWithServer } from '../servers/servers.js';
import { clientOf, newBucketAt, openBucket } from './s3-bucket.js';

describeWithServer('s3', 'an upload to S3 that nobody completes', (url) => {
  /** Two unfinished uploads of a key, and those of them that are leftovers of a storage. */
  async function begin(key: string): Promise<{
    bucket: string;
    client: S3Client;
    leftovers(isBlob: (key: string) => boolean): Promise<Leftover[]>;
  }> {
    const settings = newBucketAt(url);
    const { close } = await openBucket(settings);
    onTestFinished(close);
    const client = clientOf(settings);
    onTestFinished(() => client.destroy());
    const { bucket } = settings;
    for (let upload = 0; upload < 2; upload += 1) {
      await client.send(new CreateMultipartUploadCommand({ Bucket: bucket, Key: key }));
    }
    const rights = { region: 'us-east-1', account: 'tests', checksums: true };
    const access = { client, endpoint: settings.endpoint_url, ...rights };
    return {
      bucket,
      client,
      async leftovers(isBlob) {
        const found: Leftover[] = [];
        const named = { access, name: bucket, described: 'the bucket' };
        const { signal } = new AbortController();
        // MinIO lists such uploads of one key alone.
        for await (const one of unfinishedUploads(named, { prefix: key, isBlob, signal }))
          found.push(one);
        return found;
      },
    };
  }

  test('is a leftover, and can be removed', async () => {
    const key = `site/${absentId}`;
    const { bucket, client, leftovers } = await begin(key);
    const found = await leftovers((one) => one === key);
    expect(found).toHaveLength(2);
    for (const { id, since, description, remove } of found) {
      expect(id).toBeNull();
      expect(Math.abs(Date.now() - since.getTime())).toBeLessThan(24 * 60 * 60 * 1000);
      expect(description).toContain(key);
      await remove();
    }
    const list = new ListMultipartUploadsCommand({ Bucket: bucket, Prefix: key });
    expect((await client.send(list)).Uploads ?? []).toEqual([]);
  });

  test('of what is no blob is somebody else’s', async () => {
    const { leftovers } = await begin('exports/report.csv');
    expect(await leftovers(() => false)).toEqual([]);
  });
});
