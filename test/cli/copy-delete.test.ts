import { appendFileSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import Sqlite from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { depot, done, newSite, objects } from './depot.js';

const site = ['-c', 'production.ini'];
const mirror = [...site, 'copy', '--from', 'dbfiles', '--to', 'backup', '--delete'];

/** Kotti's site with a full backup in local files. */
async function newBackedUpSite(): Promise<string> {
  const here = newSite();
  const settings = 'name = backup\nbackend = local\nstorage_path = %(here)s/backup\n';
  const backup = settings
    .trim()
    .split('\n')
    .map((line) => `depot.7.${line}\n`);
  appendFileSync(path.join(here, 'production.ini'), `\n[depot]\n${backup.join('')}`);
  mkdirSync(path.join(here, 'backup'));
  run(here, 'DELETE FROM blobs WHERE data IS NULL');
  await done(here, ['-q', ...mirror.slice(0, -1)]);
  return here;
}

function run(here: string, sql: string, ...values: unknown[]): void {
  const database = new Sqlite(path.join(here, 'Kotti.db'));
  database.prepare(sql).run(...values);
  database.close();
}

/** The identifiers of two blobs that nothing names, and one that a reference does. */
async function idsIn(here: string): Promise<{ loose: [string, string]; named: string }> {
  const lines = objects((await depot(here, ['--json', ...site, 'check', 'dbfiles'])).out);
  const paths = lines.filter(({ kind }) => kind === 'unreferenced-blob').map((one) => one.path);
  const [one, other] = paths.map((blob) => String(blob).slice('dbfiles/'.length));
  const database = new Sqlite(path.join(here, 'Kotti.db'), { readonly: true });
  const text = database.prepare('SELECT data FROM images LIMIT 1').pluck().get() as string;
  database.close();
  const { file_id: named } = JSON.parse(text) as { file_id: string };
  return { loose: [one ?? '', other ?? ''], named };
}

describe.concurrent('copy --delete', () => {
  test('keeps what a reference or a text still names, and says so', async () => {
    const here = await newBackedUpSite();
    const { loose, named } = await idsIn(here);
    const [mentioned, free] = loose;
    run(
      here,
      'UPDATE documents SET body = ? WHERE id = (SELECT min(id) FROM documents)',
      mentioned,
    );
    for (const id of [mentioned, free, named]) {
      run(here, 'DELETE FROM blobs WHERE file_id = ?', id);
    }
    const { code, out } = await depot(here, ['--json', ...mirror]);
    expect(code).toBe(1);
    const lines = objects(out);
    expect(lines.at(-1)).toMatchObject({ blobs: { deleted: 1, failed: 0 } });
    expect(
      lines
        .slice(0, -1)
        .map(({ kind, path: blob }) => [kind, blob])
        .sort(),
    ).toEqual(
      [
        ['still-mentioned', `backup/${mentioned}`],
        ['still-mentioned', `backup/${named}`],
      ].sort(),
    );
    const left = await done(here, [...site, 'list', 'backup']);
    expect(left).toContain(mentioned);
    expect(left).toContain(named);
    expect(left).not.toContain(free);
  });

  test('deletes nothing in another name of a place that references name', async () => {
    const here = newSite();
    const other =
      'depot.7.name = other\ndepot.7.backend = local\ndepot.7.storage_path = %(here)s/blobs\n';
    appendFileSync(path.join(here, 'production.ini'), `\n[depot]\n${other}`);
    const before = await done(here, [...site, 'list', 'localfs']);
    const args = [...site, 'copy', '--from', 'dbfiles', '--to', 'other', '--delete'];
    const { code, err } = await depot(here, args);
    expect(err).toContain('references name blobs in other: it is no backup');
    expect(code).toBe(4);
    expect(await done(here, [...site, 'list', 'localfs'])).toBe(before);
  });

  test('deletes nothing by what a database without references says', async () => {
    const here = await newBackedUpSite();
    const { loose } = await idsIn(here);
    run(here, 'DELETE FROM blobs WHERE file_id = ?', loose[0]);
    const empty = new Sqlite(path.join(here, 'empty.db'));
    empty.exec('CREATE TABLE t (v TEXT)');
    empty.close();
    appendFileSync(path.join(here, 'production.ini'), 'databases = sqlite:///%(here)s/empty.db\n');
    const { code, err } = await depot(here, mirror);
    expect(err).toMatch(/^depot: nothing is deleted: no reference at all is found in .*empty\.db/m);
    expect(code).toBe(4);
    expect(await done(here, [...site, 'list', 'backup'])).toContain(loose[0]);
  });
});
