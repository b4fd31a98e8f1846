import { createHash } from 'node:crypto';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { openLocal } from '../../src/backends/local.js';
import { Storage } from '../../src/storage.js';
import { formatIso, parseUtc } from '../../src/time.js';
import { chunksOf, collected, contentOf, listed } from '../conformance/harness.js';

const fixtures = path.resolve(import.meta.dirname, '../../fixtures');

async function expected<T>(file: string): Promise<T> {
  return JSON.parse(await readFile(path.join(fixtures, file), 'utf8')) as T;
}

async function temporaryDirectory(): Promise<string> {
  const directory = await mkdtemp(path.join(tmpdir(), 'depot-local-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

interface Stored {
  readonly id: string;
  readonly filename: string;
  readonly content_type: string;
  readonly content_length: number;
  readonly last_modified: string;
  readonly sha256: string;
  readonly metadata_raw: string;
}

test('reads what LocalFileStorage wrote as Python does, and lists it', async () => {
  const storage = new Storage('local', 'local', openLocal(path.join(fixtures, 'local/store')));
  const blobs = await expected<Stored[]>('local/expected.json');
  for (const blob of blobs) {
    const { info, sha256 } = await storage.hash(blob.id);
    expect({ ...info, sha256 }).toMatchObject({
      filename: blob.filename,
      contentType: blob.content_type,
      contentLength: blob.content_length,
      lastModified: parseUtc(blob.last_modified),
      sha256: blob.sha256,
    });
  }
  expect((await listed(storage)).sort()).toEqual(blobs.map(({ id }) => id).sort());
});

test('writes metadata.json byte for byte as Python does', async () => {
  const directory = await temporaryDirectory();
  const storage = new Storage('local', 'local', openLocal(directory));
  for (const blob of await expected<Stored[]>('local/expected.json')) {
    await storage.create(chunksOf(Buffer.alloc(blob.content_length)), {
      id: blob.id,
      filename: blob.filename,
      contentType: blob.content_type,
      lastModified: parseUtc(blob.last_modified),
    });
    const written = await readFile(path.join(directory, blob.id, 'metadata.json'), 'utf8');
    expect(written).toBe(blob.metadata_raw);
    expect((await readdir(path.join(directory, blob.id))).sort()).toEqual([
      'file',
      'metadata.json',
    ]);
  }
});

interface Odd {
  readonly entry: string;
  readonly case: string;
  readonly filename?: string | null;
  readonly content_type?: string | null;
  readonly content_length?: number | string | null;
  readonly last_modified?: string | null;
  readonly sha256?: string;
  readonly read_error?: string;
  readonly get_error?: string;
  readonly exists_error?: string;
}

/** What Python cannot read, and we can, since the blob itself is sound. */
const lenient = new Set([
  'last_modified has microseconds',
  'last_modified in ISO form',
  'an unknown key',
  'the file_id repeated as a key',
]);

/** Of another length than the metadata says. */
const wrongLength = new Set(['content_length is wrong', 'content_length is a string']);

describe('the odd entries of fixtures/local-odd', async () => {
  const storage = new Storage('odd', 'local', openLocal(path.join(fixtures, 'local-odd/store')));
  const entries = await expected<Odd[]>('local-odd/expected.json');

  test.each(entries.filter((odd) => odd.exists_error !== undefined))(
    'an identifier that Python refuses is wrong usage: $entry',
    async ({ entry }) => {
      await expect(storage.info(entry)).rejects.toMatchObject({ kind: 'usage' });
    },
  );

  test.each(entries.filter((odd) => odd.sha256 !== undefined && !wrongLength.has(odd.case)))(
    'is read as Python reads it: $case',
    async (odd) => {
      const { info, sha256 } = await storage.hash(odd.entry);
      expect(sha256).toBe(odd.sha256);
      expect(info).toMatchObject({
        filename: odd.filename ?? 'unnamed',
        contentType: odd.content_type ?? 'application/octet-stream',
        lastModified: parseUtc(odd.last_modified ?? ''),
      });
      if (typeof odd.content_length === 'number') {
        expect(info.contentLength).toBe(odd.content_length);
      }
    },
  );

  test.each(entries.filter((odd) => wrongLength.has(odd.case)))(
    'is damaged, which reading says: $case',
    async ({ entry }) => {
      await expect(storage.hash(entry)).rejects.toMatchObject({
        kind: 'damaged',
        message: expect.stringContaining(entry),
      });
    },
  );

  test.each(entries.filter((odd) => odd.get_error !== undefined && lenient.has(odd.case)))(
    'can be read although Python cannot: $case',
    async ({ entry }) => {
      const { info, chunks } = await storage.read(entry);
      expect((await collected(chunks)).byteLength).toBe(info.contentLength);
      expect(info.filename).toBe('odd.txt');
    },
  );

  const broken = entries.filter(
    (odd) =>
      (odd.get_error ?? odd.read_error) !== undefined &&
      odd.exists_error === undefined &&
      !lenient.has(odd.case),
  );
  test.each(broken)('is an error that names it: $case', async ({ entry }) => {
    await expect(storage.hash(entry)).rejects.toMatchObject({
      kind: expect.stringMatching(/^(damaged|not-found)$/),
      message: expect.stringContaining(entry),
    });
  });

  test('only whole blobs under identifiers are listed', async () => {
    const unlisted = [
      'metadata is gone, the file is there',
      'a plain file named like an id',
      'not there at all',
    ];
    const wanted = entries.filter(
      (odd) => odd.exists_error === undefined && !unlisted.includes(odd.case),
    );
    expect((await listed(storage)).sort()).toEqual(wanted.map(({ entry }) => entry).sort());
  });
});

test('a missing length is the real one, a missing time is none', async () => {
  const directory = await temporaryDirectory();
  const id = '02139b3e-e6f0-11f1-b0bf-02fc00000001';
  await mkdir(path.join(directory, id));
  await writeFile(path.join(directory, id, 'file'), '12345');
  await writeFile(path.join(directory, id, 'metadata.json'), '{}');
  const info = await new Storage('x', 'local', openLocal(directory)).info(id);
  expect(info).toMatchObject({ contentLength: 5, lastModified: null });
  expect(formatIso(info.lastModified)).toBeNull();
});

test('a storage that is not there is unreachable, and nothing is made', async () => {
  const directory = path.join(await temporaryDirectory(), 'missing');
  const storage = new Storage('x', 'local', openLocal(directory));
  const unreachable = { kind: 'unreachable', message: expect.stringContaining(directory) };
  await expect(storage.create(chunksOf('x'))).rejects.toMatchObject(unreachable);
  await expect(storage.info(storage.backend.newId())).rejects.toMatchObject(unreachable);
  await expect(listed(storage)).rejects.toMatchObject(unreachable);
  await expect(storage.backend.ping()).rejects.toMatchObject(unreachable);
  await expect(readdir(directory)).rejects.toMatchObject({ code: 'ENOENT' });
});

test('a creation that broke off is finished by the next one', async () => {
  const directory = await temporaryDirectory();
  const storage = new Storage('x', 'local', openLocal(directory));
  const id = storage.backend.newId();
  await mkdir(path.join(directory, id));
  await writeFile(path.join(directory, id, 'file'), 'half');
  expect(await storage.find(id)).toBeNull();
  expect(await listed(storage)).toEqual([]);
  await storage.create(chunksOf('whole'), { id });
  expect(await contentOf(storage, id)).toBe('whole');
});

test('a decided replace that was killed is read as new, and finished by the next write', async () => {
  const directory = await temporaryDirectory();
  const storage = new Storage('x', 'local', openLocal(directory));
  const { id } = await storage.create(chunksOf('old'), { filename: 'old.txt' });
  const entry = path.join(directory, id);
  const metadata = await readFile(path.join(entry, 'metadata.json'), 'utf8');
  const token = '3f0e2c6e-6f57-4d5b-9a53-1f2f3f4f5f6f';
  await writeFile(path.join(entry, `.depot-file-${token}`), 'new!');
  await writeFile(
    path.join(entry, `.depot-replace-${token}`),
    metadata.replace('old.txt', 'new.txt').replace('"content_length": 3', '"content_length": 4'),
  );
  expect(await contentOf(storage, id)).toBe('new!');
  expect((await storage.info(id)).filename).toBe('new.txt');
  await storage.replace(id, chunksOf('newest'));
  expect(await contentOf(storage, id)).toBe('newest');
  const names = (await readdir(entry)).filter((name) => name !== '.depot-lock');
  expect(names.sort()).toEqual(['file', 'metadata.json']);
});

test('names beside the blob stay, and two spellings are two blobs', async () => {
  const directory = await temporaryDirectory();
  await cp(path.join(fixtures, 'local/store'), directory, { recursive: true });
  const storage = new Storage('x', 'local', openLocal(directory));
  const [id] = await listed(storage);
  await writeFile(path.join(directory, id as string, 'notes.txt'), 'by hand');
  const before = createHash('sha256')
    .update(await contentOf(storage, id as string))
    .digest('hex');
  await storage.create(chunksOf('other'), { id: (id as string).toUpperCase() });
  expect(
    createHash('sha256')
      .update(await contentOf(storage, id as string))
      .digest('hex'),
  ).toBe(before);
  await storage.replace(id as string, chunksOf('new'));
  expect(await readFile(path.join(directory, id as string, 'notes.txt'), 'utf8')).toBe('by hand');
});
