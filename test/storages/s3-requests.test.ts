import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { Storage } from '../../src/storage.js';
import { chunksOf } from '../conformance/harness.js';
import { newBucketAt, openTestS3 } from './s3-bucket.js';

interface Asked {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
}

/** A service that stores whatever it is given, and what it was asked. */
async function recorder(): Promise<{ url: string; asked: Asked[] }> {
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    const { method = '', url = '', headers } = request;
    asked.push({ method, url, headers });
    request.resume().on('end', () => response.writeHead(200, { etag: '"e"' }).end());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  return { url: `http://key:secret@127.0.0.1:${port}`, asked };
}

async function headersOfPut(settings: Parameters<typeof newBucketAt>[1]): Promise<Asked> {
  const { url, asked } = await recorder();
  const backend = await openTestS3(newBucketAt(url, { bucket: 'files', ...settings }));
  onTestFinished(() => backend.close());
  await new Storage('cloud', 's3', backend).create(chunksOf('x'), { filename: 'a.txt' });
  const puts = asked.filter(({ method }) => method === 'PUT');
  expect(puts).toHaveLength(1);
  return puts[0] as Asked;
}

test('a private file carries no access rule, since buckets may know none', async () => {
  const { headers, url } = await headersOfPut({ policy: 'private' });
  expect(headers).not.toHaveProperty('x-amz-acl');
  expect(headers['if-none-match']).toBe('*');
  expect(headers['x-amz-checksum-crc32']).toMatch(/^[A-Za-z0-9+/]{6}==$/);
  expect(headers).not.toHaveProperty('x-amz-storage-class');
  expect(headers).not.toHaveProperty('x-amz-server-side-encryption');
  expect(url).toMatch(/^\/files\/[0-9a-f-]{36}\b/);
});

test('a public file says so; class and encryption are those of the options', async () => {
  const { headers } = await headersOfPut({
    ...{ policy: 'public-read', storage_class: 'STANDARD_IA', encrypt_key: 'yes' },
  });
  expect(headers).toMatchObject({
    'x-amz-acl': 'public-read',
    'x-amz-storage-class': 'STANDARD_IA',
    'x-amz-server-side-encryption': 'AES256',
  });
});

test('no newer checksum is sent where only required ones are asked for', async () => {
  const { headers } = await headersOfPut({ request_checksum: 'when_required' });
  expect(Object.keys(headers).filter((name) => name.startsWith('x-amz-checksum'))).toEqual([]);
});

test('a bucket stands in front of the host where that is asked for', async () => {
  const backend = await openTestS3({
    ...newBucketAt('http://key:secret@localhost:9', { bucket: 'files' }),
    addressing_style: 'virtual',
  });
  onTestFinished(() => backend.close());
  await expect(backend.ping()).rejects.toMatchObject({ kind: 'unreachable' });
});
