import { expect, test } from 'vitest';
import { describeWithServer } from '../servers/servers.js';
import { migrate, undo } from '../transfer/runs.js';
import { referenceText } from '../transfer/site.js';
import { kottiSite, loadSite, type SiteHarness } from './conformance/site.js';
import { loadPostgresDump } from './postgres-harness.js';

describeWithServer('postgres', 'a Kotti site in PostgreSQL', (server) => {
  const harness: SiteHarness = {
    kind: 'pg',
    load: (dump) => loadPostgresDump(server, dump),
    quoted: (name) => `"${name}"`,
    // A table without a key, an array, and a column of identifiers.
    mentions: (one, other) => `
      CREATE SCHEMA plugin; CREATE TABLE plugin.notes (texts TEXT[]);
      CREATE TABLE plugin.used (file UUID);
      INSERT INTO plugin.notes VALUES (ARRAY['see /depot/dbfiles/${one}']);
      INSERT INTO plugin.used VALUES ('${other}')`,
  };
  kottiSite(harness);

  test('moves references in jsonb and back, and names those of a table without a key', async () => {
    const { site, rows, execute } = await loadSite(harness);
    const text = referenceText('dbfiles', 'fbde83c8-e6ef-11f1-9ec2-02fc00000001', {
      filename: 'größe "1".txt',
      size: 1.5,
    });
    const value = `$text$${text}$text$`;
    await execute(`
      CREATE TABLE keyless (data TEXT); INSERT INTO keyless VALUES (${value});
      CREATE TABLE pages (id UUID PRIMARY KEY DEFAULT gen_random_uuid(), data JSONB, raw JSON);
      INSERT INTO pages (data, raw) VALUES (${value}, ${value})`);
    const stored = async () =>
      (await rows('SELECT data::text, raw::text FROM pages'))[0] as [string, string];
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
    const [data, raw] = await stored();
    expect(JSON.parse(data)).toMatchObject({ depot_name: 'localfs', size: 1.5 });
    expect(JSON.parse(data)).toEqual(JSON.parse(raw));
    const undone = await undo(site, stateFile);
    expect(undone.counts.references).toMatchObject({ migrated: 2, changed: 0, failed: 0 });
    expect(await stored()).toEqual(before);
  });
});
