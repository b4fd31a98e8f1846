import { expect, onTestFinished, test } from 'vitest';
import {
  connectClient as connectMariadb,
  createDatabase as createMariadb,
} from '../databases/mariadb-harness.js';
import {
  connectClient as connectPostgres,
  createDatabase as createPostgres,
} from '../databases/postgres-harness.js';
import { describeWithServer } from '../servers/servers.js';
import { migrate, undo } from './runs.js';
import { addBlob, addRow, identifiers, makeSite, referenceText, type Site } from './site.js';

const id = 'f8fd9e46-e6ef-11f1-b551-02fc00000001';
const key = 'f8fd9e46-e6ef-11f1-b551-02fc00000009';

/** A site whose texts are in a server's database, seen through the application's own connection. */
interface ServerSite {
  readonly site: Site;
  rows(sql: string): Promise<unknown[][]>;
}

async function siteIn(url: string): Promise<Site> {
  const escaped = url.replaceAll('%', '%%');
  const site = makeSite(
    `databases =\n    sqlite:///%(here)s/site.db\n    ${escaped}\n\n[depot:aliases]\nold = dbfiles\n`,
  );
  await addBlob(site, 'dbfiles', 'content', id);
  addRow(site, referenceText('dbfiles', id));
  return site;
}

async function postgresSite(server: string, statements: string): Promise<ServerSite> {
  const { url, remove } = await createPostgres(server);
  onTestFinished(remove);
  const client = await connectPostgres(url);
  onTestFinished(() => client.end());
  await client.query(statements);
  return {
    site: await siteIn(url.replace(/^postgres:/, 'postgresql:')),
    rows: async (sql) => (await client.query({ text: sql, rowMode: 'array' })).rows,
  };
}

async function mariadbSite(server: string, statements: string): Promise<ServerSite> {
  const { url, remove } = await createMariadb(server);
  onTestFinished(remove);
  const client = await connectMariadb(url);
  onTestFinished(() => client.end());
  await client.query(statements);
  return {
    site: await siteIn(url),
    rows: async (sql) => (await client.query(sql))[0] as unknown as unknown[][],
  };
}

const html = (storage: string): string => `<a href="/depot/${storage}/${id}/download">é</a>`;

const postgresTables = `
  CREATE SCHEMA cms;
  CREATE TABLE cms."Pages" (a INTEGER, "B" TEXT, body TEXT, PRIMARY KEY (a, "B"));
  INSERT INTO cms."Pages" VALUES (1, 'x', '${html('dbfiles')}'), (2, 'y', 'old/${id}');
  CREATE TABLE settings (k UUID PRIMARY KEY, plain JSON, packed JSONB);
  INSERT INTO settings VALUES ('${key}', '{"b" :  1.0, "a":"\\/depot\\/dbfiles\\/${id}"}',
    '{"longer": "dbfiles/${id}", "a": 1.50}');
  CREATE TABLE short (id INTEGER PRIMARY KEY, note VARCHAR(40));
  INSERT INTO short VALUES (1, 'old/${id}');
  CREATE TABLE loose (note TEXT);
  INSERT INTO loose VALUES ('old/${id}');
  CREATE TABLE files (id INTEGER PRIMARY KEY, data TEXT);
  INSERT INTO files VALUES (1, '${referenceText('localfs', 'f8fd9e46-e6ef-11f1-b551-02fc00000002')}')`;

const mariadbTables = `
  CREATE TABLE pages (a INTEGER, b VARCHAR(20), body LONGTEXT COLLATE utf8mb4_general_ci, PRIMARY KEY (a, b));
  INSERT INTO pages VALUES (1, 'x', '${html('dbfiles')}'), (2, 'y', 'old/${id}');
  CREATE TABLE settings (k VARCHAR(36) PRIMARY KEY, plain JSON,
    touched TIMESTAMP DEFAULT '2020-01-01 00:00:00' ON UPDATE CURRENT_TIMESTAMP);
  INSERT INTO settings (k, plain) VALUES ('${key}', '{"b" :  1.0, "a":"\\\\/depot\\\\/dbfiles\\\\/${id}"}');
  CREATE TABLE short (id INTEGER PRIMARY KEY, note VARCHAR(40));
  INSERT INTO short VALUES (1, 'old/${id}');
  CREATE TABLE loose (note LONGTEXT);
  INSERT INTO loose VALUES ('old/${id}');
  CREATE TABLE files (id INTEGER PRIMARY KEY, data LONGTEXT);
  INSERT INTO files VALUES (1, '${referenceText('localfs', 'f8fd9e46-e6ef-11f1-b551-02fc00000002')}')`;

