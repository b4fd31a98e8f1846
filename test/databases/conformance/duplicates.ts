import { describe, expect, test } from 'vitest';
import type { DatabaseHarness, OpenedDatabase } from './harness.js';

const id = 'f8978386-e6ef-11f1-b551-02fc00000001';
const row = `'${id}', 'a.txt', 'text/plain', 3, '2026-01-02 03:04:05', 'abc'`;

/** Rows of the table `blobs` that share an identifier, as nothing keeps them from. */
export function duplicates(harness: DatabaseHarness): void {
  describe('duplicate rows', () => {
    /** A database with such rows, which it numbers from 1. */
    async function openWith(...values: readonly string[]): Promise<OpenedDatabase> {
      const opened = await harness.open('');
      await opened.database.blobs.provision();
      for (const each of values) {
        await opened.execute(
          `INSERT INTO blobs (file_id, filename, content_type, content_length, last_modified, data)
           VALUES (${each})`,
        );
      }
      return opened;
    }
    const numbers = async ({ rows }: OpenedDatabase): Promise<number[]> =>
      (await rows('SELECT id FROM blobs ORDER BY id')).map(([number]) => Number(number));

    test('that are the same to the byte become the oldest', async () => {
      const other = row.replace(id, 'another');
      const opened = await openWith(row, other, row, row);
      const { blobs } = opened.database;
      const found = await blobs.duplicates(id, { merge: false });
      expect({ rows: found.rows.map(Number), equal: found.equal }).toEqual({
        rows: [1, 3, 4],
        equal: true,
      });
      expect(await numbers(opened)).toEqual([1, 2, 3, 4]);
      expect(await blobs.duplicates(id, { merge: true })).toEqual(found);
      expect(await numbers(opened)).toEqual([1, 2]);
      expect((await blobs.duplicates(id, { merge: true })).rows.map(Number)).toEqual([1]);
      expect((await blobs.duplicates('none', { merge: true })).rows).toEqual([]);
      expect(await numbers(opened)).toEqual([1, 2]);
    });

    test('with nulls in the same places are the same', async () => {
      const empty = `'${id}', NULL, NULL, NULL, NULL, NULL`;
      const opened = await openWith(empty, empty);
      expect(await opened.database.blobs.duplicates(id, { merge: true })).toMatchObject({
        equal: true,
      });
      expect(await numbers(opened)).toEqual([1]);
    });

    test.each([
      ['a byte', row.replace("'abc'", "'abC'")],
      ['a longer content', row.replace("'abc'", "'abcd'")],
      ['no content', row.replace("'abc'", 'NULL')],
      ['the case of the filename', row.replace('a.txt', 'A.txt')],
      ['a space behind the filename', row.replace('a.txt', 'a.txt ')],
      ['the content type', row.replace('text/plain', 'text/html')],
      ['the length', row.replace(' 3,', ' 4,')],
      ['the time', row.replace('03:04:05', '03:04:06')],
      ['no time', row.replace("'2026-01-02 03:04:05'", 'NULL')],
    ])('of which one differs in %s all stay', async (_what, different) => {
      const opened = await openWith(row, row, different);
      expect(await opened.database.blobs.duplicates(id, { merge: true })).toMatchObject({
        equal: false,
      });
      expect(await numbers(opened)).toEqual([1, 2, 3]);
    });
  });
}
