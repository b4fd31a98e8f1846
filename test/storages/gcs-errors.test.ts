import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import path from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Backend } from '../../src/backend.js';
import { DepotError } from '../../src/errors.js';
import { chunksOf, collected, pattern } from '../conformance/harness.js';
import { openTestGcs } from './gcs-bucket.js';
import { answer, refusal, serviceAt } from './gcs-service.js';

const id = '3c1b9742-f338-4dcf-a812-e60d74b46c69';
const metadata = { filename: 'a.txt', contentType: 'text/plain', lastModified: null };

const settingsAt = (url: string) => ({
  bucket: 'b',
  policy: 'private' as const,
  api_endpoint: url,
});

async function errorOf(promise: Promise<unknown>): Promise<DepotError> {
  const error = await promise.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(DepotError);
  return error as DepotError;
}

/** A storage whose service refuses everything alike, and how often it was asked. */
async function refused(status: number, body: object) {
  const asked = { requests: 0, retries: 0 };
  const url = await serviceAt((request, response) => {
    asked.requests += 1;
    request.resume();
    answer(response, status, body);
  });
  const retried = (): void => {
    asked.retries += 1;
  };
  return { url, asked, backend: await openTestGcs(settingsAt(url), { retried }) };
}

describe('what the service refuses is said clearly', () => {
  const noAccess = 'x@y.iam does not have storage.objects.list access to the bucket.';
  test.each([
    [401, 'required', 'Anonymous caller does not have access.', 'it asks for credentials'],
    [403, 'forbidden', noAccess, 'access is denied (storage.objects.list)'],
    [403, 'forbidden', 'Organization policy.', 'access is denied (Organization policy.)'],
    [403, 'accountDisabled', 'Billing is off.', 'its project may not be used (Billing is off.)'],
    [404, 'notFound', 'The specified bucket does not exist.', 'there is no such bucket'],
  ])('HTTP %i %s: %s', async (status, reason, message, why) => {
    const { url, asked, backend } = await refused(status, refusal(status, reason, message));
    const error = await errorOf(backend.ping());
    expect(error).toMatchObject({
      kind: 'unreachable',
      message: `cannot list the bucket b at ${url}: ${why}`,
      hint: expect.stringMatching(/\w/),
    });
    expect(asked).toEqual({ requests: 1, retries: 0 });
  });

  test('a bucket that makes no blob public by itself', async () => {
    const message =
      'Cannot insert legacy ACL for an object when uniform bucket-level access is on.';
    const { backend } = await refused(400, refusal(400, 'invalid', message));
    const create = backend.create(id, { chunks: chunksOf('x'), length: 1 }, metadata);
    expect(await errorOf(create)).toMatchObject({
      kind: 'config',
      message: expect.stringMatching(/cannot be made public one by one/),
      hint: expect.stringContaining('policy = private'),
    });
  });

  test('anything else, on one line', async () => {
    const { backend } = await refused(400, refusal(400, 'invalid', `Odd\n${'x'.repeat(999)}`));
    const { kind, message } = await errorOf(backend.ping());
    expect(kind).toBe('failed');
    expect(message).toMatch(/it answers HTTP 400 \(Odd x+…\)$/);
  });

  test.each([
    [429, refusal(429, 'rateLimitExceeded', 'Slow down.'), /too many requests/],
    [403, refusal(403, 'rateLimitExceeded', 'Slow down.'), /too many requests/],
    [503, { error: 'no object' }, /HTTP 503, also when asked again$/],
  ])('HTTP %i, after it was asked several times', async (status, body, why) => {
    const { asked, backend } = await refused(status, body);
    const { kind, message } = await errorOf(backend.ping());
    expect(kind).toBe('unreachable');
    expect(message).toMatch(why);
    expect(asked.retries).toBe(5);
    expect(asked.requests).toBe(6);
  });
});

describe('what is refused once succeeds when it is asked again', () => {
  test.each([408, 429, 500, 502, 503, 504])('HTTP %i', async (status) => {
    let requests = 0;
    let retries = 0;
    const url = await serviceAt((_request, response) => {
      requests += 1;
      answer(response, requests === 1 ? status : 200);
    });
    const retried = (): void => {
      retries += 1;
    };
    await (await openTestGcs(settingsAt(url), { retried })).ping();
    expect([requests, retries]).toEqual([2, 1]);
  });
});

/** A stalled service must not be waited for longer than this. */
const idleTimeout = 300;

async function opened(url: string): Promise<Backend> {
  return openTestGcs(settingsAt(url), { idleTimeout });
}

