import { describe, expect, test } from 'vitest';
import { chunksOf, contentOf, type Harness, listed, openStorage } from './harness.js';

const hostile = [
  '../x',
  '../../etc/passwd',
  '/etc/passwd',
  '%2e%2e%2fx',
  'a\0b',
  '',
  '.',
  '..',
  `${'1'.repeat(37)}`,
  '3c1b9742-f338-4dcf-a812-e60d74b46c69\n',
  '3c1b9742-f338-4dcf-a812-e60d74b46c69/',
  '3c1b9742-f338-4dcf-a812-e60d74b46c69\0',
  ' 3c1b9742-f338-4dcf-a812-e60d74b46c69',
  '..\\x',
  'C:\\x',
  '.depot-staging',
  '3'.repeat(5000),
];

export function identifiers(harness: Harness): void {
  describe('identifiers', () => {
    test.each(hostile)('%j is refused or not there, and touches nothing', async (id) => {
      const { storage } = await openStorage(harness);
      const { id: kept } = await storage.create(chunksOf('kept'));
      const refusal = { kind: expect.stringMatching(/^(usage|not-found)$/) };
      await expect(storage.info(id)).rejects.toMatchObject(refusal);
      await expect(storage.read(id)).rejects.toMatchObject(refusal);
      await expect(storage.replace(id, chunksOf('x'))).rejects.toMatchObject(refusal);
      await expect(storage.delete(id)).rejects.toMatchObject(refusal);
      expect(await storage.find(id)).toBeNull();
      expect(await listed(storage)).toEqual([kept]);
      // A store of rows may take it, as a name without any meaning.
      if (!storage.backend.acceptsId(id)) {
        await expect(storage.create(chunksOf('x'), { id })).rejects.toMatchObject({
          kind: 'usage',
        });
        return expect(await listed(storage)).toEqual([kept]);
      }
      await storage.create(chunksOf('odd'), { id });
      expect(await contentOf(storage, id)).toBe('odd');
      expect((await listed(storage)).sort()).toEqual([kept, id].sort());
      await storage.delete(id);
      expect(await listed(storage)).toEqual([kept]);
    });

    test('a hostile one gets a new identifier, always the same, when a blob comes from elsewhere', async () => {
      const { storage } = await openStorage(harness);
      for (const foreign of ['../x', 'logo', `${'1'.repeat(37)}`, '507f1f77bcf86cd799439011']) {
        const id = storage.idFor(foreign);
        expect(storage.backend.acceptsId(id)).toBe(true);
        expect(storage.idFor(foreign)).toBe(id);
      }
      expect(storage.backend.idFor('a')).not.toBe(storage.backend.idFor('b'));
      const own = storage.backend.newId();
      expect(storage.idFor(own)).toBe(own);
    });

    test('a missing blob is not found, whatever is asked', async () => {
      const { storage } = await openStorage(harness);
      const id = storage.backend.newId();
      const missing = { kind: 'not-found' };
      await expect(storage.info(id)).rejects.toMatchObject(missing);
      await expect(storage.read(id)).rejects.toMatchObject(missing);
      await expect(storage.hash(id)).rejects.toMatchObject(missing);
      await expect(storage.replace(id, chunksOf('x'))).rejects.toMatchObject(missing);
      await expect(storage.delete(id)).rejects.toMatchObject(missing);
      expect(await storage.find(id)).toBeNull();
      expect(await listed(storage)).toEqual([]);
    });

    test('another case is another blob, or the same one: never a mix of two', async () => {
      const { storage } = await openStorage(harness);
      const lower = 'abcdefab-cdef-11f1-9c70-0242ac120002';
      const upper = lower.toUpperCase();
      if (!storage.backend.acceptsId(lower)) return;
      await storage.create(chunksOf('lower'), { id: lower });
      if ((await storage.find(upper)) === null) {
        await storage.create(chunksOf('upper'), { id: upper });
        expect(await contentOf(storage, upper)).toBe('upper');
        expect((await listed(storage)).sort()).toEqual([upper, lower].sort());
      }
      expect(await contentOf(storage, lower)).toBe('lower');
    });
  });
}
