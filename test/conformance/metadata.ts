import fc from 'fast-check';
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
  '%2e%2e%2f',
  '..',
  "it's `quoted`; --",
  '\u{10ffff}\u200d\ufeff',
];

/** What a store with these limits keeps of a filename. */
function kept(filename: string, { filenameLimit = 1000, keepsLoneSurrogates }: Harness): boolean {
  return [...filename].length <= filenameLimit && (keepsLoneSurrogates || filename.isWellFormed());
}

/** Seconds since 1970: what every store keeps of a time. */
function secondsOf(time: Date | null): number | null {
  return time === null ? null : Math.floor(time.getTime() / 1000);
}

export function metadata(harness: Harness): void {
  describe('metadata', () => {
    test.each(oddNames)('keeps the filename %j', async (filename) => {
      const { storage } = await openStorage(harness);
      const { id } = await storage.create(chunksOf('x'), { filename, contentType: 'text/x-odd' });
      expect(await storage.info(id)).toMatchObject({ filename, contentType: 'text/x-odd' });
    });

    test('keeps any filename and any time, also when it replaces', async () => {
      const { storage } = await openStorage(harness);
      const { id } = await storage.create(chunksOf('x'));
      const filenames = fc
        .string({ unit: 'binary', maxLength: 60 })
        .filter((name) => !name.includes('\0') && kept(name, harness));
      const times = fc.date({ min: new Date(0), max: new Date('2099-12-31'), noInvalidDate: true });
      await fc.assert(
        fc.asyncProperty(filenames, times, async (filename, lastModified) => {
          const attributes = { filename, contentType: 'text/x-odd', lastModified };
          const created = await storage.create(chunksOf('x'), attributes);
          await storage.replace(id, chunksOf('y'), attributes);
          for (const one of [created.id, id]) {
            const info = await storage.info(one);
            expect(info).toMatchObject({ filename, contentType: 'text/x-odd' });
            expect(secondsOf(info.lastModified)).toBe(secondsOf(lastModified));
          }
        }),
        { numRuns: 30 },
      );
    });

    test('keeps half a surrogate pair in a filename', async (context) => {
      if (!harness.keepsLoneSurrogates) return context.skip('the store holds Unicode text alone');
      const { storage } = await openStorage(harness);
      const { id } = await storage.create(chunksOf('x'), { filename: 'x\ud800y' });
      expect((await storage.info(id)).filename).toBe('x\ud800y');
    });

    test('keeps a long filename, or its beginning and its suffix', async () => {
      const { storage } = await openStorage(harness);
      const length = harness.longestFilename ?? 304;
      const filename = `${'ä'.repeat(length - 4)}.tar`;
      const { id } = await storage.create(chunksOf('x'), { filename });
      const limit = Math.min(harness.filenameLimit ?? length, length);
      expect((await storage.info(id)).filename).toBe(`${'ä'.repeat(limit - 4)}.tar`);
    });

    test.each(['', 'text/plain; charset=utf-8', 'x', 'application/x-"odd"; name=ä'])(
      'keeps the content type %j',
      async (contentType) => {
        const { storage } = await openStorage(harness);
        const { id } = await storage.create(chunksOf('x'), { filename: 'a.csv', contentType });
        const isHeader = /^[\x20-\x7e]+$/.test(contentType);
        const kept = isHeader || harness.contentTypeIsHeader !== true;
        const expected = kept ? contentType : 'application/octet-stream';
        expect((await storage.info(id)).contentType).toBe(expected);
      },
    );

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

    test.each([
      '2026-01-02T03:04:05Z',
      '1999-12-31T23:59:59Z',
      '1970-01-01T00:00:00Z',
      '1969-12-31T23:59:59Z',
      '2024-02-29T12:00:00Z',
      '2026-07-01T00:00:00Z',
      // Before a time change in Berlin, in the gap's hour, and in the first of two equal hours.
      '2026-03-29T00:59:59Z',
      '2026-03-29T01:00:00Z',
      '2026-10-25T00:30:00Z',
      '2100-01-01T00:00:00Z',
      null,
    ])('keeps the time %s', async (time) => {
      const { storage } = await openStorage(harness);
      const lastModified = time === null ? null : new Date(time);
      const { id } = await storage.create(chunksOf('x'), { lastModified });
      expect((await storage.info(id)).lastModified).toEqual(lastModified);
    });

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
