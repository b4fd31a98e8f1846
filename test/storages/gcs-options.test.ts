import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import type { Backend } from '../../src/backend.js';
import { DepotError } from '../../src/errors.js';
import { openBackend } from '../../src/registry.js';
import { Storage } from '../../src/storage.js';
import { chunksOf } from '../conformance/harness.js';

const id = '3c1b9742-f338-4dcf-a812-e60d74b46c69';

/** Opens a storage as a configuration gives it. */
async function open(options: Record<string, string>, directory = '/site'): Promise<Backend> {
  const settings = Object.entries(options).map(([option, value]) => {
    const key = `kotti.depot.1.${option}`;
    const origin = { file: `${directory}/site.ini`, line: 7, section: 'app:main', key };
    return [option, { value, origin }] as const;
  });
  return openBackend('gcs', new Map(settings), {
    ...{ name: 'cloud', directory, timezone: undefined, idleTimeout: 1000 },
    where: `${directory}/site.ini line 5 [app:main] kotti.depot.1.name`,
    notice() {},
    retried() {},
    applicationDatabase: () => Promise.reject(new Error('none')),
  });
}

async function errorOf(promise: Promise<unknown>): Promise<DepotError> {
  const error = await promise.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(DepotError);
  return error as DepotError;
}

function directory(): string {
  const made = mkdtempSync(path.join(tmpdir(), 'depot-gcs-'));
  onTestFinished(() => rmSync(made, { recursive: true }));
  return made;
}

afterEach(() => {
  vi.unstubAllEnvs();
});

describe('policy', () => {
  test('without one nothing is written, and the line to add is said', async () => {
    const storage = new Storage('cloud', 'gcs', await open({ bucket: 'b' }));
    const { kind, message, hint } = await errorOf(storage.create(chunksOf('x')));
    expect(kind).toBe('config');
    expect(message).toContain('/site/site.ini line 5 [app:main]');
    expect(hint).toContain('"kotti.depot.1.policy = private"');
    expect(hint).toContain('"kotti.depot.1.policy = public-read"');
    expect(storage.publicUrl(id)).toBeNull();
    expect(storage.backend.deniesVisitors).toBe(false);
  });

  test('private: nobody has a URL for the blob', async () => {
    const backend = await open({ bucket: 'b', policy: 'private' });
    expect(backend.readOnly).toBeUndefined();
    expect(backend.deniesVisitors).toBe(true);
    expect(backend.publicUrl(id)).toBeNull();
  });

  test.each([
    ['', id, `https://storage.googleapis.com/b/${id}`],
    ['site/', id, `https://storage.googleapis.com/b/site/${id}`],
    ["a~ü (1)!'*%", id, `https://storage.googleapis.com/b/a~%C3%BC%20%281%29%21%27%2A%25${id}`],
    ['', `urn:uuid:${id}`, `https://storage.googleapis.com/b/urn%3Auuid%3A${id}`],
  ])('public-read with the prefix %j: the URL of %s is Python’s', async (prefix, blob, url) => {
    const backend = await open({ bucket: 'b', policy: 'public-read', prefix });
    expect(backend.deniesVisitors).toBe(false);
    expect(backend.publicUrl(blob)).toBe(url);
  });

  test('is one of the two', async () => {
    const { kind, message } = await errorOf(open({ bucket: 'b', policy: 'public' }));
    expect(kind).toBe('config');
    expect(message).toMatch(
      /line 7 \[app:main\] kotti\.depot\.1\.policy: .*private or public-read/,
    );
  });
});

