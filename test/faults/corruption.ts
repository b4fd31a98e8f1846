import { describe, expect, test } from 'vitest';
import type { Storage } from '../../src/storage.js';
import { chunksOf, collected, listed } from '../conformance/harness.js';
import { duringFault, expectClear, expectRecovered, type Faulty, outcomeOf } from './harness.js';

const phrase = 'one of these bytes is another one ';
const old = Buffer.from('old content');
const always = Number.POSITIVE_INFINITY;

function contentIn(storage: Storage, id: string): Promise<Buffer> {
  return storage.read(id).then(({ chunks }) => collected(chunks));
}

/**
 * Bytes that change on their way are never taken for the right ones. Only services that give
 * checksums can tell: the protocols of databases have none, so that there it is TLS that protects
 * the bytes, and the comparison of hashes that a migration makes of every copy.
 */
export function corruption(lengths: readonly number[], faultyStorage: () => Faulty): void {
  describe.each(lengths)('%i bytes', (length) => {
    const content = Buffer.alloc(length, phrase);

    test.each([1, always])('read, of which one is changed, %d times', async (times) => {
      const faulty = faultyStorage();
      const { direct, proxy } = faulty;
      const { id } = await direct.create(chunksOf(content));
      const connected = await faulty.connect();
      const fault = { from: 'server', does: { flip: phrase }, times } as const;
      const { result, happened } = await duringFault(proxy, fault, () =>
        outcomeOf(contentIn(connected.storage, id)),
      );
      expect(happened).toBeGreaterThan(0);
      if ('error' in result) expect(result.error).toMatchObject({ kind: 'damaged' });
      else expect(times === 1 && result.result.equals(content)).toBe(true);
      await expectRecovered(connected, faulty);
      await direct.delete(id);
    });

    test.each([1, always])('written, of which one is changed, %d times', async (times) => {
      const faulty = faultyStorage();
      const { direct, proxy } = faulty;
      const id = direct.backend.newId();
      const connected = await faulty.connect();
      const { storage } = connected;
      const fault = { from: 'client', does: { flip: phrase }, times } as const;

      const created = await duringFault(proxy, fault, () =>
        outcomeOf(storage.create(chunksOf(content), { id })),
      );
      expect(created.happened).toBeGreaterThan(0);
      if ('error' in created.result) {
        expectClear(created.result.error, proxy, ['damaged', 'failed']);
        expect(await direct.find(id)).toBeNull();
        expect(await listed(direct)).not.toContain(id);
        await direct.create(chunksOf(old), { id });
      } else {
        expect(times).toBe(1);
        expect((await contentIn(direct, id)).equals(content)).toBe(true);
        await direct.replace(id, chunksOf(old));
      }

      const replaced = await duringFault(proxy, fault, () =>
        outcomeOf(storage.replace(id, chunksOf(content))),
      );
      expect(replaced.happened).toBeGreaterThan(0);
      if ('error' in replaced.result) {
        expectClear(replaced.result.error, proxy, ['damaged', 'failed']);
        if (!faulty.harness.trustsParts)
          expect((await contentIn(direct, id)).equals(old)).toBe(true);
      } else {
        expect(times).toBe(1);
        expect((await contentIn(direct, id)).equals(content)).toBe(true);
      }
      await direct.delete(id);
      await expectRecovered(connected, faulty);
    });
  });
}
