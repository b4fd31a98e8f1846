import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { startMigration } from './processes.js';
import { storagesNamed } from './resolved.js';
import { addRow, makeSite, query, referenceText, type Site } from './site.js';

const measured = new URL('measured.js', import.meta.url);
const megabyte = 1_000_000;
/** What a process needs without any blob, in bytes. */
const base = 80 * megabyte;

/** Blobs of so many bytes, each with a reference; nothing of them is held here. */
function addLarge(site: Site, storage: string, sizes: readonly number[]): void {
  for (const [index, size] of sizes.entries()) {
    const id = `f8fd9e46-e6ef-11f1-b551-${String(index).padStart(12, '0')}`;
    const meta = { filename: 'a.bin', content_type: 'x/y', content_length: size };
    if (storage === 'dbfiles') {
      const sql = `INSERT INTO blobs (file_id, filename, content_type, content_length, data)
        VALUES (?, ?, ?, ?, zeroblob(?))`;
      query(site, sql, id, meta.filename, meta.content_type, size, size);
    } else {
      const directory = path.join(site.directory, 'blobs', id);
      mkdirSync(directory);
      writeFileSync(path.join(directory, 'file'), '');
      truncateSync(path.join(directory, 'file'), size);
      const last_modified = '2026-01-02 03:04:05';
      writeFileSync(
        path.join(directory, 'metadata.json'),
        JSON.stringify({ ...meta, last_modified }),
      );
    }
    addRow(site, referenceText(storage, id));
  }
}

describe('memory', () => {
  test.for([
    ['dbfiles', 'localfs', [300], 300],
    ['localfs', 'dbfiles', [300], 300],
    ['dbfiles', 'localfs', [70, 70, 70], 70],
    ['localfs', 'dbfiles', [70, 70, 70], 70],
    ['localfs', 'archive', [100, 100, 100], 10],
  ] as const)(
    'from %s to %s, blobs of %o MB: 2.2 times the largest that is held whole',
    async ([from, to, sizes, held], context) => {
      if (process.platform !== 'linux') context.skip('needs /proc');
      const site = makeSite();
      addLarge(
        site,
        from,
        sizes.map((size) => size * megabyte),
      );
      const args = ['--from', from, '--to', to, '--delete-source'];
      const ended = await startMigration(site, args, measured).ended;
      expect(ended.code, ended.stderr).toBe(0);
      expect(await storagesNamed(site)).toEqual({ [to]: sizes.length });
      expect(ended.summary?.blobs.deleted).toBe(sizes.length);
      const peak = Number(/peak (\d+)/.exec(ended.stderr)?.[1]);
      expect(peak).toBeLessThan(2.2 * held * megabyte + base);
      expect(peak).toBeGreaterThan(20 * megabyte);
    },
  );
});
