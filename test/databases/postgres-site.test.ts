import { expect, onTestFinished, test } from 'vitest';
import { openSql } from '../../src/backends/sql.js';
import { findColumns, pages, rowName } from '../../src/references/columns.js';
import { Storage } from '../../src/storage.js';
import { zoneClock } from '../../src/time.js';
import { describeWithServer } from '../servers/servers.js';
import { resolveReferences, storagesNamed } from '../transfer/resolved.js';
import { migrate, undo } from '../transfer/runs.js';
import { identifiers, referenceText } from '../transfer/site.js';
import { connectClient, openUrl } from './postgres-harness.js';
import { expected, loadSite } from './postgres-site.js';

describeWithServer('postgres', 'a Kotti site in PostgreSQL', (server) => {
  test('has its references where Kotti says, to the character', async () => {
    const { url } = await loadSite(server);
    const database = openUrl(url);
    onTestFinished(() => database.close());
    const columns = await findColumns([database]);
    const found = columns.map(({ table, column }) => ({
      table: table.name,
      column: column.name,
      primary_key: [...table.primaryKey],
    }));
    const sorted = <T>(all: readonly T[]): string[] => all.map((one) => JSON.stringify(one)).sort();
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
    const { url } = await loadSite(server);
    const database = openUrl(url);
    const storage = new Storage('dbfiles', 'sql', openSql(database, zoneClock('Europe/Berlin')));
    onTestFinished(() => database.close());
    for (const blob of expected.blobs) {
      const [row] = await database.blobs.find(blob.file_id);
      expect(row).toMatchObject({
        id: blob.id,
        fileId: blob.file_id,
        filename: blob.filename,
        contentType: blob.content_type,
        contentLength: blob.content_length,
        lastModified: blob.last_modified,
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
    const site = await loadSite(server);
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
    const client = await connectClient(site.url);
    onTestFinished(() => client.end());
    for (const { table, column, primary_key: key, raw } of expected.references_raw) {
      const where = Object.keys(key).map((name, index) => `"${name}" = $${index + 1}`);
      const sql = `SELECT "${column}" AS text FROM "${table}" WHERE ${where.join(' AND ')}`;
      expect((await client.query(sql, Object.values(key))).rows).toEqual([{ text: raw }]);
    }
  });

  test('deletes from the source what it has moved, and nothing that anybody names', async () => {
    const site = await loadSite(server);
    const client = await connectClient(site.url);
    onTestFinished(() => client.end());
    const named = 'fbde83c8-e6ef-11f1-9ec2-02fc00000001';
    const other = 'fbe4528a-e6ef-11f1-9ec2-02fc00000001';
    // A table without a key, an array, and a column of identifiers.
    await client.query(`
      CREATE SCHEMA plugin; CREATE TABLE plugin.notes (texts TEXT[]);
      CREATE TABLE plugin.used (file UUID);
      INSERT INTO plugin.notes VALUES (ARRAY['see /depot/dbfiles/${named}']);
      INSERT INTO plugin.used VALUES ('${other}')`);
    const before = await resolveReferences(site);
    const { counts, problems } = await migrate(site, { deleteSource: true });
    expect(counts.blobs.deleted).toBeGreaterThan(0);
    expect(await resolveReferences(site)).toEqual(before);
    const kept = problems.filter(({ kind }) => kind === 'still-mentioned');
    const paths = kept.map(({ path }) => path);
    expect(paths).toContain(`dbfiles/${named}`);
    expect(paths).toContain(`dbfiles/${other}`);
    expect(await identifiers(site, 'dbfiles')).toEqual(expect.arrayContaining([named, other]));
  });

  test('moves references in jsonb and back, and names those of a table without a key', async () => {
    const site = await loadSite(server);
    const client = await connectClient(site.url);
    onTestFinished(() => client.end());
    const text = referenceText('dbfiles', 'fbde83c8-e6ef-11f1-9ec2-02fc00000001', {
      filename: 'größe "1".txt',
      size: 1.5,
    });
    await client.query(`CREATE TABLE keyless (data TEXT);
      CREATE TABLE pages (id UUID PRIMARY KEY DEFAULT gen_random_uuid(), data JSONB, raw JSON)`);
    await client.query('INSERT INTO keyless VALUES ($1)', [text]);
    await client.query('INSERT INTO pages (data, raw) VALUES ($1, $2)', [text, text]);
    const stored = async () =>
      (await client.query('SELECT data::text, raw::text FROM pages')).rows[0];
    const before = await stored();
    const references = ['pages.data', 'pages.raw', 'keyless.data'];
    const { counts, problems, stateFile } = await migrate(site, { references });
    expect(counts.references).toMatchObject({ migrated: 2, failed: 1 });
    expect(problems).toEqual([
      {
        kind: 'no-primary-key',
        reference: 'keyless.data ctid=(0,1)',
        path: null,
        message: 'the table keyless has no primary key: its rows cannot be told apart',
      },
    ]);
    const after = await stored();
    expect(JSON.parse(after.data)).toMatchObject({ depot_name: 'localfs', size: 1.5 });
    expect(JSON.parse(after.data)).toEqual(JSON.parse(after.raw));
    const undone = await undo(site, stateFile);
    expect(undone.counts.references).toMatchObject({ migrated: 2, changed: 0, failed: 0 });
    expect(await stored()).toEqual(before);
  });
});
