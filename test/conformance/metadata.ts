import { describe, expect, test } from 'vitest';
import { chunksOf, type Harness, openStorage } from './harness.js';

const oddNames = [
  'plain.txt',
  'größe.txt',
  '日本語 ファイル.pdf',
  '🚢 ship ⚓.txt',
  'the "Alba" and \'Berta\'.csv',
  'back\\slash.txt',
  'line\nbreak\tand\rreturn.txt',
  '100% of %20 & %(here)s.csv',
  'a;b#c=d, e.txt',
  '../../etc/passwd',
  '/absolute',
  '.profile',
  ' leading and trailing ',
  'e\u0301 decomposed.txt',
  '\u202egnp.exe',
  'bell\u0007.txt',
  '</script>.html',
  '%',
];

export function metadata(harness: Harness): void {
  describe('metadata', () => {
    test.each(oddNames)('keeps the filename %j', async (filename) => {
      const { storage } = await openStorage(harness);
      const { id } = await storage.create(chunksOf('x'), { filename, contentType: 'text/x-odd' });
      expect(await storage.info(id)).toMatchObject({ filename, contentType: 'text/x-odd' });
    });

    test('keeps half a surrogate pair in a filename', async (context) => {
      if (!harness.keepsLoneSurrogates) return context.skip('the store holds Unicode text alone');
      const { storage } = await openStorage(harness);
      const { id } = await storage.create(chunksOf('x'), { filename: 'x\ud800y' });
      expect((await storage.info(id)).filename).toBe('x\ud800y');
    });

    test('keeps a long filename, or its beginning and its suffix', async () => {
      const { storage } = await openStorage(harness);
      const filename = `${'ä'.repeat(300)}.tar`;
      const { id } = await storage.create(chunksOf('x'), { filename });
      const limit = harness.filenameLimit ?? 304;
      expect((await storage.info(id)).filename).toBe(`${'ä'.repeat(Math.min(300, limit - 4))}.tar`);
    });

    test('has defaults: no name, no type', async () => {
      const { storage } = await openStorage(harness);
      const { id } = await storage.create(chunksOf('x'));
      expect(await storage.info(id)).toMatchObject({
        filename: 'unnamed',
        contentType: 'application/octet-stream',
      });
    });

    test('guesses the type from the filename', async () => {
      const { storage } = await openStorage(harness);
      const { id } = await storage.create(chunksOf('x'), { filename: 'a.csv' });
      expect((await storage.info(id)).contentType).toBe('text/csv');
    });

    test.each(['2026-01-02T03:04:05Z', '1999-12-31T23:59:59Z', '2026-07-01T00:00:00Z', null])(
      'keeps the time %s',
      async (time) => {
        const { storage } = await openStorage(harness);
        const lastModified = time === null ? null : new Date(time);
        const { id } = await storage.create(chunksOf('x'), { lastModified });
        expect((await storage.info(id)).lastModified).toEqual(lastModified);
      },
    );

    test('a replace keeps name and type, unless others are given', async () => {
      const { storage } = await openStorage(harness);
      const { id } = await storage.create(chunksOf('x'), { filename: 'a.csv' });
      await storage.replace(id, chunksOf('y'));
      expect(await storage.info(id)).toMatchObject({ filename: 'a.csv', contentType: 'text/csv' });
      await storage.replace(id, chunksOf('y'), { filename: 'b.html' });
      expect(await storage.info(id)).toMatchObject({
        filename: 'b.html',
        contentType: 'text/html',
      });
      await storage.replace(id, chunksOf('y'), { contentType: 'text/x-odd' });
      expect(await storage.info(id)).toMatchObject({
        filename: 'b.html',
        contentType: 'text/x-odd',
      });
    });

    test('a replace is modified now', async () => {
      const { storage } = await openStorage(harness);
      const { id } = await storage.create(chunksOf('x'), { lastModified: new Date(0) });
      const before = Math.floor(Date.now() / 1000) * 1000;
      await storage.replace(id, chunksOf('y'));
      const { lastModified } = await storage.info(id);
      expect(lastModified?.getTime()).toBeGreaterThanOrEqual(before);
    });
  });
}
