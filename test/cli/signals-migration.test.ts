import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import Sqlite from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import {
  depot,
  interruptions,
  namesIn,
  newDirectory,
  objects,
  outcome,
  start,
  until,
} from './depot.js';

describe('an interruption of a migration', () => {
  const blobs = 500;
  const migrate = ['--json', 'migrate-storage', '--from', 'dbfiles', '--to', 'localfs'];

  /** A site of Kotti's with many blobs in its database. */
  function newLargeSite(): string {
    const here = newDirectory();
    mkdirSync(path.join(here, 'blobs'));
    const settings = [
      'use = egg:kotti',
      'sqlalchemy.url = sqlite:///%(here)s/Kotti.db',
      'kotti.depot.1.name = localfs',
      'kotti.depot.1.backend = local',
      'kotti.depot.1.storage_path = %(here)s/blobs',
    ];
    writeFileSync(path.join(here, 'depot.ini'), ['[app:kotti]', ...settings, ''].join('\n'));
    const database = new Sqlite(path.join(here, 'Kotti.db'));
    database.exec(`
      CREATE TABLE blobs (id INTEGER PRIMARY KEY, file_id VARCHAR(36), filename VARCHAR(100),
        content_type VARCHAR(100), content_length INTEGER, last_modified DATETIME, data BLOB);
      CREATE INDEX ix_blobs_file_id ON blobs (file_id);
      CREATE TABLE files (id INTEGER PRIMARY KEY, data VARCHAR(4096));
      BEGIN;`);
    const blob = database.prepare(
      "INSERT INTO blobs VALUES (?, ?, 'a', 'text/plain', 3, '2026-01-02 03:04:05.000000', 'abc')",
    );
    const reference = database.prepare('INSERT INTO files VALUES (?, ?)');
    for (let number = 1; number <= blobs; number += 1) {
      const id = `3b241101-e2bb-11e5-8b8e-${String(number).padStart(12, '0')}`;
      blob.run(number, id);
      reference.run(
        number,
        `{"depot_name": "dbfiles", "files": ["dbfiles/${id}"], "file_id": "${id}", "path": "dbfiles/${id}"}`,
      );
    }
    database.exec('COMMIT');
    database.close();
    return here;
  }

  /** How many references name which storage; each must name a blob that is there. */
  function countReferences(here: string): Record<string, number> {
    const database = new Sqlite(path.join(here, 'Kotti.db'), { readonly: true });
    const texts = database.prepare<[], string>('SELECT data FROM files').pluck().all();
    const stored = new Set(database.prepare('SELECT file_id FROM blobs').pluck().all());
    database.close();
    const counts: Record<string, number> = {};
    for (const text of texts) {
      const { depot_name: storage, file_id: id } = JSON.parse(text) as Record<string, string>;
      const isThere =
        storage === 'localfs'
          ? readFileSync(path.join(here, 'blobs', id ?? '', 'file'), 'utf8') === 'abc'
          : stored.has(id);
      expect(isThere).toBe(true);
      counts[storage ?? ''] = (counts[storage ?? ''] ?? 0) + 1;
    }
    return counts;
  }

  test.each([...interruptions, { signal: 'SIGKILL', code: null } as const])(
    'it is consistent, says what it did, and a rerun does the rest: $signal',
    async ({ signal, code }) => {
      const here = newLargeSite();
      const child = start(here, migrate);
      await until(child, () => namesIn(path.join(here, 'blobs')).length > 50);
      child.kill(signal);
      const ended = await outcome(child);
      expect(ended.code).toBe(code);
      const { localfs = 0, dbfiles = 0 } = countReferences(here);
      expect(dbfiles).toBeGreaterThan(0);
      expect(localfs + dbfiles).toBe(blobs);
      if (signal !== 'SIGKILL') {
        const [summary] = objects(ended.out);
        expect(summary).toMatchObject({ type: 'summary', references: { migrated: localfs } });
        expect(ended.err).toBe('');
      }
      const rerun = await depot(here, migrate);
      expect(rerun).toMatchObject({ code: 0, err: '' });
      expect(objects(rerun.out).at(-1)).toMatchObject({
        references: { migrated: dbfiles, missing: 0, failed: 0 },
        blobs: { missing: 0, failed: 0 },
      });
      expect(countReferences(here)).toEqual({ localfs: blobs });
      rmSync(here, { recursive: true });
    },
  );

  test('its summary in text says that it was interrupted, and what to do', async () => {
    const here = newLargeSite();
    const child = start(here, migrate.slice(1));
    await until(child, () => namesIn(path.join(here, 'blobs')).length > 50);
    child.kill('SIGINT');
    const { code, out, err } = await outcome(child);
    expect(code).toBe(130);
    expect(out).toMatch(
      /^Migrated \d+ references from dbfiles to localfs in .* s\.\n {2}references: .*\n {2}blobs: .*\n$/,
    );
    expect(err).toBe('Interrupted. Everything is consistent: run it again to go on.\n');
  });
});
