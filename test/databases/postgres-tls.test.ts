import { once } from 'node:events';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { TLSSocket, type TLSSocketOptions } from 'node:tls';
import { expect, onTestFinished, test } from 'vitest';
import { tlsAttempts } from '../../src/databases/postgres-tls.js';
import { pattern } from '../conformance/harness.js';
import { describeWithServer } from '../servers/servers.js';
import { createDatabase, openUrl } from './postgres-harness.js';

const certificates = path.resolve(import.meta.dirname, '..', 'certificates');
const file = (name: string): string => path.join(certificates, name);
const pem = (name: string): string => readFileSync(file(name), 'utf8');

/** What a client asks a server for TLS with. */
const sslRequest = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]);

interface Front {
  /** Name of the certificate; null: it does not speak TLS. */
  readonly certificate: string | null;
  /** Lets nobody in without TLS. */
  readonly required?: boolean;
  readonly options?: TLSSocketOptions;
}

/** The refusal of a connection by pg_hba.conf. */
function refusal(): Buffer {
  const fields = Buffer.from('SFATAL\0VFATAL\0C28000\0Mno pg_hba.conf entry, no encryption\0\0');
  const length = Buffer.alloc(4);
  length.writeInt32BE(fields.byteLength + 4);
  return Buffer.concat([Buffer.from('E'), length, fields]);
}