describe('a service that falls silent', () => {
  const silent = {
    kind: 'unreachable',
    message: expect.stringMatching(/^cannot .* the bucket b at .*: it does not answer$/),
  };
  const blob = { name: id, generation: '1', size: String(3_000_000) };

  test('before it answers', async () => {
    const backend = await opened(await serviceAt(() => {}));
    expect(await errorOf(backend.ping())).toMatchObject(silent);
    expect(await errorOf(backend.info(id))).toMatchObject(silent);
    const many = pattern(20_000_000);
    for (const bytes of [Buffer.from('x'), many]) {
      const source = { chunks: chunksOf(bytes), length: bytes.byteLength };
      expect(await errorOf(backend.create(id, source, metadata))).toMatchObject(silent);
    }
  });

  test('within an answer', async () => {
    const url = await serviceAt((_request, response) => {
      response.writeHead(200, { 'Content-Length': '100' });
      response.write('{');
    });
    expect(await errorOf((await opened(url)).ping())).toMatchObject(silent);
  });

  test('within a blob', async () => {
    const url = await serviceAt((request, response) => {
      if (!request.url?.includes('alt=media')) return answer(response, 200, blob);
      response.writeHead(200, { 'Content-Length': blob.size });
      response.write(pattern(1_000_000));
    });
    const { chunks } = await (await opened(url)).read(id);
    expect(await errorOf(collected(chunks))).toMatchObject(silent);
  });

  test('within a part of an upload that it takes', async () => {
    const url = await serviceAt((request, response) => {
      if (request.method === 'POST') {
        response.setHeader('Location', `http://${request.headers.host}/session`);
        return answer(response, 200);
      }
      if (request.method === 'DELETE') return answer(response, 499);
      request.once('data', () => request.pause());
    });
    const source = { chunks: chunksOf(pattern(20_000_000)), length: null };
    const create = (await opened(url)).create(id, source, metadata);
    expect(await errorOf(create)).toMatchObject(silent);
  });

  test('but not one whose reader takes its time', async () => {
    const bytes = pattern(3_000_000);
    const url = await serviceAt((request, response) => {
      if (!request.url?.includes('alt=media')) return answer(response, 200, blob);
      response.end(bytes);
    });
    const { chunks } = await (await opened(url)).read(id);
    const parts: Uint8Array[] = [];
    for await (const chunk of chunks) {
      if (parts.length === 0) await new Promise((resolve) => setTimeout(resolve, 2 * idleTimeout));
      parts.push(chunk);
    }
    expect(Buffer.concat(parts).equals(bytes)).toBe(true);
  });
});

test('a filename that the service would not take is refused before anything is sent', async () => {
  let requests = 0;
  const url = await serviceAt((_request, response) => {
    requests += 1;
    answer(response, 200);
  });
  const named = { ...metadata, filename: 'ä'.repeat(1400) };
  const create = (await opened(url)).create(id, { chunks: chunksOf('x'), length: 1 }, named);
  expect(await errorOf(create)).toMatchObject({
    kind: 'failed',
    message: expect.stringContaining('too long'),
  });
  expect(requests).toBe(0);
});

describe('an upload that is given up', () => {
  test('cancels its session', async () => {
    const seen: string[] = [];
    const url = await serviceAt((request, response) => {
      seen.push(`${request.method} ${request.headers['content-range'] ?? ''}`.trim());
      request.resume();
      if (request.method === 'POST') {
        response.setHeader('Location', `http://${request.headers.host}/session`);
        return answer(response, 200);
      }
      if (request.method === 'DELETE') return answer(response, 499);
      response.writeHead(308, { Range: 'bytes=0-8388607' }).end();
    });
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield pattern(10_000_000);
      throw new Error('the source broke');
    }
    const create = (await opened(url)).create(id, { chunks: broken(), length: null }, metadata);
    await expect(create).rejects.toThrow('the source broke');
    expect(seen).toEqual(['POST', 'PUT bytes 0-8388607/*', 'DELETE']);
  });
});

describe('a host that cannot be reached', () => {
  test('since nothing listens there', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.close();
    await once(server, 'close');
    expect(await errorOf((await opened(url)).ping())).toMatchObject({
      kind: 'unreachable',
      message: `cannot list the bucket b at ${url}: nothing listens there`,
    });
  });

  test('since its certificate is nobody’s', async () => {
    const pem = (name: string): string =>
      readFileSync(path.join(import.meta.dirname, '../certificates', name), 'utf8');
    const server = createTlsServer({ key: pem('server.key'), cert: pem('good.pem') });
    server.on('tlsClientError', () => {});
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
    expect(await errorOf((await opened(url)).ping())).toMatchObject({
      kind: 'unreachable',
      message: expect.stringContaining('signed by nobody who is trusted here'),
    });
  });
});
