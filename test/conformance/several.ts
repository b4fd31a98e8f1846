import { describe, expect, test } from 'vitest';
import type { NewBlob } from '../../src/backend.js';
import type { Storage } from '../../src/storage.js';
import {
  chunksOf,
  contentOf,
  type Harness,
  listed,
  openStorage,
  pattern,
  sha256,
} from './harness.js';

function newBlob(storage: Storage, number: number, bytes: Uint8Array): NewBlob {
  const lastModified = new Date(Date.UTC(2026, 0, 2, 3, 4, number));
  const metadata = { filename: `${number}.txt`, contentType: 'text/plain', lastModified };
  return { id: storage.backend.newId(), bytes, metadata };
}

/** What the methods for several blobs give; nothing where a backend has none of them. */
export function several(harness: Harness): void {
  describe('several blobs at once', () => {
    test('are given as each by itself, without those that are not there', async () => {
      const { storage } = await openStorage(harness);
      const sizes = [0, 1, 5000, 70_000];
      const stored = await Promise.all(
        sizes.map((size) => storage.create(chunksOf(pattern(size)), { filename: `${size}.bin` })),
      );
      const ids = stored.map(({ id }) => id);
      const asked = [...ids, storage.backend.newId(), 'x'.repeat(2000)];
      const alone = await Promise.all(ids.map((id) => storage.info(id)));
      const { infos } = storage.backend;
      const found = new Map((await storage.infos(asked)).map((info) => [info.id, info]));
      expect(found).toEqual(new Map(infos && alone.map((info) => [info.id, info])));
      const read = await storage.readMany(asked, 70_000);
      const whole = new Map(read.map(({ info, bytes }) => [info, sha256(bytes)]));
      expect(read.map((one) => one.sha256)).toEqual([...whole.values()]);
      expect(new Set(whole)).toEqual(
        new Set(alone.map((info, index) => [info, stored[index]?.sha256])),
      );
    });

    test('are created whole with their metadata, and none that is there already', async () => {
      const { storage } = await openStorage(harness);
      const blobs = [0, 1, 5000, 70_000].map((size, index) =>
        newBlob(storage, index, pattern(size)),
      );
      const there = blobs[1] as NewBlob;
      await storage.create(chunksOf('there'), { id: there.id, filename: 'there.txt' });
      const created = await storage.createMany(blobs);
      const able = storage.createsMany;
      expect(created).toEqual(blobs.map((blob) => able && blob !== there));
      expect(await contentOf(storage, there.id)).toBe('there');
      const expected = blobs.filter((blob) => able || blob === there).map(({ id }) => id);
      expect((await listed(storage)).sort()).toEqual(expected.sort());
      for (const [index, { id, bytes, metadata }] of blobs.entries()) {
        if (created[index] !== true) continue;
        const { info, sha256: hash } = await storage.hash(id);
        expect(info).toMatchObject({ ...metadata, contentLength: bytes.byteLength });
        expect(hash).toBe(sha256(bytes));
      }
    });
  });
}
