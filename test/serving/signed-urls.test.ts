import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Storage as GoogleStorage } from '@google-cloud/storage';
import { describe, expect, onTestFinished, test } from 'vitest';
import { signedUrl } from '../../src/backends/gcs-signed-url.js';
import { configurationOf, createFetchHandler, Manager } from '../../src/index.js';
import { describeWithServer } from '../servers/servers.js';
import * as gcs from '../storages/gcs-bucket.js';
import * as s3 from '../storages/s3-bucket.js';

const filename = 'the "Alba" & 100% ü.html';

/** A manager with the storage `cloud`, and what asks its server. */
function serve(
  backend: string,
  options: Readonly<Record<string, string | undefined>>,
): { manager: Manager; ask: (path: string, init?: RequestInit) => Promise<Response> } {
  const storages = { cloud: { backend, ...options } };
  const manager = new Manager(
    configurationOf({ storages } as Parameters<typeof configurationOf>[0]),
  );
  onTestFinished(() => manager.close());
  const handle = createFetchHandler(manager);
  const ask = (target: string, init?: RequestInit): Promise<Response> =>
    handle(new Request(`http://site.example${target}`, init));
  return { manager, ask };
}

/** The file of a service account's key. */
function newKeyFile(account: object): string {
  const directory = mkdtempSync(path.join(tmpdir(), 'depot-signing-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const file = path.join(directory, 'key.json');
  writeFileSync(file, JSON.stringify(account));
  return file;
}

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const account = {
  type: 'service_account' as const,
  client_email: 'depot@project.iam.gserviceaccount.com',
  private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
};

describeWithServer('s3', 'a private S3 storage that signs URLs', (url) => {
  async function open() {
    const settings = s3.newBucketAt(url, { prefix: 'a b/' });
    const bucket = await s3.openBucket(settings);
    onTestFinished(() => bucket.close());
    const served = serve('s3', { ...settings, signed_url_seconds: '300' } as Record<
      string,
      string
    >);
    const { id } = await served.manager.store(Buffer.from('0123456789'), { filename });
    return { ...served, id, target: `/depot/cloud/${id}` };
  }

  test('sends visitors to the service, which gives the blob with safe headers', async () => {
    const { ask, target } = await open();
    const answer = await ask(target);
    expect(answer.status).toBe(302);
    expect(answer.headers.get('cache-control')).toBe('private, no-store');
    expect(answer.headers.get('referrer-policy')).toBe('no-referrer');
    const location = new URL(answer.headers.get('location') as string);
    expect(location.searchParams.get('X-Amz-Expires')).toBe('300');
    const given = await fetch(location);
    expect([given.status, await given.text()]).toEqual([200, '0123456789']);
    expect(given.headers.get('content-type')).toBe('text/html');
    expect(given.headers.get('content-disposition')).toBe(
      `attachment;filename="the _Alba_ & 100% u.html";filename*=utf-8''the%20%22Alba%22%20&%20100%25%20%C3%BC.html`,
    );
    const part = await fetch(location, { headers: { Range: 'bytes=-3' } });
    expect([part.status, await part.text()]).toEqual([206, '789']);
  });

  test('of what it signs nothing can be changed', async () => {
    const { ask, target, id } = await open();
    const location = (await ask(`${target}/download`)).headers.get('location') as string;
    expect((await fetch(location)).status).toBe(200);
    const wrong = [
      location.split('?')[0] as string,
      location.replace('attachment', 'inline'),
      location.replace('Expires=300', 'Expires=3000'),
      location.replace(
        id,
        id.replace(/.$/, (last) => (last === '0' ? '1' : '0')),
      ),
    ];
    for (const each of wrong) {
      expect(each).not.toBe(location);
      expect((await fetch(each)).status).toBe(403);
    }
    expect((await fetch(location, { method: 'DELETE' })).status).toBe(403);
  });

  test('a HEAD, and what is not there, it answers itself', async () => {
    const { ask, target, id } = await open();
    const head = await ask(target, { method: 'HEAD' });
    expect([head.status, head.headers.get('content-length')]).toEqual([200, '10']);
    const absent = id.replace(/.$/, (last) => (last === '0' ? '1' : '0'));
    expect((await ask(`/depot/cloud/${absent}`)).status).toBe(404);
    expect((await ask('/depot/cloud/x')).status).toBe(404);
  });
});

describeWithServer('gcs', 'a private Google storage that signs URLs', (url) => {
  test('sends visitors to the service, which gives the blob', async () => {
    const settings = gcs.newBucketAt(url, { prefix: 'a b/' });
    const bucket = await gcs.openBucket(settings);
    onTestFinished(() => bucket.close());
    const { manager, ask } = serve('gcs', settings as unknown as Record<string, string>);
    const { id } = await manager.store(Buffer.from('0123456789'), { filename });
    expect((await ask(`/depot/cloud/${id}`)).status).toBe(200);
    const signing = { ...settings, credentials: newKeyFile(account), signed_url_seconds: '60' };
    const signer = serve('gcs', signing as unknown as Record<string, string>).manager;
    const headers = { contentType: 'text/plain', contentDisposition: 'inline' };
    const signed = await (await signer.storage()).signedUrl(id, headers);
    const given = await fetch(signed as string);
    expect([given.status, await given.text()]).toEqual([200, '0123456789']);
  });
});

test("what signs for Google signs as Google's own library", async () => {
  const now = new Date(Math.floor(Date.now() / 1000) * 1000);
  const [bucketName, name] = ['files', "a b/ü+'(1)!*"];
  const google = new GoogleStorage({ credentials: account, projectId: 'p' });
  const [expected] = await google
    .bucket(bucketName)
    .file(name)
    .getSignedUrl({
      version: 'v4',
      action: 'read',
      accessibleAt: now,
      expires: now.getTime() + 300_000,
      responseType: 'text/html; charset=utf-8',
      responseDisposition: `attachment;filename="a_b.html";filename*=utf-8''a%22b!*'().html`,
    });
  const place = { service: 'https://storage.googleapis.com', bucketName, name };
  const headers = {
    contentType: 'text/html; charset=utf-8',
    contentDisposition: `attachment;filename="a_b.html";filename*=utf-8''a%22b!*'().html`,
  };
  const ours = signedUrl(place, headers, { account, seconds: 300, now });
  const [one, other] = [new URL(ours), new URL(expected)];
  expect(decodeURIComponent(one.pathname)).toBe(decodeURIComponent(other.pathname));
  expect(Object.fromEntries(one.searchParams)).toEqual(Object.fromEntries(other.searchParams));
});

describe('settings that cannot be meant', () => {
  const cloud = { bucket: 'files', policy: 'private' };
  const cases: [string, string, Record<string, string>, RegExp][] = [
    [
      'no number',
      's3',
      { ...cloud, signed_url_seconds: 'x' },
      /it must be a whole number of seconds$/,
    ],
    [
      'none at all',
      's3',
      { ...cloud, signed_url_seconds: '0' },
      /it must be a whole number of seconds$/,
    ],
    ['too long', 's3', { ...cloud, signed_url_seconds: '604801' }, /seven days$/],
    [
      ...['public', 's3'],
      { ...cloud, policy: 'public-read', signed_url_seconds: '60' },
      /storage cloud is public and needs no signed URLs$/,
    ] as never,
    ['no key', 'gcs', { ...cloud, signed_url_seconds: '60' }, /has no key to sign URLs with$/],
  ];
  test.each(cases)('%s', async (_name, backend, options, message) => {
    const { manager } = serve(backend, options);
    await expect(manager.storage()).rejects.toMatchObject({
      kind: 'config',
      message: expect.stringMatching(message),
    });
  });
});
