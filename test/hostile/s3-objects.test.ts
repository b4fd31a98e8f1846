import { writeFileSync } from 'node:fs';
import path from 'node:path';
import {
  DeleteObjectCommand,
  PutObjectCommand,
  type PutObjectCommandInput,
} from '@aws-sdk/client-s3';
import { expect, onTestFinished, test } from 'vitest';
import { done, newDirectory, objects } from '../cli/depot.js';
import { describeWithServer } from '../servers/servers.js';
import { clientOf, newBucketAt, openBucket } from '../storages/s3-bucket.js';
import { runSound } from './sound.js';

const sound = { 'x-depot-filename': 'a.txt', 'x-depot-modified': '2026-01-02 03:04:05' };

/** Metadata, and what is to be made of it. */
const cases: readonly {
  readonly metadata: Record<string, string>;
  readonly object?: Partial<PutObjectCommandInput>;
  readonly filename?: string;
}[] = [
  { metadata: {}, filename: 'unnamed' },
  { metadata: { ...sound, 'x-depot-filename': '%FF%FE' }, filename: '\ufffd\ufffd' },
  { metadata: { ...sound, 'x-depot-filename': '%ZZ%' }, filename: '%ZZ%' },
  { metadata: { ...sound, 'x-depot-filename': '%1B%5B2J%0D%0A' }, filename: '\u001b[2J\r\n' },
  {
    metadata: { ...sound, 'x-depot-filename': '..%2F..%2Fetc%2Fpasswd' },
    filename: '../../etc/passwd',
  },
  { metadata: { ...sound, 'x-depot-filename': '%00' }, filename: '\0' },
  { metadata: { ...sound, 'x-depot-filename': '%E2%80%AEgnp.exe' }, filename: '\u202egnp.exe' },
  { metadata: { ...sound, other: 'x'.repeat(1500) } },
  { metadata: sound, object: { ContentType: 'no type' } },
  { metadata: sound, object: { ContentEncoding: 'gzip' } },
  { metadata: sound, object: { ContentDisposition: 'attachment; filename="../x"' } },
];

const unlistable = 'site/\u001b[2J';

/** Times that are none. */
const broken = ['garbage', '9999-99-99 00:00:00', '%1B[2J', '0'];

describeWithServer('s3', 'odd objects in S3', (url) => {
  test('are read as far as they say something, and told of by themselves', async () => {
    const settings = newBucketAt(url, { prefix: 'site/' });
    const opened = await openBucket(settings);
    onTestFinished(() => opened.close());
    const here = newDirectory();
    const storages = [
      { name: 'cloud', backend: 's3', ...settings },
      { name: 'files', backend: 'local', storage_path: '%(here)s/files' },
    ].map((one, index) =>
      Object.entries(one)
        .map(([key, value]) => `depot.${index}.${key} = ${value}\n`)
        .join(''),
    );
    writeFileSync(path.join(here, 'depot.ini'), `[depot]\n${storages.join('')}`, { mode: 0o600 });
    await done(here, ['storages', 'create', 'files']);

    const client = clientOf(settings);
    onTestFinished(() => client.destroy());
    const put = (Key: string, Metadata: Record<string, string>, object = {}) =>
      client.send(
        new PutObjectCommand({
          Bucket: settings.bucket,
          Key,
          Metadata,
          Body: 'content',
          ...object,
        }),
      );
    let number = 0;
    const idOf = (): string => `00000000-0000-4000-8000-${String(++number).padStart(12, '0')}`;
    const wanted = [];
    for (const { metadata, object, filename = 'a.txt' } of cases) {
      const id = idOf();
      await put(`site/${id}`, metadata, object);
      wanted.push({ id, filename });
    }
    const ids = [];
    for (const modified of broken) {
      const id = idOf();
      ids.push(id);
      await put(`site/${id}`, { ...sound, 'x-depot-modified': modified });
    }
    for (const key of ['site/', 'site/sub/x', 'site/no-identifier', unlistable, 'elsewhere']) {
      await put(key, sound);
    }

    const listed = await runSound(here, ['--json', 'list', 'cloud', '-l']);
    const found = new Map(objects(listed.out).map((one) => [one.id, one]));
    for (const { id, filename } of wanted) {
      expect(found.get(id)).toMatchObject({ filename, content_length: 7 });
    }
    for (const id of ids) expect(found.get(id)).toMatchObject({ last_modified: null });
    for (const args of [['list', 'cloud', '-l'], ['du'], ['check'], ['check', '--deep']]) {
      await runSound(here, args);
    }
    const copied = await runSound(here, ['copy', '--from', 'cloud', '--to', 'files']);
    expect(copied.out).toMatch(new RegExp(`^Copied ${cases.length + broken.length} blobs `));
    // The list in XML has no way to say this name, so nobody else would remove it.
    await client.send(new DeleteObjectCommand({ Bucket: settings.bucket, Key: unlistable }));
  });
});