describeWithServer('postgres', 'TLS to PostgreSQL', (server) => {
  /** A front of the server that speaks TLS as asked; counts the connections of each kind. */
  async function front({ certificate, required = false, options = {} }: Front) {
    const { hostname, port } = new URL(server);
    const seen = { plain: 0, encrypted: 0 };
    const pipe = (client: Socket, first: Buffer | null): void => {
      const upstream = connect(Number(port), hostname);
      if (first !== null) upstream.write(first);
      client.pipe(upstream).pipe(client);
      for (const one of [client, upstream]) one.on('error', () => {});
    };
    const listener = createServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', (bytes) => {
        if (!bytes.equals(sslRequest)) {
          seen.plain += 1;
          if (required) return void socket.end(refusal());
          return pipe(socket, bytes);
        }
        if (certificate === null) {
          socket.write('N');
          return void socket.once('data', (more) => {
            seen.plain += 1;
            pipe(socket, more);
          });
        }
        socket.write('S');
        const secure = new TLSSocket(socket, {
          isServer: true,
          key: pem('server.key'),
          cert: pem(`${certificate}.pem`),
          ...options,
        });
        secure.on('error', () => {});
        secure.once('secure', () => {
          seen.encrypted += 1;
          pipe(secure, null);
        });
      });
    });
    listener.listen(0, '127.0.0.1');
    await once(listener, 'listening');
    onTestFinished(() => void listener.close());
    const at = (listener.address() as AddressInfo).port;
    const open = async (host: string, query: string) => {
      const url = server.replace(/@[^/]*/, `@${host}:${at}`);
      const database = openUrl(`${url}?${query}`);
      onTestFinished(() => database.close());
      await database.place();
      return database;
    };
    return { seen, open };
  }

  const ca = `sslrootcert=${file('authority.pem')}`;

  test.each([
    ['good', 'sslmode=disable', 'plain'],
    ['good', 'sslmode=allow', 'plain'],
    ['good', 'sslmode=prefer', 'encrypted'],
    ['good', '', 'encrypted'],
    ['expired', 'sslmode=prefer', 'encrypted'],
    ['good', 'sslmode=require', 'encrypted'],
    ['expired', 'sslmode=require', 'encrypted'],
    ['good', `sslmode=require&${ca}`, 'encrypted'],
    ['elsewhere', `sslmode=verify-ca&${ca}`, 'encrypted'],
    ['good', `sslmode=verify-full&${ca}`, 'encrypted'],
    [null, 'sslmode=prefer', 'plain'],
  ] as const)('with a certificate that is %s and %s is %s', async (certificate, query, kind) => {
    const { seen, open } = await front({ certificate });
    await open('127.0.0.1', query);
    expect(seen).toEqual({ plain: 0, encrypted: 0, [kind]: 1 });
  });

  test('is tried where a server takes nothing else, and left where it takes none', async () => {
    const demanding = await front({ certificate: 'good', required: true });
    await demanding.open('127.0.0.1', 'sslmode=allow');
    expect(demanding.seen).toEqual({ plain: 1, encrypted: 1 });
    await expect(demanding.open('127.0.0.1', 'sslmode=disable')).rejects.toMatchObject({
      kind: 'unreachable',
      message: expect.stringContaining('it lets this user not in: no pg_hba.conf entry'),
    });
  });

  test.each([
    [null, 'sslmode=require', '127.0.0.1', /it does not speak TLS$/],
    ['elsewhere', `sslmode=verify-full&${ca}`, '127.0.0.1', /certificate is for another host$/],
    ['expired', `sslmode=verify-ca&${ca}`, '127.0.0.1', /certificate has expired$/],
    ['expired', `sslmode=require&${ca}`, '127.0.0.1', /certificate has expired$/],
    [
      'good',
      `sslmode=verify-full&sslrootcert=${file('good.pem')}`,
      'localhost',
      /not signed by the authorities in sslrootcert$/,
    ],
    ['good', 'sslrootcert=system', '127.0.0.1', /not signed by the authorities in sslrootcert$/],
  ] as const)('%s is refused with %s at %s', async (certificate, query, host, message) => {
    const { seen, open } = await front({ certificate });
    await expect(open(host, query)).rejects.toMatchObject({
      kind: 'unreachable',
      message: expect.stringMatching(message),
      hint: expect.stringMatching(/\.$/),
    });
    expect(seen.plain).toBe(0);
  });

  test('shows our own certificate where the server asks for one', async () => {
    const options = { requestCert: true, rejectUnauthorized: true, ca: pem('authority.pem') };
    const { open } = await front({ certificate: 'good', options });
    const own = `sslcert=${file('good.pem')}&sslkey=${file('server.key')}`;
    await open('127.0.0.1', `sslmode=verify-full&${ca}&${own}`);
    await expect(open('127.0.0.1', `sslmode=require&${ca}`)).rejects.toMatchObject({
      kind: 'unreachable',
    });
  });

  test.each([
    [
      'sslrootcert=/nowhere/ca.pem',
      /cannot read sslrootcert \/nowhere\/ca\.pem: it does not exist$/,
    ],
    ['sslcert=/nowhere/own.pem', /cannot read sslcert \/nowhere\/own\.pem: it does not exist$/],
  ])('without the file of %s says so', async (query, message) => {
    const { open } = await front({ certificate: 'good' });
    await expect(open('127.0.0.1', `sslmode=require&${query}`)).rejects.toMatchObject({
      kind: 'config',
      message: expect.stringMatching(message),
    });
  });

  test('carries large blobs both ways', async () => {
    const { url, remove } = await createDatabase(server);
    onTestFinished(remove);
    const { seen, open } = await front({ certificate: 'good' });
    const name = new URL(url).pathname.slice(1);
    const database = await open('127.0.0.1', `sslmode=verify-full&${ca}&dbname=${name}`);
    await database.blobs.provision();
    const bytes = pattern(20_000_000);
    async function* chunks(): AsyncGenerator<Uint8Array> {
      // One memory, filled anew: what has not left when the next is asked for arrives wrong.
      const buffer = Buffer.alloc(300_000);
      for (let start = 0; start < bytes.byteLength; start += buffer.byteLength) {
        yield buffer.subarray(0, bytes.copy(buffer, 0, start, start + buffer.byteLength));
      }
    }
    const columns = { filename: 'a', contentType: 'b', lastModified: null };
    const source = { chunks: chunks(), length: bytes.byteLength };
    expect(await database.blobs.insert('x', columns, source)).toBe(bytes.byteLength);
    const [row] = await database.blobs.find('x');
    const found = await database.blobs.read(row?.id ?? 0);
    const parts: Uint8Array[] = [];
    for await (const chunk of found?.chunks ?? []) parts.push(chunk);
    expect(Buffer.concat(parts).equals(bytes)).toBe(true);
    expect(seen.plain).toBe(0);
  });

  test('checks the server by the authorities that the user keeps', async () => {
    const home = mkdtempSync(path.join(tmpdir(), 'depot-home-'));
    onTestFinished(() => rmSync(home, { recursive: true }));
    const settings = {
      ...{ rootCertificate: null, certificate: null, key: null, keyPassword: null, revoked: null },
      ...{ minVersion: 'TLSv1.2' as const, maxVersion: null, direct: false },
    };
    const first = async (mode: 'require' | 'verify-full') =>
      (await tlsAttempts({ ...settings, mode }, home))[0];
    expect(await first('require')).toMatchObject({ rejectUnauthorized: false });
    await expect(first('verify-full')).rejects.toMatchObject({
      kind: 'config',
      message: expect.stringMatching(/root\.crt does not exist$/),
    });
    mkdirSync(path.join(home, '.postgresql'));
    copyFileSync(file('authority.pem'), path.join(home, '.postgresql', 'root.crt'));
    for (const mode of ['require', 'verify-full'] as const) {
      expect(await first(mode)).toMatchObject({
        rejectUnauthorized: true,
        ca: [pem('authority.pem')],
      });
    }
  });
});
