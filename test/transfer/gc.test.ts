import path from 'node:path';
import { expect, test } from 'vitest';
import type { Manager } from '../../src/manager.js';
import { type GcResult, runGc } from '../../src/transfer/run-gc.js';
import {
  addBlob,
  addRow,
  identifiers,
  makeSite,
  query,
  referenceText,
  type Site,
  withManager,
} from './site.js';

/** Deletes what nothing names; `prepare` may hook into the manager before. */
function collect(site: Site, prepare: (manager: Manager) => Promise<void>): Promise<GcResult> {
  return withManager(site, async (manager) => {
    await prepare(manager);
    const quiet = { problem() {}, progress() {}, notice() {} };
    return runGc(manager, {
      ...{ name: 'dbfiles', before: new Date(Date.now() + 60_000), deleting: true },
      ...{ signal: new AbortController().signal, concurrency: 4 },
      found: async () => {},
      observer: quiet,
    });
  });
}

test('what moves between two tables while they are read is not deleted', async () => {
  const site = makeSite();
  const moving = await addBlob(site, 'dbfiles', 'moving');
  const loose = await addBlob(site, 'dbfiles', 'loose');
  addRow(site, referenceText('dbfiles', await addBlob(site, 'dbfiles', 'named')));
  query(site, 'INSERT INTO files (title) VALUES (?)', moving);
  const { counts, error } = await collect(site, async (manager) => {
    for (const database of await manager.allDatabases()) {
      const texts = database.texts.bind(database);
      let moved = false;
      database.texts = async (asked) => {
        // The documents have been read by now, the titles have not.
        if (asked.table.name === 'files' && asked.column === 'title' && !moved) {
          moved = true;
          query(
            site,
            'INSERT INTO documents (body) SELECT title FROM files WHERE title = ?',
            moving,
          );
          query(site, 'UPDATE files SET title = NULL WHERE title = ?', moving);
        }
        return texts(asked);
      };
    }
  });
  expect(error).toBeNull();
  expect(counts.blobs).toMatchObject({ deleted: 1, failed: 0 });
  const left = await identifiers(site, 'dbfiles');
  expect(left).toContain(moving);
  expect(left).not.toContain(loose);
});

test.each([
  ['a pickled object', 'pickled BLOB', (id: string) => Buffer.from(`\x80\x02}${id}.`)],
  ['bytes', 'key BLOB', (id: string) => Buffer.from(id.replaceAll('-', ''), 'hex')],
  ['a table blobs that is not Kotti’s', 'file_id TEXT, data TEXT', (id: string) => id],
])('what is named in %s is not deleted', async (_where, columns, value) => {
  const site = makeSite(
    'databases =\n    sqlite:///%(here)s/site.db\n    sqlite:///%(here)s/second.db\n',
  );
  const second = { ...site, database: path.join(site.directory, 'second.db') };
  const [named, id] = [
    await addBlob(site, 'dbfiles', 'named'),
    await addBlob(site, 'dbfiles', 'content'),
  ];
  addRow(site, referenceText('dbfiles', named));
  query(second, `CREATE TABLE files (data TEXT); CREATE TABLE blobs (${columns})`);
  query(second, 'INSERT INTO files VALUES (?)', referenceText('dbfiles', named));
  query(second, `INSERT INTO blobs (${columns.split(' ')[0]}) VALUES (?)`, value(id));
  const { counts, error } = await collect(site, async () => {});
  expect(error).toBeNull();
  expect(counts.blobs).toMatchObject({ listed: 2, unreferenced: 0, deleted: 0 });
});
