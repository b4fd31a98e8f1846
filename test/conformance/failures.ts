import { describe, expect, test } from 'vitest';
import type { Storage, WriteOptions } from '../../src/storage.js';
import {
  chunksOf,
  contentOf,
  type Harness,
  letGo,
  listed,
  openStorage,
  pattern,
} from './harness.js';

/** Gives the chunks, then fails; `code` is that of an error of the file system. */
async function* failing(
  message: string,
  { after = [], code }: { after?: readonly Uint8Array[]; code?: string } = {},
): AsyncGenerator<Uint8Array> {
  yield* chunksOf(...after);
  throw Object.assign(new Error(message), code === undefined ? {} : { code });
}

async function* stalling(bytes: Uint8Array, stalled: () => void): AsyncGenerator<Uint8Array> {
  yield bytes;
  stalled();
  await new Promise(() => {});
}

/** Longer than what a store buffers, so that some of it has been sent. */
const much = pattern(6_000_000);

interface Failure {
  readonly name: string;
  readonly message: RegExp;
  make(): { source: AsyncIterable<Uint8Array>; options: WriteOptions };
}

const failures: readonly Failure[] = [
  {
    name: 'fails at once',
    message: /the source broke/,
    make: () => ({ source: failing('the source broke'), options: {} }),
  },
  {
    name: 'fails half way',
    message: /the source broke/,
    make: () => ({ source: failing('the source broke', { after: [much] }), options: {} }),
  },
  {
    name: 'fails half way, of known length',
    message: /the source broke/,
    make: () => ({
      source: failing('the source broke', { after: [much] }),
      options: { length: 2 * much.byteLength },
    }),
  },
  {
    name: 'fails after all that was announced',
    message: /the source broke/,
    make: () => ({
      source: failing('the source broke', { after: [much] }),
      options: { length: much.byteLength },
    }),
  },
  {
    name: 'fails like a file that is not there',
    message: /no such file/,
    make: () => ({ source: failing('no such file', { code: 'ENOENT' }), options: {} }),
  },
  {
    name: 'fails like a store that has the blob',
    message: /exists/,
    make: () => ({ source: failing('it exists', { code: 'EEXIST' }), options: {} }),
  },
  {
    name: 'gives nothing of what was announced',
    message: /only 0 bytes/,
    make: () => ({ source: chunksOf(), options: { length: 10 } }),
  },
  {
    name: 'ends early',
    message: /only 5 bytes/,
    make: () => ({ source: chunksOf('12345'), options: { length: 10 } }),
  },
  {
    name: 'ends early after much',
    message: /only 6000000 bytes/,
    make: () => ({ source: chunksOf(much), options: { length: much.byteLength + 1 } }),
  },
  {
    name: 'gives more than announced',
    message: /more/,
    make: () => ({ source: chunksOf('12345', '67890'), options: { length: 7 } }),
  },
  {
    name: 'gives more than nothing',
    message: /more/,
    make: () => ({ source: chunksOf('', 'x'), options: { length: 0 } }),
  },
  {
    name: 'stalls and is aborted',
    message: /gave up/,
    make() {
      const controller = new AbortController();
      const source = stalling(much, () => controller.abort(new Error('gave up')));
      return { source, options: { signal: controller.signal } };
    },
  },
  {
    name: 'is aborted before it begins',
    message: /gave up/,
    make: () => ({
      source: chunksOf('never read'),
      options: { signal: AbortSignal.abort(new Error('gave up')) },
    }),
  },
];

/** Neither the blob that is asked for nor the storage is what is missing or taken. */
const notTheStores = expect.not.objectContaining({
  kind: expect.stringMatching(/^(not-found|refused|unreachable|usage)$/),
});

async function expectUntouched(storage: Storage, id: string): Promise<void> {
  expect(await contentOf(storage, id)).toBe('kept');
  expect(await storage.info(id)).toMatchObject({ filename: 'kept.txt', contentLength: 4 });
  expect(await listed(storage)).toEqual([id]);
}

async function errorOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => expect.unreachable('no error'),
    (error: unknown) => error,
  );
}

export function failingSources(harness: Harness): void {
  describe.each(failures)('a source that $name', ({ message, make }) => {
    test('creates nothing', async () => {
      const { storage } = await openStorage(harness);
      const kept = await storage.create(chunksOf('kept'), { filename: 'kept.txt' });
      const id = storage.backend.newId();
      const { source, options } = make();
      const error = await errorOf(storage.create(source, { ...options, id }));
      expect(error).toMatchObject({ message: expect.stringMatching(message) });
      expect(error).toEqual(notTheStores);
      expect(await storage.find(id)).toBeNull();
      await expectUntouched(storage, kept.id);
      await storage.create(chunksOf('now it works'), { id });
      expect(await contentOf(storage, id)).toBe('now it works');
    });

    test('replaces nothing', async () => {
      const { storage } = await openStorage(harness);
      const { id } = await storage.create(chunksOf('kept'), { filename: 'kept.txt' });
      const before = await storage.info(id);
      const { source, options } = make();
      const error = await errorOf(
        storage.replace(id, source, { ...options, filename: 'lost.txt' }),
      );
      expect(error).toMatchObject({ message: expect.stringMatching(message) });
      expect(error).toEqual(notTheStores);
      await expectUntouched(storage, id);
      expect(await storage.info(id)).toEqual(before);
      await storage.replace(id, chunksOf('now it works'));
      expect(await contentOf(storage, id)).toBe('now it works');
    });
  });

  test('a source that gives too much is let go', async () => {
    const { storage } = await openStorage(harness);
    const { id } = await storage.create(chunksOf('kept'));
    for (const write of [
      (source: AsyncIterable<Uint8Array>) => storage.create(source, { length: 3 }),
      (source: AsyncIterable<Uint8Array>) => storage.replace(id, source, { length: 3 }),
    ]) {
      const { source, left } = letGo(chunksOf('12345', '67890'));
      await expect(write(source)).rejects.toThrow('more');
      await left;
    }
  });
}