describe('credentials', () => {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const secret = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();

  test.each([
    ['a file that is not there', null, 'it does not exist'],
    ['no JSON', `{"private_key": "${secret}`, 'it is no JSON'],
    ['a list', '[]', 'it has no client_email'],
    ['a number', '1', 'it is no JSON object'],
    ['no key', '{"client_email": "a@b"}', 'it has no private_key'],
    ['no account', JSON.stringify({ private_key: secret }), 'it has no client_email'],
    ['an empty key', '{"client_email": "a@b", "private_key": ""}', 'it has no private_key'],
  ])('%s: a clear error that does not show the content', async (_name, text, why) => {
    const made = directory();
    if (text !== null) writeFileSync(path.join(made, 'key.json'), text);
    const options = { bucket: 'b', policy: 'private', credentials: 'key.json' };
    const { kind, message, hint = '', cause } = await errorOf(open(options, made));
    expect(kind).toBe('config');
    const where = `${made}/site.ini line 5 [app:main] kotti.depot.1.name: credentials: ${made}/key.json`;
    expect(message).toBe(`${where}: ${why}`);
    expect(`${message}${hint}`).not.toContain('PRIVATE');
    expect(cause).toBeUndefined();
  });

  test('a directory is none', async () => {
    const { kind, message } = await errorOf(open({ bucket: 'b', credentials: '.' }, directory()));
    expect(kind).toBe('config');
    expect(message).toMatch(/credentials: .*: it is a directory$/);
  });

  test('a key that is none is said when it is used', async () => {
    const made = directory();
    const account = { client_email: 'a@b', private_key: 'not a key' };
    writeFileSync(path.join(made, 'key.json'), JSON.stringify(account));
    const backend = await open({ bucket: 'b', credentials: 'key.json' }, made);
    const { kind, message } = await errorOf(backend.ping());
    expect(kind).toBe('config');
    expect(message).toMatch(/private_key is no private key$/);
  });

  test.each([
    ['not there', null],
    ['no JSON', '{"private_key": "secret-of-mine'],
    ['no JSON at all', 'secret-of-mine'],
  ])('a file in the environment that is %s is said when it is used', async (_name, text) => {
    const file = path.join(directory(), 'key.json');
    if (text !== null) writeFileSync(file, text);
    vi.stubEnv('GOOGLE_APPLICATION_CREDENTIALS', file);
    const backend = await open({ bucket: 'b' });
    const { kind, message, hint, cause } = await errorOf(backend.ping());
    expect(kind).toBe('config');
    expect(message).toContain(`${file}: it cannot be read as credentials`);
    expect(hint).toContain('GOOGLE_APPLICATION_CREDENTIALS');
    expect(`${message}${String(cause)}`).not.toContain('secret');
  });
});

describe('place', () => {
  const place = async (options: Record<string, string>) =>
    (await open({ bucket: 'b', ...options })).place();

  test('is bucket and prefix, within each shorter prefix', async () => {
    const [root, a, ab] = [
      await place({}),
      await place({ prefix: 'a' }),
      await place({ prefix: 'ab' }),
    ];
    expect(ab.within).toEqual([root.identity, a.identity]);
    expect(a.within).toEqual([root.identity]);
    expect(root.within).toEqual([]);
    expect(new Set([root, a, ab].map(({ identity }) => identity)).size).toBe(3);
    expect(root.identity).not.toBe((await place({ bucket: 'c' })).identity);
    expect(ab.description).toBe('gs://b/ab');
  });

  test('is one, by whatever name of the service, whoever asks', async () => {
    const { identity } = await place({});
    for (const api_endpoint of [
      'https://storage.googleapis.com',
      'https://storage.googleapis.com/',
      'storage.googleapis.com',
      'https://restricted.googleapis.com',
    ]) {
      expect((await place({ api_endpoint, policy: 'private' })).identity).toBe(identity);
    }
    expect((await place({ api_endpoint: 'http://127.0.0.1:4443' })).identity).not.toBe(identity);
    expect((await place({ api_endpoint: 'https://googleapis.com.example.org' })).identity).not.toBe(
      identity,
    );
  });

  test('is where STORAGE_EMULATOR_HOST says, unless api_endpoint does', async () => {
    const emulator = await place({ api_endpoint: 'http://127.0.0.1:4443' });
    vi.stubEnv('STORAGE_EMULATOR_HOST', 'http://127.0.0.1:4443');
    expect(await place({})).toEqual(emulator);
    expect((await place({ api_endpoint: 'http://127.0.0.1:9' })).identity).not.toBe(
      emulator.identity,
    );
  });

  test.each(['ftp://host', 'http://', 'not a URL'])('cannot be at %j', async (api_endpoint) => {
    const { kind, message } = await errorOf(open({ bucket: 'b', api_endpoint }));
    expect(kind).toBe('config');
    expect(message).toMatch(/line 5 .*: api_endpoint is no URL$/);
  });
});

test('a bucket must be named, as in Python', async () => {
  const { kind, message } = await errorOf(open({ policy: 'private' }));
  expect(kind).toBe('config');
  expect(message).toMatch(/storage cloud needs the option bucket$/);
});

test('an identifier is one that Python takes and a name can hold', async () => {
  const backend = await open({ bucket: 'b', prefix: 'ü'.repeat(494) });
  expect(backend.acceptsId(id)).toBe(true);
  expect(backend.acceptsId(`urn:uuid:${id}`)).toBe(false);
  const short = await open({ bucket: 'b' });
  expect(short.acceptsId(`urn:uuid:${id}`)).toBe(true);
  expect(short.acceptsId(`${'\r'}${id.slice(1)}`)).toBe(false);
  expect(short.newId()).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4/);
});
