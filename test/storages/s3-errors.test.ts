import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { Backend } from '../../src/backend.js';
import { Storage } from '../../src/storage.js';
import { chunksOf, contentOf, listed } from '../conformance/harness.js';
import { findBinary } from '../servers/binaries.js';
import { describeWithServer } from '../servers/servers.js';
import { newBucketAt, openBucket, openTestS3 } from './s3-bucket.js';

/** Every way in which a storage is first touched. */
const touches: Readonly<Record<string, (storage: Storage) => Promise<unknown>>> = {
  ping: ({ backend }) => backend.ping(),
  info: (storage) => storage.info(storage.backend.newId()),
  read: (storage) => storage.read(storage.backend.newId()),
  create: (storage) => storage.create(chunksOf('x')),
  replace: (storage) => storage.replace(storage.backend.newId(), chunksOf('x')),
  delete: (storage) => storage.delete(storage.backend.newId()),
  list: (storage) => listed(storage),
};

function storageOf(backend: Backend): Storage {
  onTestFinished(() => backend.close());
  return new Storage('cloud', 's3', backend);
}

describeWithServer('s3', 'an S3 storage that cannot be used', (url) => {
  const cases = [
    { name: 'a missing bucket', settings: {}, says: /: there is no such bucket$/ },
    {
      name: 'an unknown key',
      settings: { access_key_id: 'nobody' },
      says: /: it does not know the access key$/,
    },
    {
      name: 'a wrong secret',
      settings: { secret_access_key: 'not-the-secret' },
      says: /: the secret does not belong to the access key$/,
    },
  ];
  const each = cases.flatMap((one) => Object.keys(touches).map((touch) => ({ ...one, touch })));

  test.each(each)('says of $name: $touch', async ({ settings, says, touch }) => {
    const storage = storageOf(await openTestS3(newBucketAt(url, settings)));
    const touched = (touches[touch] as (storage: Storage) => Promise<unknown>)(storage);
    await expect(touched).rejects.toMatchObject({
      kind: 'unreachable',
      message: expect.stringMatching(says),
      hint: expect.stringMatching(/\.$|NAME$/),
    });
  });

  test('says where a name is no bucket’s', async () => {
    const storage = storageOf(await openTestS3(newBucketAt(url, { bucket: 'No_Bucket!' })));
    await expect(storage.backend.ping()).rejects.toMatchObject({ kind: 'config' });
  });

  test('a key that may only read lists, gets and looks, and is told that it may not write', async ({
    skip,
  }) => {
    const mc = findBinary('mc');
    if (mc === null) skip('no mc to make such a key with');
    const own = newBucketAt(url, { prefix: 'site/' });
    const opened = await openBucket(own);
    onTestFinished(() => opened.close());
    const { id } = await new Storage('cloud', 's3', opened.backend).create(chunksOf('content'));
    const user = `reader-${own.bucket}`;
    const directory = mkdtempSync(path.join(tmpdir(), 'depot-mc-'));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    const run = (...args: string[]): void =>
      void execFileSync(mc as string, ['--quiet', '--config-dir', directory, ...args], {
        stdio: ['ignore', 'ignore', 'pipe'],
      });
    const policy = path.join(directory, 'policy.json');
    const allow = (Action: string[], Resource: string) => ({ Effect: 'Allow', Action, Resource });
    const Statement = [
      allow(['s3:GetObject'], `arn:aws:s3:::${own.bucket}/site/*`),
      allow(['s3:ListBucket'], `arn:aws:s3:::${own.bucket}`),
    ];
    writeFileSync(policy, JSON.stringify({ Version: '2012-10-17', Statement }));
    run('alias', 'set', 'server', own.endpoint_url, own.access_key_id, own.secret_access_key);
    run('admin', 'user', 'add', 'server', user, 'secret-of-the-reader');
    run('admin', 'policy', 'create', 'server', user, policy);
    onTestFinished(() => {
      run('admin', 'user', 'remove', 'server', user);
      run('admin', 'policy', 'remove', 'server', user);
    });
    run('admin', 'policy', 'attach', 'server', user, '--user', user);

    const key = { access_key_id: user, secret_access_key: 'secret-of-the-reader' };
    const reader = storageOf(await openTestS3({ ...own, ...key }));
    await reader.backend.ping();
    expect(await listed(reader)).toEqual([id]);
    expect((await reader.info(id)).contentLength).toBe(7);
    expect(await contentOf(reader, id)).toBe('content');
    expect(await reader.find(reader.backend.newId())).toBeNull();
    const denied = { kind: 'unreachable', message: expect.stringMatching(/: access is denied$/) };
    await expect(reader.create(chunksOf('x'))).rejects.toMatchObject(denied);
    await expect(reader.create(chunksOf(Buffer.alloc(20_000_000)))).rejects.toMatchObject(denied);
    await expect(reader.replace(id, chunksOf('x'))).rejects.toMatchObject(denied);
    await expect(reader.delete(id)).rejects.toMatchObject(denied);
    expect(await contentOf(reader, id)).toBe('content');
  });
});

