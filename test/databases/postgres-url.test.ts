import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { parseSqlalchemyUrl } from '../../src/config/sqlalchemy-url.js';
import { findPassword, passwordFor } from '../../src/databases/postgres-password.js';
import {
  describeDatabase,
  type PostgresSettings,
  postgresSettings,
} from '../../src/databases/postgres-url.js';

function settings(url: string, env: NodeJS.ProcessEnv = {}): PostgresSettings {
  const surroundings = { env, userName: 'crane', home: '/home/crane' };
  return postgresSettings(parseSqlalchemyUrl(url), surroundings);
}

const host = (name: string, port = 5432, address: string | null = null) => ({
  host: name,
  address,
  port,
});

describe('the URL of a PostgreSQL database', () => {
  test.each([
    ['postgresql://quay:secret@db.example:5433/dock', [host('db.example', 5433)]],
    ['postgresql+psycopg2://quay:secret@db.example/dock', [host('db.example')]],
    ['postgresql://quay:secret@[::1]:5433/dock', [host('::1', 5433)]],
    ['postgresql://quay:secret@/dock', [host('/var/run/postgresql')]],
    ['postgresql://quay:secret@:5433/dock', [host('/var/run/postgresql', 5433)]],
    ['postgresql://quay:secret@/dock?host=/run/pg&port=5433', [host('/run/pg', 5433)]],
    ['postgresql://quay:secret@wrong:1/dock?host=right&port=2', [host('right', 2)]],
    ['postgresql+pg8000://quay:secret@/dock?unix_sock=/run/.s.PGSQL.5433', [host('/run', 5433)]],
    ['postgresql://quay:secret@/dock?host=h1:5433&host=h2', [host('h1', 5433), host('h2')]],
    ['postgresql://quay:secret@/dock?host=h1,h2&port=1,2', [host('h1', 1), host('h2', 2)]],
    ['postgresql://quay:secret@/dock?host=h1,h2&port=7', [host('h1', 7), host('h2', 7)]],
    ['postgresql://quay:secret@db/dock?hostaddr=10.0.0.1', [host('db', 5432, '10.0.0.1')]],
    ['postgresql:///dock?user=quay&password=secret&host=db', [host('db')]],
  ])('%s names hosts, user and database', (url, hosts) => {
    const found = settings(url);
    expect(found).toMatchObject({ hosts, user: 'quay', password: 'secret', database: 'dock' });
    expect(describeDatabase(found)).not.toContain('secret');
  });

  test('leaves the rest to the environment, and that to who runs it', () => {
    const env = { PGHOST: 'env', PGPORT: '7', PGUSER: 'u', PGPASSWORD: 'p', PGDATABASE: 'd' };
    expect(settings('postgresql://', env)).toMatchObject({
      hosts: [host('env', 7)],
      ...{ user: 'u', password: 'p', database: 'd' },
    });
    expect(settings('postgresql://quay:secret@db/dock', env)).toMatchObject({
      hosts: [host('db', 7)],
      ...{ user: 'quay', password: 'secret', database: 'dock' },
    });
    expect(settings('postgresql://')).toMatchObject({
      ...{ user: 'crane', password: null, database: 'crane' },
      passwordFile: '/home/crane/.pgpass',
    });
    expect(settings('postgresql://db')).toMatchObject({ database: 'crane' });
    expect(settings('postgresql://quay:@db')).toMatchObject({ user: 'quay', password: null });
  });

  test('has the options of libpq', () => {
    const all = new URLSearchParams({
      sslmode: 'verify-full',
      sslrootcert: '/ca',
      sslcert: '/cert',
      sslkey: '/key',
      sslcrl: '/crl',
      sslpassword: 'hidden',
      ssl_min_protocol_version: 'TLSv1.3',
      connect_timeout: '10',
      options: '-c search_path=site',
      application_name: 'ours',
      target_session_attrs: 'read-write',
      client_encoding: 'utf8',
      keepalives_idle: '30',
    });
    expect(settings(`postgresql://db/dock?${all}`)).toMatchObject({
      tls: {
        mode: 'verify-full',
        rootCertificate: '/ca',
        certificate: '/cert',
        key: '/key',
        revoked: '/crl',
        keyPassword: 'hidden',
        minVersion: 'TLSv1.3',
      },
      connectTimeout: 10,
      options: '-c search_path=site',
      applicationName: 'ours',
      sessionAttributes: 'read-write',
    });
    expect(settings('postgresql://db/dock')).toMatchObject({
      tls: { mode: 'prefer', rootCertificate: null },
      connectTimeout: null,
      sessionAttributes: 'any',
    });
    expect(settings('postgresql+asyncpg://db/dock?ssl=require').tls.mode).toBe('require');
    expect(settings('postgresql://db?sslrootcert=system').tls.mode).toBe('verify-full');
    expect(settings('postgresql://db?connect_timeout=0').connectTimeout).toBeNull();
    expect(settings('postgresql://db?connect_timeout=1').connectTimeout).toBe(2);
  });

  test.each([
    ['postgresql://db?sslmod=require', /unknown option sslmod$/],
    ['postgresql://db?sslmode=yes', /sslmode is "yes"$/],
    ['postgresql://db?sslmode=require&sslmode=disable', /sslmode is there more than once/],
    ['postgresql://db?sslrootcert=system&sslmode=require', /needs sslmode=verify-full/],
    ['postgresql://db?sslnegotiation=direct', /needs sslmode=require/],
    ['postgresql://db?port=x', /"x" is no port/],
    ['postgresql://db:99999/dock', /"99999" is no port/],
    ['postgresql:///dock?host=a,b,c&port=1,2', /3 hosts and 2 ports/],
    ['postgresql:///dock?host=a,b&hostaddr=::1', /2 hosts and 1 values in hostaddr/],
    ['postgresql://db?connect_timeout=soon', /connect_timeout is no number/],
    ['postgresql://db?target_session_attrs=master', /target_session_attrs is "master"/],
    ['postgresql://db?service=site', /service files .* are not supported/],
    ['postgresql://db?gssencmode=require', /gssencmode=require is not supported/],
    ['postgresql://db?channel_binding=require', /channel_binding=require is not supported/],
  ])('%s is refused', (url, message) => {
    const withSecret = url.replace('//', '//quay:very-secret@');
    expect(() => settings(withSecret)).toThrow(
      expect.objectContaining({ kind: 'config', message: expect.stringMatching(message) }),
    );
    expect(() => settings(withSecret)).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('very-secret') }),
    );
  });

  test('is shown without a secret, and alike for all ways to say the same', () => {
    const shown = (url: string): string => describeDatabase(settings(url));
    expect(shown('postgresql://quay:secret@db.example/dock')).toBe(
      'postgresql://db.example:5432/dock',
    );
    expect(shown('postgresql+pg8000:///dock?host=db.example&port=5432&user=x')).toBe(
      'postgresql://db.example:5432/dock',
    );
    expect(shown('postgresql://u:p@[::1]/dock')).toBe('postgresql://[::1]:5432/dock');
    expect(shown('postgresql://u:p@/dock')).toBe(
      'postgresql:///dock?host=/var/run/postgresql:5432',
    );
    expect(shown('postgresql:///dock?host=h1:1&host=h2:2')).toBe('postgresql://h1:1,h2:2/dock');
  });
});

