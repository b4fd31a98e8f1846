import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import path from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { describe, expect, onTestFinished, test } from 'vitest';
import { depot, newDirectory, objects } from './depot.js';

const certificates = path.resolve(import.meta.dirname, '..', 'certificates');
const pem = (name: string): string => readFileSync(path.join(certificates, name), 'utf8');

/** A server's port; it is closed at the end of the test. */
async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

/** Nothing listens there: a server did, and is closed. */
async function closedPort(): Promise<number> {
  const server = createServer();
  const port = await listening(server);
  server.close();
  await once(server, 'close');
  return port;
}

async function tlsPort(certificate: string): Promise<number> {
  const server = createTlsServer({ key: pem('server.key'), cert: pem(`${certificate}.pem`) });
  server.on('tlsClientError', () => {});
  return listening(server);
}

/** Storages whose server is at `port`, in configuration lines. */
const kinds = [
  {
    kind: 's3',
    tls: (port: number) => [`endpoint_url = https://127.0.0.1:${port}`],
    plain: (port: number) => [`endpoint_url = http://127.0.0.1:${port}`],
    rest: ['bucket = files', 'access_key_id = key', 'secret_access_key = hidden-secret'],
  },
  {
    kind: 'gcs',
    tls: (port: number) => [`api_endpoint = https://127.0.0.1:${port}`],
    plain: (port: number) => [`api_endpoint = http://127.0.0.1:${port}`],
    rest: ['bucket = files'],
  },
  {
    kind: 'gridfs',
    tls: (port: number) => [`mongouri = mongodb://u:hidden-secret@127.0.0.1:${port}/site?tls=true`],
    plain: (port: number) => [`mongouri = mongodb://u:hidden-secret@127.0.0.1:${port}/site`],
    rest: [],
  },
  {
    kind: 'sql',
    tls: null,
    plain: (port: number) => [
      `sqlalchemy.url = postgresql://u:hidden-secret@127.0.0.1:${port}/site`,
    ],
    rest: [],
  },
  {
    kind: 'sql',
    tls: null,
    plain: (port: number) => [`sqlalchemy.url = mysql://u:hidden-secret@127.0.0.1:${port}/site`],
    rest: [],
  },
];

/** `depot storages --ping` of one storage: the error that it tells. */
async function ping(kind: string, lines: readonly string[]): Promise<string> {
  const here = newDirectory();
  const text = ['name = files', `backend = ${kind}`, ...lines].map((line) =>
    line.startsWith('sqlalchemy') ? line : `depot.0.${line}`,
  );
  writeFileSync(path.join(here, 'depot.ini'), ['[app:main]', ...text, ''].join('\n'), {
    mode: 0o600,
  });
  const env = { NODE_EXTRA_CA_CERTS: path.join(certificates, 'authority.pem') };
  const { code, out, err } = await depot(here, ['--json', 'storages', '--ping'], { env });
  expect({ code, err }).toMatchObject({ code: 5 });
  expect(out + err).not.toContain('hidden-secret');
  expect(err).toMatch(/^depot: storage files: .+\n.+\n$/);
  const [storage] = objects(out);
  expect(storage).toMatchObject({ reachable: false, hint: expect.any(String) });
  return storage?.error as string;
}

describe.each(kinds)('$kind', ({ kind, tls, plain, rest }) => {
  test('says that nothing listens there', async () => {
    const port = await closedPort();
    const error = await ping(kind, [...plain(port), ...rest]);
    expect(error).toContain(`127.0.0.1:${port}`);
    expect(error).toMatch(/: nothing listens there$/);
  });

  // The databases' own protocols begin without TLS: theirs is in test/databases/.
  if (tls === null) return;

  test('says that the certificate has expired', async () => {
    const port = await tlsPort('expired');
    const error = await ping(kind, [...tls(port), ...rest]);
    expect(error).toContain(`127.0.0.1:${port}`);
    expect(error).toMatch(/: its certificate has expired$/);
  });
});