/** A service that gives one answer to all. */
async function answering(status: number, code: string, rest = ''): Promise<string> {
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      const body = `<Error><Code>${code}</Code><Message>no</Message>${rest}</Error>`;
      response.writeHead(status, { 'content-type': 'application/xml' }).end(body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return `http://key:secret@127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test.each([
  { status: 403, code: 'RequestTimeTooSkewed', kind: 'unreachable', says: /the clocks here and/ },
  { status: 400, code: 'ExpiredToken', kind: 'unreachable', says: /credentials have expired$/ },
  { status: 301, code: 'PermanentRedirect', kind: 'unreachable', says: /in another region, or at/ },
  {
    status: 400,
    code: 'AuthorizationHeaderMalformed',
    rest: '<Region>eu-west-1</Region>',
    kind: 'unreachable',
    says: /in another region: eu-west-1$/,
  },
  {
    status: 400,
    code: 'AccessControlListNotSupported',
    kind: 'config',
    says: /access control lists disabled$/,
  },
  { status: 507, code: 'XMinioStorageFull', kind: 'failed', says: /no space left there$/ },
  { status: 418, code: 'Odd', kind: 'failed', says: /it answers Odd \(no\)$/ },
])('a service that answers $code is explained', async ({ status, code, rest, kind, says }) => {
  const url = await answering(status, code, rest);
  const storage = storageOf(await openTestS3(newBucketAt(url)));
  const error = await storage.create(chunksOf('x')).catch((one: unknown) => one);
  expect(error).toMatchObject({ kind, message: expect.stringMatching(says) });
});

test.each([
  { settings: { secret_access_key: undefined }, says: 'secret_access_key is missing' },
  { settings: { access_key_id: undefined }, says: 'access_key_id is missing' },
  { settings: { host: 'other.example' }, says: 'endpoint_url and host are given' },
  { settings: { endpoint_url: 'no url' }, says: 'endpoint_url is no address of a service' },
  { settings: { endpoint_url: undefined, host: 'https://x' }, says: 'host is no address' },
  {
    settings: { bucket: undefined, access_key_id: undefined, secret_access_key: undefined },
    says: 'the option bucket is missing',
  },
])('options that do not fit are wrong configuration: $says', async ({ settings, says }) => {
  const all = { ...newBucketAt('http://key:secret@127.0.0.1:9'), ...settings };
  await expect(openTestS3(all)).rejects.toMatchObject({
    kind: 'config',
    message: expect.stringContaining(says),
  });
});

test('the bucket is by default the one that Python takes', async () => {
  const { bucket: _, ...settings } = newBucketAt('http://KeyOfMine:secret@127.0.0.1:9');
  const storage = storageOf(await openTestS3(settings));
  expect((await storage.place()).description).toContain('filedepot-keyofmine');
});

test('a storage without a policy is read, and says what to add before it is written to', async () => {
  const { policy: _, ...settings } = newBucketAt('http://key:secret@127.0.0.1:9');
  const storage = storageOf(await openTestS3(settings));
  await expect(storage.create(chunksOf('x'))).rejects.toMatchObject({
    kind: 'config',
    hint: 'Add the line "kotti.depot.1.policy = private", or "kotti.depot.1.policy = public-read" for everybody.',
  });
});

test('a service that falls silent is given up', async () => {
  const server = createServer(() => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.closeAllConnections());
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const retries: unknown[] = [];
  const backend = await openTestS3(newBucketAt(`http://key:secret@127.0.0.1:${port}`), {
    idleTimeout: 300,
    retried: () => void retries.push(null),
  });
  const storage = storageOf(backend);
  for (const touch of Object.values(touches)) {
    await expect(touch(storage)).rejects.toMatchObject({
      kind: 'unreachable',
      message: expect.stringMatching(/: it does not answer$/),
    });
  }
  expect(retries).toEqual([]);
});
