import { describe, expect, test } from 'vitest';
import { chunksOf, collected, contentOf, type Harness, openStorage, pattern } from './harness.js';

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

    test('gives the old content whole, or an error, when it is replaced half way', async () => {
      const { storage } = await openStorage(harness);
      const old = pattern(3_000_000);
      const { id } = await storage.create(chunksOf(old));
      const content = await storage.read(id);
      const iterator = content.chunks[Symbol.asyncIterator]();
      const parts = [Uint8Array.from((await iterator.next()).value as Uint8Array)];
      await storage.replace(id, chunksOf('new'));
      try {
        for (let step = await iterator.next(); step.done !== true; step = await iterator.next()) {
          parts.push(Uint8Array.from(step.value));
        }
        expect(Buffer.concat(parts).equals(old)).toBe(true);
      } catch (error) {
        expect(error).toMatchObject({ name: 'DepotError' });
      }
      expect(await contentOf(storage, id)).toBe('new');
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