const sites = {
  postgres: {
    open: (server: string) => postgresSite(server, postgresTables),
    pages: 'SELECT body FROM cms."Pages" ORDER BY a',
    settings: 'SELECT plain::text, packed::text FROM settings',
    json: (storage: string) => [
      `{"b" :  1.0, "a":"\\/depot\\/${storage}\\/${id}"}`,
      `{"a": 1.50, "longer": "${storage}/${id}"}`,
    ],
    second: 'cms.Pages.body a=2 B=y',
    removals: [
      ['cms.Pages.body a=1 B=x', 'DELETE FROM cms."Pages" WHERE a = 1'],
      ['cms.Pages.body a=2 B=y', 'DELETE FROM cms."Pages" WHERE a = 2'],
      [`settings.plain k=${key}`, 'UPDATE settings SET plain = NULL'],
      [`settings.packed k=${key}`, 'UPDATE settings SET packed = NULL'],
      ['short.note id=1', 'DELETE FROM short'],
      ['loose.note', 'DELETE FROM loose'],
    ],
  },
  mariadb: {
    open: (server: string) => mariadbSite(server, mariadbTables),
    pages: 'SELECT body FROM pages ORDER BY a',
    settings: 'SELECT plain, CAST(touched AS CHAR) FROM settings',
    json: (storage: string) => [
      `{"b" :  1.0, "a":"\\/depot\\/${storage}\\/${id}"}`,
      '2020-01-01 00:00:00',
    ],
    second: 'pages.body a=2 b=y',
    removals: [
      ['pages.body a=1 b=x', 'DELETE FROM pages WHERE a = 1'],
      ['pages.body a=2 b=y', 'DELETE FROM pages WHERE a = 2'],
      [`settings.plain k=${key}`, 'UPDATE settings SET plain = NULL'],
      ['short.note id=1', 'DELETE FROM short'],
      ['loose.note', 'DELETE FROM loose'],
    ],
  },
} as const;

for (const name of ['postgres', 'mariadb'] as const) {
  const { open, pages, settings, json, second, removals } = sites[name];
  describeWithServer(name, `mentions in ${name}`, (server) => {
    test('keep a blob, each named by table, column and key', async () => {
      const { site, rows } = await open(server);
      await migrate(site);
      const waiting = new Map<string, string>(removals);
      for (const _ of removals) {
        const { counts, problems } = await migrate(site, { deleteSource: true });
        expect(counts.blobs.deleted).toBe(0);
        expect(problems).toMatchObject([{ kind: 'still-mentioned', path: `dbfiles/${id}` }]);
        const where = problems[0]?.reference?.replace(/^(loose\.note) .*/, '$1') ?? '';
        expect([...waiting.keys()]).toContain(where);
        await rows(waiting.get(where) as string);
        waiting.delete(where);
      }
      expect((await migrate(site, { deleteSource: true })).counts.blobs.deleted).toBe(1);
    });

    test('are rewritten in every kind of column, left where they cannot be, and given back', async () => {
      const { site, rows } = await open(server);
      const before = [await rows(pages), await rows(settings)];
      const { counts, problems, error, stateFile } = await migrate(site, {
        to: 'archive',
        rewriteMentions: true,
      });
      expect(error).toBeNull();
      expect(await rows(pages)).toEqual([[html('archive')], [`archive/${id}`]]);
      expect(await rows(settings)).toEqual([json('archive')]);
      expect(problems).toMatchObject([
        { kind: 'mention-left', reference: expect.stringMatching(/^loose\.note /) },
        { kind: 'mention-left', reference: 'short.note id=1', path: `dbfiles/${id}` },
      ]);
      expect(counts.mentions).toEqual({ rewritten: name === 'postgres' ? 4 : 3, left: 2 });
      const back = await undo(site, stateFile);
      expect(back.problems).toEqual([]);
      expect([await rows(pages), await rows(settings)]).toEqual(before);
    });

    test('are rewritten one by one where the database refuses some', async () => {
      const { site, rows } = await open(server);
      await rows('DELETE FROM short');
      await rows('DELETE FROM loose');
      const table = name === 'postgres' ? 'cms."Pages"' : 'pages';
      await rows(`ALTER TABLE ${table} ADD CHECK (body <> 'localfs/${id}')`);
      const { counts, problems } = await migrate(site, { rewriteMentions: true });
      expect(problems).toMatchObject([{ kind: 'mention-left', reference: second }]);
      expect(counts.mentions?.left).toBe(1);
      expect(await rows(pages)).toEqual([[html('localfs')], [`old/${id}`]]);
      const kept = await migrate(site, { deleteSource: true });
      expect(kept.counts.blobs.deleted).toBe(0);
      expect(await identifiers(site, 'dbfiles')).toEqual([id]);
    });
  });
}
