import { expect, test } from 'vitest';
import { openSql } from '../../../src/backends/sql.js';
import { findColumns, pages, rowName } from '../../../src/references/columns.js';
import { Storage } from '../../../src/storage.js';
import { zoneClock } from '../../../src/time.js';
import { resolveReferences, storagesNamed } from '../../transfer/resolved.js';
import { migrate, undo } from '../../transfer/runs.js';
import { identifiers, type Site } from '../../transfer/site.js';
import { expectedSite, siteAround, siteDump } from '../kotti-site.js';
import type { OpenedDatabase } from './harness.js';

/** How the suite gets at the site that Kotti made on a kind of server. */
export interface SiteHarness {
  /** As the fixtures call it. */
  readonly kind: 'pg' | 'mysql';
  /** A database made by the statements of a dump, gone when the test ends. */
  load(dump: string): Promise<OpenedDatabase & { readonly url: string }>;
  quoted(name: string): string;
  /** Statements for tables that name these blobs without a reference. */
  mentions(one: string, other: string): string;
}

export type LoadedSite = OpenedDatabase & { readonly url: string; readonly site: Site };

export async function loadSite({ kind, load }: SiteHarness): Promise<LoadedSite> {
  const opened = await load(siteDump(kind));
  return { ...opened, site: siteAround(kind, opened.url) };
}

/** A whole site: its references, its blobs, and migrations of them. */
export function kottiSite(harness: SiteHarness): void {
  const expected = expectedSite(harness.kind);
  const sorted = <T>(all: readonly T[]): string[] => all.map((one) => JSON.stringify(one)).sort();

  test('has its references where Kotti says, to the character', async () => {
    const { database } = await loadSite(harness);
    const columns = await findColumns([database]);
    const found = columns.map(({ table, column }) => ({
      table: table.name,
      column: column.name,
      primary_key: [...table.primaryKey],
    }));
    expect(sorted(found)).toEqual(sorted(expected.columns));
    const texts = new Map<string, string>();
    for (const column of columns) {
      for await (const page of pages(column)) {
        for (const row of page) texts.set(rowName(column, row), row.text);
      }
    }
    const raw = expected.references_raw.filter((one) => one.raw !== null);
    const names = raw.map(({ table, column, primary_key: key, raw: text }) => {
      const values = Object.entries(key).map(([name, value]) => `${name}=${value}`);
      return [`${table}.${column} ${values.join(' ')}`, text] as const;
    });
    expect([...texts].sort()).toEqual(names.sort());
  });

  test('has its blobs as Kotti says', async () => {
    const { database } = await loadSite(harness);
    const storage = new Storage('dbfiles', 'sql', openSql(database, zoneClock('Europe/Berlin')));
    for (const blob of expected.blobs) {
      const [row] = await database.blobs.find(blob.file_id);
      expect(row).toMatchObject({
        id: blob.id,
        fileId: blob.file_id,
        filename: blob.filename,
        contentType: blob.content_type,
        contentLength: blob.content_length,
        lastModified: blob.last_modified?.replace(/:\d\d$/, '$&.000000') ?? null,
      });
      if (blob.sha256 === null) continue;
      expect((await storage.hash(blob.file_id)).sha256).toBe(blob.sha256);
    }
    const ids: string[] = [];
    for await (const id of storage.list()) ids.push(id);
    expect(ids.sort()).toEqual(expected.blobs.map((blob) => blob.file_id).sort());
  });

  test.for([
    ['dbfiles', 'localfs'],
    ['localfs', 'dbfiles'],
  ] as const)('moves its references from %s to %s, and back', async ([from, to]) => {
    const { site, rows } = await loadSite(harness);
    const all = expected.references.filter((one) => one.depot_name === from);
    const missing = all.filter(({ files }) => files?.some(({ status }) => status !== 'ok'));
    const before = await resolveReferences(site);
    const moved = await migrate(site, { from, to });
    expect(moved.error).toBeNull();
    expect(moved.counts.references).toMatchObject({
      migrated: all.length - missing.length,
      missing: missing.length,
      failed: 0,
      changed: 0,
    });
    expect(await resolveReferences(site)).toEqual(before);
    expect((await storagesNamed(site))[from] ?? 0).toBe(missing.length);
    const again = await migrate(site, { from, to });
    expect(again.counts).toMatchObject({ references: { migrated: 0 }, blobs: { copied: 0 } });
    await undo(site, moved.stateFile);
    expect(await resolveReferences(site)).toEqual(before);
    for (const { table, column, primary_key: key, raw } of expected.references_raw) {
      const { quoted } = harness;
      const where = Object.entries(key).map(([name, value]) => `${quoted(name)} = '${value}'`);
      const sql = `SELECT ${quoted(column)} FROM ${quoted(table)} WHERE ${where.join(' AND ')}`;
      expect(await rows(sql)).toEqual([[raw]]);
    }
  });

  test('deletes from the source what it has moved, and nothing that anybody names', async () => {
    const { site, execute } = await loadSite(harness);
    const files = expected.references.flatMap((one) => (one.status === 'ok' ? one.files : []));
    const paths = files.map((file) => file?.path).filter((path) => path?.startsWith('dbfiles/'));
    const [named = '', other = ''] = paths.map((path) => path?.replace('dbfiles/', '') ?? '');
    await execute(harness.mentions(named, other));
    const before = await resolveReferences(site);
    const { counts, problems } = await migrate(site, { deleteSource: true });
    expect(counts.blobs.deleted).toBeGreaterThan(0);
    expect(await resolveReferences(site)).toEqual(before);
    const kept = problems.filter(({ kind }) => kind === 'still-mentioned').map(({ path }) => path);
    expect(kept).toContain(`dbfiles/${named}`);
    expect(kept).toContain(`dbfiles/${other}`);
    expect(await identifiers(site, 'dbfiles')).toEqual(expect.arrayContaining([named, other]));
  });
}
