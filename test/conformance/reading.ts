import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Storage } from '../../src/storage.js';
import { chunksOf, collected, type Harness, openStorage, pattern, sha256 } from './harness.js';

/** As long as what it replaces, so that a mix of both would have the right length. */
const other = Buffer.alloc(3_000_000, 'other');

export function reading(harness: Harness): void {
  describe('reading', () => {
    test('gives any range, across chunks too', async () => {
      const { storage } = await openStorage(harness);
      const bytes = pattern(2_500_000);
      const { id } = await storage.create(chunksOf(bytes));
      const last = bytes.byteLength - 1;
      const ranges = [
        [0, 0],
        [last, last],
        [0, last],
        [1, 10],
        [1_048_575, 1_048_576],
        [1_000_000, 2_200_000],
        [last - 5, last],
      ] as const;
      for (const [start, end] of ranges) {
        const { info, chunks } = await storage.read(id, { range: { start, end } });
        expect((await collected(chunks)).equals(bytes.subarray(start, end + 1))).toBe(true);
        expect(info.contentLength).toBe(bytes.byteLength);
      }
    });

    test('refuses a range that is not within the blob as wrong usage', async () => {
      const { storage } = await openStorage(harness);
      const { id } = await storage.create(chunksOf(pattern(10)));
      const empty = await storage.create(chunksOf(pattern(0)));
      const ranges = [
        [id, 0, 10],
        [id, 10, 10],
        [id, 12, 20],
        [id, 5, 4],
        [id, -1, 3],
        [id, 0, 1.5],
        [id, Number.NaN, 3],
        [empty.id, 0, 0],
      ] as const;
      for (const [one, start, end] of ranges) {
        const reading = async (): Promise<Buffer> => {
          const { chunks } = await storage.read(one, { range: { start, end } });
          return collected(chunks);
        };
        await expect(reading()).rejects.toMatchObject({
          kind: 'usage',
          message: expect.stringContaining(`the bytes ${start} to ${end} are not within`),
        });
      }
      expect(await collected((await storage.read(id)).chunks)).toHaveLength(10);
    });

    test('gives any range of a blob of any length', async () => {
      const { storage } = await openStorage(harness);
      const lengths = [1, 2, 1000, 261_120, 261_121, 1_048_576, 1_048_577];
      const ids = await Promise.all(
        lengths.map(async (length) => (await storage.create(chunksOf(pattern(length)))).id),
      );
      await fc.assert(
        fc.asyncProperty(fc.nat(lengths.length - 1), fc.nat(), fc.nat(), async (which, a, b) => {
          const length = lengths[which] as number;
          const start = a % length;
          const end = start + (b % (length - start));
          const { chunks } = await storage.read(ids[which] as string, { range: { start, end } });
          const expected = pattern(length).subarray(start, end + 1);
          expect((await collected(chunks)).equals(expected)).toBe(true);
        }),
        { numRuns: 40 },
      );
    });

    test.each([
      ['replaced', (storage: Storage, id: string) => storage.replace(id, chunksOf(other))],
      ['deleted', (storage: Storage, id: string) => storage.delete(id)],
    ])('gives the old content whole, or an error, when it is %s half way', async (_how, change) => {
      const { storage } = await openStorage(harness);
      const old = pattern(3_000_000);
      const { id } = await storage.create(chunksOf(old));
      const content = await storage.read(id);
      const iterator = content.chunks[Symbol.asyncIterator]();
      const parts = [Uint8Array.from((await iterator.next()).value as Uint8Array)];
      await change(storage, id);
      try {
        for (let step = await iterator.next(); step.done !== true; step = await iterator.next()) {
          parts.push(Uint8Array.from(step.value));
        }
        expect(Buffer.concat(parts).equals(old)).toBe(true);
      } catch (error) {
        expect(error).toMatchObject({ name: 'DepotError' });
      }
      const info = await storage.find(id);
      if (info !== null) expect((await storage.hash(id)).sha256).toBe(sha256(other));
    });

    test('does not disturb other reads of the same blob', async () => {
      const { storage } = await openStorage(harness);
      const bytes = pattern(1_500_000);
      const { id } = await storage.create(chunksOf(bytes));
      const reads = Array.from({ length: 5 }, async (_, index) => {
        const { chunks, close } = await storage.read(id);
        const iterator = chunks[Symbol.asyncIterator]();
        const first = await iterator.next();
        // A reader may do what it likes with its chunks.
        if (index === 0) (first.value as Uint8Array).fill(0);
        if (index < 2) return close();
        const rest = await collected({ [Symbol.asyncIterator]: () => iterator });
        expect(Buffer.concat([first.value as Uint8Array, rest]).equals(bytes)).toBe(true);
      });
      await Promise.all(reads);
      expect((await storage.hash(id)).sha256).toBe(sha256(bytes));
    });

    test('stops when it is aborted', async () => {
      const { storage } = await openStorage(harness);
      const { id } = await storage.create(chunksOf(pattern(3_000_000)));
      const controller = new AbortController();
      const { chunks } = await storage.read(id, { signal: controller.signal });
      const read = async (): Promise<void> => {
        for await (const chunk of chunks)
          if (chunk.byteLength > 0) controller.abort(new Error('enough'));
      };
      await expect(read()).rejects.toThrow('enough');
    });

    test('may be left alone: content that nobody reads is closed', async () => {
      const { storage } = await openStorage(harness);
      const { id } = await storage.create(chunksOf('unread'));
      const content = await storage.read(id);
      await content.close();
      await content.close();
      await storage.delete(id);
      expect(await storage.find(id)).toBeNull();
    });
  });
}
