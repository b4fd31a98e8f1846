import { createHash } from 'node:crypto';
import {
  type ChecksumAlgorithm,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  HeadObjectCommand,
  type HeadObjectCommandOutput,
  PutObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { expect, onTestFinished, test } from 'vitest';
import { checkOf } from '../../src/backends/s3-checksum.js';
import { newCrc64nvme } from '../../src/backends/s3-crc64nvme.js';
import { Storage } from '../../src/storage.js';
import { pattern } from '../conformance/harness.js';
import { describeWithServer } from '../servers/servers.js';
import { clientOf, newBucketAt, openBucket } from './s3-bucket.js';

test('CRC-64/NVME is that of its definition', () => {
  const crc = newCrc64nvme();
  crc.update(Buffer.from('1234'));
  crc.update(Buffer.from('56789'));
  expect(Buffer.from(crc.digest(), 'base64').toString('hex')).toBe('ae8b14860a799888');
  expect(newCrc64nvme().digest()).toBe(Buffer.alloc(8).toString('base64'));
});

/** Whether the check that these headers allow takes the bytes, and what it is called. */
function taken(head: HeadObjectCommandOutput, bytes: Uint8Array): [string, boolean] | null {
  const check = checkOf(head);
  if (check === null) return null;
  check.update(bytes.subarray(0, 1000));
  check.update(bytes.subarray(1000));
  return [check.name, check.matches()];
}

describeWithServer('s3', 'What S3 knows of an object', (url) => {
  const bytes = pattern(100_003);
  const other = Buffer.from(bytes);
  other[50_000] = (other[50_000] as number) ^ 1;

  async function opened(): Promise<{
    storage: Storage;
    target: { Bucket: string; Key: string };
    client: ReturnType<typeof clientOf>;
    head(): Promise<HeadObjectCommandOutput>;
  }> {
    const settings = newBucketAt(url);
    const { backend, close } = await openBucket(settings);
    const client = clientOf(settings);
    onTestFinished(async () => {
      client.destroy();
      await close();
    });
    const target = { Bucket: settings.bucket, Key: backend.newId() };
    const head = (): Promise<HeadObjectCommandOutput> =>
      client.send(new HeadObjectCommand({ ...target, ChecksumMode: 'ENABLED' }));
    return { storage: new Storage('cloud', 's3', backend), target, client, head };
  }

  test.each([
    ['CRC32', 'CRC-32'],
    ['SHA256', 'SHA-256'],
    ['SHA1', 'SHA-1'],
    ['CRC32C', 'CRC-32C'],
    ['CRC64NVME', 'CRC-64/NVME'],
  ] as const)('is compared with its bytes: %s', async (algorithm, name) => {
    const { storage, target, client, head } = await opened();
    await client.send(
      new PutObjectCommand({ ...target, Body: bytes, ChecksumAlgorithm: algorithm }),
    );
    const { ETag: _, ...told } = await head();
    expect(taken(told, bytes)).toEqual([name, true]);
    expect(taken(told, other)).toEqual([name, false]);
    expect((await storage.hash(target.Key)).info.contentLength).toBe(bytes.byteLength);
  });

  test('is the MD5 of what no key of its own encrypts', async () => {
    const { head, client, target } = await opened();
    await client.send(new PutObjectCommand({ ...target, Body: bytes }));
    const { ETag = '', $metadata } = await head();
    expect(ETag).toBe(`"${createHash('md5').update(bytes).digest('hex')}"`);
    const told = { ETag, $metadata };
    expect(taken(told, bytes)).toEqual(['MD5', true]);
    expect(taken(told, other)).toEqual(['MD5', false]);
    expect(taken({ ...told, ServerSideEncryption: 'aws:kms' }, bytes)).toBeNull();
    expect(taken({ ...told, SSECustomerAlgorithm: 'AES256' }, bytes)).toBeNull();
  });

  test.each([
    ['CRC64NVME', 'FULL_OBJECT', ['CRC-64/NVME', true]],
    ['SHA256', 'COMPOSITE', null],
  ] as const)('of what came in parts with %s', async (algorithm, type, expected) => {
    const { head, client, target, storage } = await opened();
    const ChecksumAlgorithm: ChecksumAlgorithm = algorithm;
    const begun = { ...target, ChecksumAlgorithm, ChecksumType: type };
    const { UploadId } = await client.send(new CreateMultipartUploadCommand(begun));
    const part = { ...target, UploadId, PartNumber: 1 };
    const {
      ETag,
      $metadata: _,
      ...sums
    } = await client.send(new UploadPartCommand({ ...part, Body: bytes, ChecksumAlgorithm }));
    const { ChecksumCRC64NVME, ChecksumSHA256 } = sums;
    const Parts = [
      {
        PartNumber: 1,
        ...(ETag === undefined ? {} : { ETag }),
        ...(ChecksumCRC64NVME === undefined ? {} : { ChecksumCRC64NVME }),
        ...(ChecksumSHA256 === undefined ? {} : { ChecksumSHA256 }),
      },
    ];
    const whole = { ...target, UploadId, MultipartUpload: { Parts } };
    await client.send(new CompleteMultipartUploadCommand(whole));
    expect(taken(await head(), bytes)).toEqual(expected);
    expect((await storage.hash(target.Key)).info.contentLength).toBe(bytes.byteLength);
  });
});
