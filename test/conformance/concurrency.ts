import { setImmediate } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { Storage } from '../../src/storage.js';
import { chunksOf, collected, contentOf, type Harness, listed, openStorage } from './harness.js';

/** Content of writer `number`, of a length and a filename of its own. */
function version(number: number): { bytes: Buffer; filename: string } {
  return { bytes: Buffer.alloc(100_000 + number, `${number} `), filename: `${number}.txt` };
}

async function expectOneVersion(storage: Storage, id: string): Promise<void> {
  const { info, chunks } = await storage.read(id);
  const number = Number.parseInt(info.filename, 10);
  expect((await collected(chunks)).equals(version(number).bytes)).toBe(true);
  expect(info.contentLength).toBe(version(number).bytes.byteLength);
}

export function concurrency(harness: Harness): void {
  describe('at the same time', () => {
    test('of several creates of one identifier one wins, whole', async () => {
      const { storage, opened } = await openStorage(harness);
      const second = (await opened.reopen()) ?? storage.backend;
      const other = new Storage('other', 'kind', second);
      const id = storage.backend.newId();
      const results = await Promise.allSettled(
        Array.from({ length: 8 }, (_, number) => {
          const { bytes, filename } = version(number);
          const writer = number % 2 === 0 ? storage : other;
          return writer.create(chunksOf(bytes), { id, filename });
        }),
      );
      const failed = results.filter((result) => result.status === 'rejected');
      expect(failed).toHaveLength(7);
      for (const { reason } of failed) expect(reason).toMatchObject({ kind: 'refused' });
      const winner = results.findIndex((result) => result.status === 'fulfilled');
      expect((await storage.info(id)).filename).toBe(version(winner).filename);
      await expectOneVersion(storage, id);
      expect(await listed(storage)).toEqual([id]);
      if (second !== storage.backend) await second.close();
    });

    test('of several deletes of one blob one wins', async () => {
      const { storage } = await openStorage(harness);
      const { id } = await storage.create(chunksOf('x'));
      const results = await Promise.allSettled(Array.from({ length: 8 }, () => storage.delete(id)));
      const failed = results.filter((result) => result.status === 'rejected');
      expect(failed).toHaveLength(7);
      for (const { reason } of failed) expect(reason).toMatchObject({ kind: 'not-found' });
      expect(await listed(storage)).toEqual([]);
    });

    test('a delete and a replace leave the new content whole, or nothing', async () => {
      const { storage } = await openStorage(harness);
      for (let number = 0; number < 10; number += 1) {
        const { id } = await storage.create(chunksOf('old'));
        const { bytes, filename } = version(number);
        const [replaced] = await Promise.allSettled([
          storage.replace(id, chunksOf(bytes), { filename }),
          storage.delete(id),
        ]);
        if (replaced.status === 'rejected') {
          expect(replaced.reason).toMatchObject({ kind: 'not-found' });
        }
        // A store without conditions may write it anew, whole.
        const left = (await storage.find(id)) !== null;
        expect(left && replaced.status === 'rejected').toBe(false);
        expect(await listed(storage)).toEqual(left ? [id] : []);
        if (!left) continue;
        await expectOneVersion(storage, id);
        await storage.delete(id);
      }
    });

    test('replaces of one identifier never mix, for readers meanwhile neither', async () => {
      const { storage, opened } = await openStorage(harness);
      const first = version(0);
      const { id } = await storage.create(chunksOf(first.bytes), { filename: first.filename });
      let writing = true;
      const readers = [storage, storage].map(async (reader) => {
        let reads = 0;
        while (writing) {
          await expectOneVersion(reader, id);
          reads += 1;
          // A store that answers at once would leave the writers no turn.
          await setImmediate();
        }
        return reads;
      });
      const second = (await opened.reopen()) ?? storage.backend;
      const other = new Storage('other', 'kind', second);
      await Promise.all(
        Array.from({ length: 20 }, (_, index) => {
          const { bytes, filename } = version(index + 1);
          const writer = index % 2 === 0 ? storage : other;
          return writer.replace(id, chunksOf(bytes), { filename });
        }),
      );
      writing = false;
      for (const reads of await Promise.all(readers)) expect(reads).toBeGreaterThan(0);
      await expectOneVersion(storage, id);
      expect(await listed(storage)).toEqual([id]);
      if (second !== storage.backend) await second.close();
    });

    test('many blobs come and go without disturbing each other', async () => {
      const { storage } = await openStorage(harness);
      const created = await Promise.all(
        Array.from({ length: 50 }, (_, number) => storage.create(chunksOf(`blob ${number}`))),
      );
      await Promise.all(
        created.map(({ id }, number) =>
          number % 2 === 0 ? storage.delete(id) : storage.replace(id, chunksOf(`new ${number}`)),
        ),
      );
      const kept = created.filter((_, number) => number % 2 === 1);
      expect((await listed(storage)).sort()).toEqual(kept.map(({ id }) => id).sort());
      expect(await contentOf(storage, created[49]?.id ?? '')).toBe('new 49');
    });
  });
}
