import { CreateMultipartUploadCommand, ListMultipartUploadsCommand } from '@aws-sdk/client-s3';
import { expect, onTestFinished, test } from 'vitest';
import type { Leftover } from '../../src/backend.js';
import { absentId } from '../cli/depot.js';
import { describeWithServer } from '../servers/servers.js';
import { clientOf, newBucketAt, openBucket } from './s3-bucket.js';

describeWithServer('s3', 'an upload to S3 that nobody completes', (url) => {
  test('is a leftover, and can be removed', async () => {
    // MinIO lists such uploads of one key alone.
    const settings = newBucketAt(url, { prefix: `site/${absentId}` });
    const { backend, close } = await openBucket(settings);
    onTestFinished(close);
    const client = clientOf(settings);
    onTestFinished(() => client.destroy());
    const target = { Bucket: settings.bucket, Key: `site/${absentId}` };
    await client.send(new CreateMultipartUploadCommand(target));
    await client.send(new CreateMultipartUploadCommand(target));

    const leftovers: Leftover[] = [];
    for await (const one of backend.leftovers?.() ?? []) leftovers.push(one);
    expect(leftovers).toHaveLength(2);
    for (const { id, since, description, remove } of leftovers) {
      expect(id).toBeNull();
      expect(Math.abs(Date.now() - since.getTime())).toBeLessThan(24 * 60 * 60 * 1000);
      expect(description).toContain(target.Key);
      await remove();
    }
    const { Uploads = [] } = await client.send(
      new ListMultipartUploadsCommand({ Bucket: settings.bucket, Prefix: target.Key }),
    );
    expect(Uploads).toEqual([]);
  });
});
