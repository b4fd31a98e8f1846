import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import type { Backend } from '../../src/backend.js';
import { openGcs } from '../../src/backends/gcs.js';
import { answer } from './gcs-service.js';

const pem = (name: string): string =>
  readFileSync(path.join(import.meta.dirname, '../certificates', name), 'utf8');

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const account = {
  type: 'service_account',
  client_email: 'depot@project.iam.gserviceaccount.com',
  private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
};

async function portOf(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return (server.address() as AddressInfo).port;
}

/** Whatever is asked of Google over TLS, `google` answers: a proxy leads there. */
async function inPlaceOfGoogle(google: RequestListener): Promise<void> {
  const secure = createSecureServer({ key: pem('server.key'), cert: pem('good.pem') }, google);
  const port = await portOf(secure);
  const proxy = createServer().on('connect', (_request, socket, head) => {
    const onward = connect(port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
      onward.write(head);
      socket.pipe(onward).pipe(socket);
    });
    socket.on('error', () => onward.destroy());
    onward.on('error', () => socket.destroy());
  });
  vi.stubEnv('HTTPS_PROXY', `http://127.0.0.1:${await portOf(proxy)}`);
}

async function open(idleTimeout = 20_000): Promise<Backend> {
  const directory = mkdtempSync(path.join(tmpdir(), 'depot-gcs-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const file = path.join(directory, 'key.json');
  writeFileSync(file, JSON.stringify(account));
  const network = { name: 'cloud', where: 'site.ini line 5', retried() {}, idleTimeout };
  return openGcs({ bucket: 'b', policy: 'private' }, file, network);
}

beforeEach(() => {
  vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
  vi.spyOn(process, 'emitWarning').mockReturnValue();
});

afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

test('the token that an account is given is sent with each request', async () => {
  const seen: (string | undefined)[] = [];
  await inPlaceOfGoogle((request, response) => {
    request.resume();
    if (request.url === '/token') {
      return answer(response, 200, { access_token: 'tea', expires_in: 3600 });
    }
    seen.push(`${request.headers.host} ${request.headers.authorization}`);
    answer(response, 200);
  });
  const backend = await open();
  await backend.ping();
  await backend.ping();
  expect(seen).toEqual(Array(2).fill('storage.googleapis.com Bearer tea'));
});

test('an account that is refused', async () => {
  await inPlaceOfGoogle((request, response) => {
    request.resume();
    answer(response, 400, { error: 'invalid_grant', error_description: 'Invalid JWT Signature.' });
  });
  await expect((await open()).ping()).rejects.toMatchObject({
    kind: 'unreachable',
    message:
      'cannot sign in for site.ini line 5: https://storage.googleapis.com: the credentials are refused (invalid_grant: Invalid JWT Signature.)',
    hint: expect.stringContaining('new key'),
  });
});

test('a service of tokens that says nothing', async () => {
  await inPlaceOfGoogle(() => {});
  await expect((await open(300)).ping()).rejects.toMatchObject({
    kind: 'unreachable',
    message: expect.stringMatching(/the service that gives access tokens: it does not answer$/),
  });
});
