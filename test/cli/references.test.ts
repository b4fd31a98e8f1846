import path from 'node:path';
import Sqlite from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { depot, newSite, objects } from './depot.js';

const count = ['-c', 'production.ini', 'references', '--count'];

describe.concurrent('references --count', () => {
  test('tells how many blobs of which storage each column names, and how large they are', async () => {
    const { code, out, err } = await depot(newSite(), count);
    expect(code).toBe(0);
    const lines = out.split('\n');
    expect(lines[0]).toMatch(/^COLUMN +STORAGE +REFERENCES +BLOBS +SIZE$/);
    expect(lines).toContainEqual(expect.stringMatching(/^images\.data +dbfiles +4 +12 +19 kB$/));
    expect(lines).toContainEqual(expect.stringMatching(/^attachments\.document +oldfs +1 +1 +\?$/));
    expect(lines.at(-2)).toMatch(
      /^dbfiles\/[-0-9a-f]{36} is named by attachments\.document id=5, files\.data id=23, files\.data id=24$/,
    );
    expect(err).toMatch(/^How much is in oldfs is not known: no storage "oldfs" in .*\n$/);
  });

  test('counts a blob that several references of a column name once in the bytes', async () => {
    const here = newSite();
    const database = new Sqlite(path.join(here, 'Kotti.db'), { readonly: true });
    const bytes = database
      .prepare(
        `SELECT sum(length(data)) FROM blobs WHERE file_id IN (
           SELECT json_extract(data, '$.file_id') FROM files
           WHERE json_valid(data) AND json_extract(data, '$.depot_name') = 'dbfiles')`,
      )
      .pluck()
      .get();
    database.close();
    const lines = objects((await depot(here, ['--json', ...count])).out);
    const files = lines.find((line) => line.column === 'files.data' && line.storage === 'dbfiles');
    expect(files).toMatchObject({ references: 20, blobs: 20, bytes });
    expect(lines.find((line) => line.storage === 'oldfs')).toMatchObject({ bytes: null });
    const shared = lines.filter((line) => (line.shared as unknown[]).length > 0);
    expect(shared.map(({ column }) => column)).toEqual(['attachments.document', 'files.data']);
    expect(shared[0]?.shared).toEqual(shared[1]?.shared);
  });
});
