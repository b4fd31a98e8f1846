import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { request } from 'node:https';
import { type AddressInfo, createServer, type Server } from 'node:net';
import path from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { describe, expect, onTestFinished, test } from 'vitest';
import { networkError } from '../src/network.js';

const pem = (name: string): string =>
  readFileSync(path.join(import.meta.dirname, 'certificates', name), 'utf8');

/** Where a server listens that is closed at the end of the test. */
async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

async function tlsServer(certificate: string): Promise<number> {
  const server = createTlsServer({ key: pem('server.key'), cert: pem(`${certificate}.pem`) });
  server.on('tlsClientError', () => {});
  return listening(server);
}

async function errorOf(ask: () => ReturnType<typeof request>): Promise<unknown> {
  const [error] = await once(ask().end(), 'error', { signal: AbortSignal.timeout(20_000) });
  return error;
}

const overTls = (port: number, options: object = { ca: pem('authority.pem') }) =>
  errorOf(() => request({ host: '127.0.0.1', port, ...options }));

/** What is said of an error that has been wrapped as SDKs do. */
function said(error: unknown): string | undefined {
  const wrapped = new Error('the request failed', { cause: new AggregateError([error], 'all') });
  const result = networkError(wrapped, 'cannot reach the server');
  expect(result).toMatchObject({ kind: 'unreachable', cause: wrapped });
  expect(result?.hint).toMatch(/\.$/);
  return result?.message.replace('cannot reach the server: ', '');
}

describe('an error of the network says what is wrong', () => {
  test('where nothing listens', async () => {
    const server = createServer();
    const port = await listening(server);
    server.close();
    await once(server, 'close');
    const error = await errorOf(() => httpRequest({ host: '127.0.0.1', port }));
    expect(said(error)).toBe('nothing listens there');
  });

  test('where there is no such host', async () => {
    const error = await errorOf(() => httpRequest({ host: 'no-such-host.invalid' }));
    expect(said(error)).toMatch(
      /^there is no host of that name$|^the name server does not answer$/,
    );
  });

  test('where the connection is cut', async () => {
    const port = await listening(
      createServer((socket) => socket.on('data', () => socket.destroy())),
    );
    const error = await errorOf(() => httpRequest({ host: '127.0.0.1', port }));
    expect(said(error)).toBe('the connection was cut');
  });

  test.each([
    { certificate: 'expired', says: 'its certificate has expired' },
    { certificate: 'elsewhere', says: 'its certificate is for another host' },
  ])('where the certificate is $certificate', async ({ certificate, says }) => {
    expect(said(await overTls(await tlsServer(certificate)))).toBe(says);
  });

  test('where nobody who is trusted has signed the certificate', async () => {
    const error = await overTls(await tlsServer('good'), {});
    expect(said(error)).toBe('its certificate is signed by nobody who is trusted here');
  });

  test('where no TLS is spoken', async () => {
    const port = await listening(createServer((socket) => socket.end('HTTP/1.1 400\r\n\r\n')));
    expect(said(await overTls(port))).toBe('it does not speak TLS there');
  });
});

test('other errors are not of the network', () => {
  expect(networkError(new Error('no'), 'x')).toBeNull();
  expect(networkError(Object.assign(new Error('no'), { code: 'ENOENT' }), 'x')).toBeNull();
  expect(networkError('ECONNREFUSED', 'x')).toBeNull();
});