describe('a password file', () => {
  const text = [
    '# comment:5432:dock:quay:wrong',
    'db.example:5432:dock:other:wrong',
    'db\\:1:5432:dock:quay:colon',
    '*:5433:*:quay:any\\:where\\\\',
    'db.example:5432:dock:quay:a:b c ',
    'db.example:5432:dock:quay:second',
    '\\*:5432:dock:quay:star',
    'localhost:5432:dock:quay:socket',
    'short:line',
  ].join('\n');

  test.each([
    [['db.example', '5432', 'dock', 'quay'], 'a:b c '],
    [['db:1', '5432', 'dock', 'quay'], 'colon'],
    [['x', '5433', 'y', 'quay'], 'any:where\\'],
    [['*', '5432', 'dock', 'quay'], 'star'],
    [['x', '5432', 'dock', 'quay'], null],
  ])('has for %j the password %j', (wanted, password) => {
    expect(findPassword(text, wanted)).toBe(password);
  });

  test('is read where the URL has none, unless others may read it', async () => {
    const directory = mkdtempSync(path.join(tmpdir(), 'depot-password-'));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    const file = path.join(directory, 'pgpass');
    writeFileSync(file, text, { mode: 0o600 });
    const env = { PGPASSFILE: file };
    const password = (url: string): Promise<string | null> => {
      const found = settings(url, env);
      return passwordFor(found, found.hosts[0] ?? expect.unreachable());
    };
    expect(await password('postgresql://quay@db.example/dock')).toBe('a:b c ');
    expect(await password('postgresql://quay@/dock')).toBe('socket');
    expect(await password('postgresql://quay:own@db.example/dock')).toBe('own');
    chmodSync(file, 0o644);
    expect(await password('postgresql://quay@db.example/dock')).toBeNull();
    rmSync(file);
    expect(await password('postgresql://quay@db.example/dock')).toBeNull();
  });
});
