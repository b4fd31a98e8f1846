import { randomBytes } from 'node:crypto';
import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  S3Client,
  type S3ClientConfig,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { describeWithServer } from '../servers/servers.js';
import { type FaultyProxy, startProxy } from './proxy.js';

const body = Buffer.alloc(300_000, 'one of these bytes ');
const busy = { status: 503, type: 'text/plain', body: '' };

function clientOf(url: string, address: string, settings: S3ClientConfig): S3Client {
  const { username, password } = new URL(url);
  return new S3Client({
    ...{ endpoint: `http://${address}`, region: 'us-east-1', forcePathStyle: true, ...settings },
    credentials: { accessKeyId: username, secretAccessKey: password },
  });
}

describeWithServer('s3', 'the proxy in front of MinIO', (url) => {
  const Bucket = `depot-${randomBytes(6).toString('hex')}`;
  const object = { Bucket, Key: 'blob' };
  let direct: S3Client;
  let proxy: FaultyProxy;
  let impatient: S3Client;
  let patient: S3Client;

  beforeAll(async () => {
    proxy = await startProxy(new URL(url).host);
    direct = clientOf(url, new URL(url).host, {});
    impatient = clientOf(url, proxy.address, { maxAttempts: 1 });
    patient = clientOf(url, proxy.address, { maxAttempts: 4 });
    await direct.send(new CreateBucketCommand({ Bucket }));
  });
  afterAll(async () => {
    await direct.send(new DeleteObjectCommand(object));
    await direct.send(new DeleteBucketCommand({ Bucket }));
    for (const client of [direct, impatient, patient]) client.destroy();
    await proxy.close();
  });

  const put = (client: S3Client): Promise<unknown> =>
    client.send(new PutObjectCommand({ ...object, Body: body }));
  const get = async (client: S3Client): Promise<Buffer> => {
    const { Body } = await client.send(new GetObjectCommand(object));
    return Buffer.from((await Body?.transformToByteArray()) ?? []);
  };
  const exists = (): Promise<boolean> =>
    direct.send(new HeadObjectCommand(object)).then(
      () => true,
      () => false,
    );
  const remove = (): Promise<unknown> => direct.send(new DeleteObjectCommand(object));

  test('passes everything on as it is, and counts it', async () => {
    const { bytes, turns } = await proxy.traffic(() => put(impatient));
    expect(bytes.client).toBeGreaterThan(body.byteLength);
    expect(turns.client).toBe(turns.server);
    expect(await get(impatient)).toEqual(body);
  });

  test.each([0, 10, 100_000])('cuts the connection after %i bytes of the client', async (after) => {
    await remove();
    const fault = proxy.set({ from: 'client', after, does: 'cut' });
    await expect(put(impatient)).rejects.toMatchObject({ code: 'ECONNRESET' });
    expect(fault.happened).toBe(1);
    expect(await exists()).toBe(false);
    await put(impatient);
    expect(await exists()).toBe(true);
  });

  test('loses an answer to what the server has done', async () => {
    await remove();
    proxy.set({ from: 'server', turns: 0, does: 'cut', request: /^PUT/ });
    await expect(put(impatient)).rejects.toMatchObject({ code: 'ECONNRESET' });
    expect(await exists()).toBe(true);
  });

  test('cuts the connection after bytes of the server, of the requests that are meant', async () => {
    await put(direct);
    const fault = proxy.set({ from: 'server', after: 100_000, does: 'cut', request: /^GET/ });
    await put(impatient);
    expect(fault.happened).toBe(0);
    await expect(get(impatient)).rejects.toMatchObject({ code: 'ECONNRESET' });
    expect(fault.happened).toBe(1);
    expect(await get(impatient)).toEqual(body);
  });

  test('answers in place of the server, as often as it is told to', async () => {
    await remove();
    const fault = proxy.set({ from: 'client', does: busy, times: 2 });
    await put(patient);
    expect(fault.happened).toBe(2);
    expect(await get(direct)).toEqual(body);
    proxy.set({ from: 'client', does: busy, times: 2 });
    await expect(put(impatient)).rejects.toMatchObject({ $metadata: { httpStatusCode: 503 } });
    await proxy.heal();
  });

  test('flips one bit', async () => {
    await put(direct);
    proxy.set({ from: 'server', does: { flip: 'one of these' } });
    const unchecked = clientOf(url, proxy.address, { responseChecksumValidation: 'WHEN_REQUIRED' });
    onTestFinished(() => unchecked.destroy());
    const flipped = await get(unchecked);
    const different = [...flipped.keys()].filter((at) => flipped[at] !== body[at]);
    expect(different).toHaveLength(1);
    proxy.set({ from: 'client', does: { flip: 'one of these' } });
    await expect(put(impatient)).rejects.toThrow(/checksum|Digest|SHA256/i);
    await proxy.heal();
  });

  test('stalls, and refuses, until it is healed', async () => {
    const controller = new AbortController();
    onTestFinished(() => proxy.heal());
    const fault = proxy.set({ from: 'server', does: 'stall', times: Number.POSITIVE_INFINITY });
    const stalled = impatient.send(new GetObjectCommand(object), {
      abortSignal: controller.signal,
    });
    while (fault.happened === 0) await new Promise((resolve) => setImmediate(resolve));
    controller.abort();
    await expect(stalled).rejects.toThrow('abort');
    await proxy.refuse();
    await expect(put(impatient)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await proxy.heal();
    await put(impatient);
  });
});
