import pMap from 'p-map';
import { describe, expect, test } from 'vitest';
import { chunksOf, type Harness, listed, openStorage } from './harness.js';

export function listing(harness: Harness): void {
  describe('listing', () => {
    test('is empty at first', async () => {
      const { storage } = await openStorage(harness);
      expect(await listed(storage)).toEqual([]);
    });

    test('names ten thousand blobs, each once, and may be left at any time', async () => {
      const { storage } = await openStorage(harness);
      const numbers = Array.from({ length: 10_000 }, (_, index) => index);
      const created = await pMap(numbers, (number) => storage.create(chunksOf(String(number))), {
        concurrency: 32,
      });
      const ids = await listed(storage);
      expect(ids.sort()).toEqual(created.map(({ id }) => id).sort());
      for await (const id of storage.list()) {
        expect(ids).toContain(id);
        break;
      }
    });
  });
}
