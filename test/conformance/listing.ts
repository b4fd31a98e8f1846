import pMap from 'p-map';
import { describe, expect, test } from 'vitest';
import type { ListPage } from '../../src/backend.js';
import type { Storage } from '../../src/storage.js';
import { chunksOf, type Harness, listed, openStorage } from './harness.js';

/** What is deleted once the first identifier has come cannot come any more, but for a page or two. */
async function expectStreamed(storage: Storage, ids: readonly string[]): Promise<void> {
  const listing = storage.list()[Symbol.asyncIterator]();
  const first = (await listing.next()).value as string;
  expect(ids).toContain(first);
  await pMap(ids, (id) => storage.delete(id), { concurrency: 32 });
  let rest = 0;
  while ((await listing.next()).done !== true) rest += 1;
  expect(rest).toBeLessThan(ids.length / 2);
  expect(await listed(storage)).toEqual([]);
}

/** All parts of the list, each of at most so many identifiers. */
async function partsOf(storage: Storage, count: number): Promise<(readonly string[])[]> {
  const parts: (readonly string[])[] = [];
  let after: string | null = null;
  do {
    const { ids, next }: ListPage = await storage.page(after, count);
    parts.push(ids);
    after = next;
  } while (after !== null);
  return parts;
}

export function listing(harness: Harness): void {
  describe('listing', () => {
    test('is empty at first', async () => {
      const { storage } = await openStorage(harness);
      expect(await listed(storage)).toEqual([]);
    });

    test('names thousands of blobs, each once, and collects none of them', async () => {
      const { storage } = await openStorage(harness);
      const numbers = Array.from({ length: harness.manyBlobs ?? 10_000 }, (_, index) => index);
      const created = await pMap(numbers, (number) => storage.create(chunksOf(String(number))), {
        concurrency: 32,
      });
      const ids = await listed(storage);
      expect(ids.sort()).toEqual(created.map(({ id }) => id).sort());
      await expectStreamed(storage, ids);
    });

    test('comes in parts, which follow each other and hold all of it once', async () => {
      const { storage } = await openStorage(harness);
      expect(await storage.page(null, 5)).toEqual({ ids: [], next: null });
      for (let number = 0; number < 11; number += 1) await storage.create(chunksOf('a'));
      const ids = (await listed(storage)).sort();
      for (const count of [1, 3, 10, 11, 12]) {
        const parts = await partsOf(storage, count);
        expect(parts.every((part) => part.length <= count)).toBe(true);
        expect(parts.flat().sort()).toEqual(ids);
        expect(await partsOf(storage, count)).toEqual(parts);
      }
    });

    test('goes on where it was, whatever is deleted meanwhile', async () => {
      const { storage } = await openStorage(harness);
      for (let number = 0; number < 6; number += 1) await storage.create(chunksOf('a'));
      const all = (await partsOf(storage, 6)).flat();
      const { ids, next } = await storage.page(null, 3);
      for (const id of ids) await storage.delete(id);
      expect(await storage.page(next, 3)).toEqual({ ids: all.slice(3), next: null });
    });

    test('may be left at any time', async () => {
      const { storage } = await openStorage(harness);
      for (const text of ['a', 'b', 'c']) await storage.create(chunksOf(text));
      for (let count = 0; count < 100; count += 1) {
        for await (const id of storage.list()) {
          expect(await storage.find(id)).not.toBeNull();
          break;
        }
      }
    });
  });
}
