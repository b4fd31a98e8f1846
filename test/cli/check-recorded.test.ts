import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import Sqlite from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { depot, done, namesIn, newSite, objects } from './depot.js';

const site = ['-c', 'production.ini'];
const state = path.join('depot-state', 'dbfiles-to-localfs.sqlite');

/** A site whose files have moved to local files, old as they were; those that have any bytes. */
async function migrated(): Promise<{ here: string; moved: string[] }> {
  const here = newSite();
  const database = new Sqlite(path.join(here, 'Kotti.db'));
  database.exec(`UPDATE blobs SET last_modified = '2020-01-02 03:04:05.000000'`);
  database.close();
  const before = new Set(namesIn(path.join(here, 'blobs')));
  await depot(here, [...site, 'migrate-storage', '--from', 'dbfiles', '--to', 'localfs']);
  const moved = namesIn(path.join(here, 'blobs')).filter(
    (name) => !before.has(name) && readFileSync(path.join(here, 'blobs', name, 'file')).length > 0,
  );
  return { here, moved };
}

/** Changes a byte of a local file, and not its length. */
function spoil(here: string, id: string): void {
  const file = path.join(here, 'blobs', id, 'file');
  const bytes = readFileSync(file);
  bytes.writeUInt8(bytes.readUInt8(0) ^ 1);
  writeFileSync(file, bytes);
}

async function damagedIn(here: string, ...args: string[]): Promise<[unknown, unknown][]> {
  const { out } = await depot(here, [...site, '--json', 'check', 'localfs', ...args]);
  const damaged = objects(out).filter(({ kind }) => kind === 'damaged-blob');
  return damaged.map((one) => [one.path, one.message]);
}

describe.concurrent('check --deep after a migration', () => {
  test('names a blob that has not the bytes which were copied', async () => {
    const { here, moved } = await migrated();
    expect(await damagedIn(here, '--deep')).toEqual([]);
    const id = moved[0] ?? '';
    spoil(here, id);
    expect(await damagedIn(here)).toEqual([]);
    const blob = `localfs/${id}`;
    const file = path.join(here, state);
    expect(await damagedIn(here, '--deep')).toEqual([
      [blob, `damaged blob ${blob}: its bytes do not have a SHA-256 that ${file} has noted`],
    ]);
  });

  test('names one of the source too', async () => {
    const { here, moved } = await migrated();
    const database = new Sqlite(path.join(here, 'Kotti.db'));
    const [id] = moved;
    database.prepare(`UPDATE blobs SET data = zeroblob(length(data)) WHERE file_id = ?`).run(id);
    database.close();
    const damaged = await damagedIn(here, 'dbfiles', '--deep');
    expect(damaged.map(([blob]) => blob)).toContain(`dbfiles/${id}`);
  });

  test('takes what was replaced since for the application’s', async () => {
    const { here, moved } = await migrated();
    writeFileSync(path.join(here, 'new.txt'), 'new');
    await done(here, [...site, 'replace', `localfs/${moved[0]}`, 'new.txt']);
    expect(await damagedIn(here, '--deep')).toEqual([]);
  });

  test('names what is no state file', async () => {
    const { here } = await migrated();
    writeFileSync(path.join(here, 'depot-state', 'other.sqlite'), 'something else');
    const { code, err } = await depot(here, [...site, 'check', 'localfs', '--deep']);
    expect(code).toBe(6);
    expect(err).toMatch(
      /^What it may have noted is not compared: .*other\.sqlite is no state file of a migration\n$/,
    );
  });
});
