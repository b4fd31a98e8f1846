import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { SqlDatabase } from '../../src/databases/database.js';
import { collected, pattern } from '../conformance/harness.js';
import { describeWithServer } from '../servers/servers.js';
import { connectClient, createDatabase, openUrl } from './mariadb-harness.js';
import { describeWithOwnServer } from './mariadb-own-server.js';

const certificates = path.resolve(import.meta.dirname, '..', 'certificates');
const file = (name: string): string => path.join(certificates, name);
const ca = `ssl_ca=${file('authority.pem')}`;

function opened(server: string, host: string, query: string): SqlDatabase {
  const url = `${server.replace('127.0.0.1', host).replace('mysql:', 'mysql+pymysql:')}?${query}`;
  const database = openUrl(url, { idleTimeout: 5000 });
  onTestFinished(() => database.close());
  return database;
}

/** How many connections with TLS a server has had. */
async function encrypted(server: string): Promise<number> {
  const client = await connectClient(server);
  const [rows] = await client.query(`SHOW GLOBAL STATUS LIKE 'Ssl_finished_accepts'`);
  await client.end();
  return Number((rows as unknown[][])[0]?.[1]);
}

/** A server with that certificate; it may not read ours where it runs as another user. */
const serverWith = (certificate: string) => (directory: string) => {
  const copy = (name: string): string => {
    const place = path.join(directory, name);
    writeFileSync(place, readFileSync(file(name)), { mode: 0o644 });
    return place;
  };
  return [
    `--ssl-cert=${copy(`${certificate}.pem`)}`,
    `--ssl-key=${copy('server.key')}`,
    `--ssl-ca=${copy('authority.pem')}`,
    '--bind-address=0.0.0.0',
  ];
};

describe('TLS to MariaDB', () => {
  describeWithOwnServer('with a good certificate', serverWith('good'), (server) => {
    test.each([
      ['', 'localhost', true],
      ['ssl_mode=PREFERRED', '127.0.0.1', true],
      ['ssl_mode=REQUIRED', '127.0.0.1', true],
      ['ssl_disabled=true', '127.0.0.1', false],
      [ca, 'localhost', true],
      [ca, '127.0.0.1', true],
      [`${ca}&ssl_check_hostname=false`, '127.0.0.1', true],
    ])('%s is spoken: %s', async (query, host, isEncrypted) => {
      const before = await encrypted(server());
      await opened(server(), host, query).place();
      expect(await encrypted(server())).toBe(before + (isEncrypted ? 1 : 0));
    });

    test('is checked by authorities in a directory', async () => {
      const directory = mkdtempSync(path.join(tmpdir(), 'depot-capath-'));
      onTestFinished(() => rmSync(directory, { recursive: true }));
      mkdirSync(path.join(directory, 'more'));
      copyFileSync(file('authority.pem'), path.join(directory, '0a1b2c3d.0'));
      await opened(server(), 'localhost', `ssl_capath=${directory}`).place();
    });

    test('that nobody vouches for is refused where it is to be checked', async () => {
      const unknown = opened(server(), 'localhost', 'ssl_mode=VERIFY_CA');
      await expect(unknown.place()).rejects.toMatchObject({
        kind: 'unreachable',
        message: expect.stringMatching(/not signed by the authorities in ssl_ca$/),
        hint: expect.stringContaining('ssl_ca'),
      });
    });

    test('of an address that its certificate does not name is refused', async () => {
      await expect(opened(server(), '127.0.0.2', ca).place()).rejects.toMatchObject({
        kind: 'unreachable',
        message: expect.stringContaining('certificate is for another host'),
      });
    });

    test('carries bytes as they are, in both directions', async () => {
      const { url, remove } = await createDatabase(server());
      onTestFinished(remove);
      const database = opened(url, 'localhost', ca);
      await database.blobs.provision();
      const bytes = pattern(20_000_000);
      async function* chunks(): AsyncGenerator<Uint8Array> {
        for (let start = 0; start < bytes.byteLength; start += 700_000) {
          yield bytes.subarray(start, start + 700_000);
        }
      }
      const columns = { filename: 'a', contentType: 'text/plain', lastModified: null };
      const source = { chunks: chunks(), length: null };
      expect(await database.blobs.insert('x', columns, source)).toBe(bytes.byteLength);
      const [row] = await database.blobs.find('x');
      const found = await database.blobs.read(row?.id ?? 0);
      expect((await collected(found?.chunks ?? chunks())).equals(bytes)).toBe(true);
    });
  });

  describeWithOwnServer('with an expired certificate', serverWith('expired'), (server) => {
    test('is refused where it is to be checked', async () => {
      await expect(opened(server(), 'localhost', ca).place()).rejects.toMatchObject({
        kind: 'unreachable',
        message: expect.stringContaining('certificate has expired'),
      });
      await opened(server(), 'localhost', '').place();
    });
  });

  describeWithOwnServer(
    'with the certificate of another host',
    serverWith('elsewhere'),
    (server) => {
      test.each(['localhost', '127.0.0.1'])(
        'is refused where the name %s is checked',
        async (host) => {
          await expect(opened(server(), host, ca).place()).rejects.toMatchObject({
            kind: 'unreachable',
            message: expect.stringContaining('certificate is for another host'),
          });
          await opened(server(), host, `${ca}&ssl_check_hostname=false`).place();
        },
      );
    },
  );

  describeWithServer('mariadb', 'with a server that speaks none', (server) => {
    test('is done without, unless it is asked for', async () => {
      await opened(server, '127.0.0.1', '').place();
      await expect(opened(server, '127.0.0.1', 'ssl_mode=REQUIRED').place()).rejects.toMatchObject({
        kind: 'unreachable',
        message: expect.stringMatching(/it does not speak TLS$/),
      });
    });
  });
});
