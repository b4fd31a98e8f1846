import { describe, expect, test } from 'vitest';
import type { Storage, WriteOptions } from '../../src/storage.js';
import { chunksOf, contentOf, type Harness, listed, openStorage, pattern } from './harness.js';

async function* breaking(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
  throw new Error('the source broke');
}

async function* stalling(bytes: Uint8Array, stalled: () => void): AsyncGenerator<Uint8Array> {
  yield bytes;
  stalled();
  await new Promise(() => {});
}

interface Failure {
  readonly name: string;
  readonly message: RegExp;
  make(): { source: AsyncIterable<Uint8Array>; options: WriteOptions };
}

const failing: readonly Failure[] = [
  {
    name: 'fails half way',
    message: /the source broke/,
    make: () => ({ source: breaking(pattern(2_000_000)), options: {} }),
  },
  {
    name: 'fails half way, of known length',
    message: /the source broke/,
    make: () => ({ source: breaking(pattern(2_000_000)), options: { length: 4_000_000 } }),
  },
  {
    name: 'ends early',
    message: /only 5 bytes/,
    make: () => ({ source: chunksOf('12345'), options: { length: 10 } }),
  },
  {
    name: 'gives more than announced',
    message: /more/,
    make: () => ({ source: chunksOf('12345', '67890'), options: { length: 7 } }),
  },
  {
    name: 'stalls and is aborted',
    message: /gave up/,
    make() {
      const controller = new AbortController();
      const source = stalling(pattern(2_000_000), () => controller.abort(new Error('gave up')));
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

async function expectUntouched(storage: Storage, id: string): Promise<void> {
  expect(await contentOf(storage, id)).toBe('kept');
  expect(await storage.info(id)).toMatchObject({ filename: 'kept.txt', contentLength: 4 });
  expect(await listed(storage)).toEqual([id]);
}

export function failures(harness: Harness): void {
  describe.each(failing)('a source that $name', ({ message, make }) => {
    test('creates nothing', async () => {
      const { storage } = await openStorage(harness);
      const kept = await storage.create(chunksOf('kept'), { filename: 'kept.txt' });
      const id = storage.backend.newId();
      const { source, options } = make();
      await expect(storage.create(source, { ...options, id })).rejects.toThrow(message);
      expect(await storage.find(id)).toBeNull();
      await expectUntouched(storage, kept.id);
      await storage.create(chunksOf('now it works'), { id });
      expect(await contentOf(storage, id)).toBe('now it works');
    });

    test('replaces nothing', async () => {
      const { storage } = await openStorage(harness);
      const { id } = await storage.create(chunksOf('kept'), { filename: 'kept.txt' });
      const { version } = await storage.info(id);
      const { source, options } = make();
      await expect(storage.replace(id, source, options)).rejects.toThrow(message);
      await expectUntouched(storage, id);
      expect((await storage.info(id)).version).toBe(version);
    });
  });
}
