import { expect, test } from 'vitest';
import { describeWithServer } from '../servers/servers.js';
import { migrate, undo } from '../transfer/runs.js';
import { referenceText } from '../transfer/site.js';
import { kottiSite, loadSite, type SiteHarness } from './conformance/site.js';
import { loadMariadbDump } from './mariadb-harness.js';

describeWithServer('mariadb', 'a Kotti site in MariaDB', (server) => {
  const harness: SiteHarness = {
    kind: 'mysql',
    load: (dump) => loadMariadbDump(server, dump),
    quoted: (name) => `\`${name}\``,
    // A table without a key, bytes that are text, and a column of identifiers.
    mentions: (one, other) => `
      CREATE TABLE notes (text VARBINARY(200)); CREATE TABLE used (file UUID);
      INSERT INTO notes VALUES ('see /depot/dbfiles/${one}');
      INSERT INTO used VALUES ('${other}')`,
  };
  kottiSite(harness);

  test('moves references in columns of all kinds and back, and names those of a table without a key', async () => {
    const { site, rows, execute } = await loadSite(harness);
    const text = referenceText('dbfiles', 'ff809f16-e6ef-11f1-9471-02fc00000001', {
      filename: 'größe "1".txt',
      size: 1.5,
    });
    const value = `x'${Buffer.from(text).toString('hex')}'`;
    await execute(`
      CREATE TABLE keyless (data TEXT); INSERT INTO keyless VALUES (${value});
      CREATE TABLE pages (id BINARY(16) PRIMARY KEY, data JSON, raw VARCHAR(4000) CHARACTER SET latin1,
        bytes BLOB, changed TIMESTAMP DEFAULT '2026-01-02 03:04:05' ON UPDATE CURRENT_TIMESTAMP);
      INSERT INTO pages (id, data, raw, bytes) VALUES (x'00ff27', ${value}, ${value}, ${value})`);
    const stored = async () => (await rows('SELECT data, raw, bytes, changed FROM pages'))[0] ?? [];
    const before = await stored();
    const references = ['pages.data', 'pages.raw', 'pages.bytes', 'keyless.data'];
    const { counts, problems, stateFile } = await migrate(site, { references });
    expect(counts.references).toMatchObject({ migrated: 3, failed: 1 });
    expect(problems).toEqual([
      {
        kind: 'no-primary-key',
        reference: 'keyless.data row=1',
        path: null,
        message: 'the table keyless has no primary key: its rows cannot be told apart',
      },
    ]);
    const [data, raw, bytes, changed] = await stored();
    expect(JSON.parse(String(data))).toMatchObject({ depot_name: 'localfs', size: 1.5 });
    expect([raw, String(bytes)]).toEqual([data, data]);
    expect(changed).toEqual(before[3]);
    const undone = await undo(site, stateFile);
    expect(undone.counts.references).toMatchObject({ migrated: 3, changed: 0, failed: 0 });
    expect(await stored()).toEqual(before);
  });
});
