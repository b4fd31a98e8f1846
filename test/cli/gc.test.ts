import {
  lutimesSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import Sqlite from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import {
  absentId,
  depot,
  done,
  fixtures,
  namesIn,
  newSite,
  newStoreWith,
  objects,
} from './depot.js';

const site = ['-c', 'production.ini'];
const gc = [...site, 'gc', 'dbfiles', '--older-than', '1s'];
const longAgo = new Date('2020-01-02T03:04:05Z');

const expected = JSON.parse(
  readFileSync(path.join(fixtures, 'kotti-site', 'expected.json'), 'utf8'),
) as { blobs: { file_id: string; referenced_by: number }[] };
const unreferenced = expected.blobs
  .filter((one) => one.referenced_by === 0)
  .map((one) => `dbfiles/${one.file_id}`)
  .sort();
const [loose = ''] = unreferenced;
const looseId = loose.slice('dbfiles/'.length);

function change(here: string, sql: string, ...values: string[]): void {
  const database = new Sqlite(path.join(here, 'Kotti.db'));
  database.prepare(sql).run(...values);
  database.close();
}

async function pathsIn(here: string, storage: string): Promise<string[]> {
  return (await done(here, [...site, 'list', storage])).split('\n').sort();
}

/** A file that was written long ago, with the directories that it needs. */
function writeOld(file: string, content = 'x'): void {
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, content);
  utimesSync(file, longAgo, longAgo);
  utimesSync(path.dirname(file), longAgo, longAgo);
}

describe.concurrent('gc', () => {
  test('lists what nothing names, and deletes nothing', async () => {
    const here = newSite();
    const before = await pathsIn(here, 'dbfiles');
    const { code, out, err } = await depot(here, gc);
    expect(code).toBe(0);
    expect(out.trimEnd().split('\n').sort()).toEqual(unreferenced);
    expect(err).toBe(
      'Would delete 3 blobs (84 bytes) and 0 leftovers of dbfiles, of 50 blobs listed, 0 too young.\n' +
        'Nothing was deleted: run it with --yes to delete them.\n',
    );
    expect(await pathsIn(here, 'dbfiles')).toEqual(before);
  });

  test('--yes deletes that and nothing else', async () => {
    const here = newSite();
    const before = await pathsIn(here, 'dbfiles');
    const { code, out } = await depot(here, ['--json', ...gc, '--yes']);
    expect(code).toBe(0);
    const lines = objects(out);
    expect(
      lines
        .slice(0, -1)
        .map((line) => line.path)
        .sort(),
    ).toEqual(unreferenced);
    expect(lines.at(-1)).toEqual({
      type: 'summary',
      command: 'gc',
      storage: 'dbfiles',
      dry_run: false,
      references: { scanned: 42 },
      blobs: { listed: 50, young: 0, unreferenced: 3, deleted: 3, failed: 0 },
      leftovers: { found: 0, removed: 0 },
      bytes: 84,
      seconds: expect.any(Number),
    });
    const left = before.filter((one) => !unreferenced.includes(one));
    expect(await pathsIn(here, 'dbfiles')).toEqual(left);
  });

  test.each([
    ['in rich text', `<img src="/depot/dbfiles/${looseId}/image">`],
    ['in capitals', looseId.toUpperCase()],
    ['without hyphens', `see ${looseId.replaceAll('-', '')}.`],
    ['percent-encoded', looseId.replaceAll('-', '%2D')],
    ['of another storage', `{"depot_name": "elsewhere", "path": "elsewhere/${looseId}"}`],
  ])('keeps what is mentioned %s', async (_how, text) => {
    const here = newSite();
    change(here, 'UPDATE documents SET body = ? WHERE id = (SELECT min(id) FROM documents)', text);
    const { out } = await depot(here, [...gc, '--yes']);
    expect(out.trimEnd().split('\n').sort()).toEqual(unreferenced.filter((one) => one !== loose));
    expect(await pathsIn(here, 'dbfiles')).toContain(loose);
  });

  test('keeps what references name in another storage, such as a backup', async () => {
    const here = newSite();
    await depot(here, [...site, 'migrate-storage', '--from', 'dbfiles', '--to', 'localfs']);
    const { out } = await depot(here, [...gc, '--yes']);
    expect(out.trimEnd().split('\n').sort()).toEqual(unreferenced);
  });

  test('keeps what is younger than the age, and what has no known time', async () => {
    const here = newSite();
    writeFileSync(path.join(here, 'new.txt'), 'new');
    const put = await done(here, [...site, 'put', '-s', 'dbfiles', 'new.txt']);
    change(here, 'UPDATE blobs SET last_modified = NULL WHERE file_id = ?', looseId);
    const { out, err } = await depot(here, [
      ...site,
      'gc',
      'dbfiles',
      '--older-than',
      '1h',
      '--yes',
    ]);
    expect(out).not.toContain(put);
    expect(out).not.toContain(loose);
    expect(err).toContain('of 51 blobs listed');
    expect(await pathsIn(here, 'dbfiles')).toEqual(expect.arrayContaining([put, loose]));
  });

  test('refuses without a database, with one that holds no reference, and beside a migration', async () => {
    const { here: store } = await newStoreWith('a');
    const none = await depot(store, ['gc', 'files', '--older-than', '1s', '--yes']);
    expect(none).toMatchObject({ code: 4, out: '' });
    expect(none.err).toContain('no database is configured in');

    const empty = newSite();
    for (const table of [
      'files',
      'images',
      'attachments',
      'contracts',
      'gallery_pictures',
      '"group"',
      'members',
      'translations',
    ])
      change(empty, `DELETE FROM ${table}`);
    const ended = await depot(empty, [...gc, '--yes']);
    expect(ended.code).toBe(4);
    expect(ended.err).toContain('no reference at all is found in');
    expect(await pathsIn(empty, 'dbfiles')).toContain(loose);

    const busy = newSite();
    const lock = new Sqlite(path.join(busy, 'Kotti.db-depot-lock'));
    lock.exec('BEGIN EXCLUSIVE');
    const beside = await depot(busy, [...gc, '--yes']);
    lock.close();
    expect(beside).toMatchObject({ code: 4, out: '' });
    expect(await pathsIn(busy, 'dbfiles')).toContain(loose);
  });

  test('exits 5 where the database cannot be reached, 3 without such a storage, 2 without an age', async () => {
    const here = newSite();
    expect(await depot(here, [...site, 'gc', 'none', '--older-than', '1d'])).toMatchObject({
      code: 3,
    });
    expect(await depot(here, [...site, 'gc', 'dbfiles'])).toMatchObject({ code: 2 });
    rmSync(path.join(here, 'Kotti.db'));
    const localfs = [...site, 'gc', 'localfs', '--older-than', '1s', '--yes'];
    const before = namesIn(path.join(here, 'blobs'));
    expect(await depot(here, localfs)).toMatchObject({ code: 5, out: '' });
    expect(namesIn(path.join(here, 'blobs'))).toEqual(before);
  });

  test('removes what killed writers left, when it is old', async () => {
    const here = newSite();
    const blobs = path.join(here, 'blobs');
    const [blob = ''] = await pathsIn(here, 'localfs').then((all) =>
      all.map((one) => one.slice(8)),
    );
    const bytes = readFileSync(path.join(blobs, blob, 'file'));
    const named = absentId;
    change(here, `UPDATE documents SET body = ? WHERE id = (SELECT min(id) FROM documents)`, named);
    const removed = [
      path.join('.depot-staging', 'old', 'file'),
      path.join('5d30d973-37ec-4264-af92-10d4ef6e1da9', 'file'),
      path.join(blob, '.depot-file-5d30d973-37ec-4264-af92-10d4ef6e1da9'),
    ];
    const kept = [path.join(named, 'file'), path.join('.hidden', 'file')];
    for (const file of [...removed, ...kept]) writeOld(path.join(blobs, file));
    const young = path.join('.depot-staging', 'young', 'file');
    mkdirSync(path.dirname(path.join(blobs, young)));
    writeFileSync(path.join(blobs, young), 'x');
    const args = [...site, '--json', 'gc', 'localfs', '--older-than', '1h'];
    const all = () =>
      new Set(
        namesIn(blobs).flatMap((one) =>
          namesIn(path.join(blobs, one)).flatMap((two) => [
            path.join(one, two),
            ...(one === '.depot-staging'
              ? namesIn(path.join(blobs, one, two)).map((three) => path.join(one, two, three))
              : []),
          ]),
        ),
      );
    const listed = objects((await depot(here, args)).out);
    expect(listed.at(-1)).toMatchObject({ leftovers: { found: 3, removed: 0 } });
    expect([...all()]).toEqual(expect.arrayContaining([...removed, ...kept, young]));
    const { code, out } = await depot(here, [...args, '--yes']);
    expect(code).toBe(0);
    expect(objects(out).at(-1)).toMatchObject({
      blobs: { deleted: 0 },
      leftovers: { found: 3, removed: 3 },
    });
    const left = all();
    expect([...left]).toEqual(expect.arrayContaining([...kept, young]));
    for (const file of removed) expect(left).not.toContain(file);
    expect(readFileSync(path.join(blobs, blob, 'file')).equals(bytes)).toBe(true);
  });

  test('follows no symbolic link, and leaves them alone', async () => {
    const here = newSite();
    const blobs = path.join(here, 'blobs');
    const outside = path.join(here, 'outside', 'precious');
    writeOld(outside);
    const [circle, away] = [absentId, absentId.replace(/^./, 'a')];
    writeOld(path.join(blobs, circle, 'file'));
    symlinkSync('..', path.join(blobs, circle, 'up'));
    symlinkSync(path.join(here, 'outside'), path.join(blobs, circle, 'out'));
    symlinkSync(path.join(here, 'outside'), path.join(blobs, away));
    symlinkSync(path.join(here, 'outside'), path.join(blobs, '.depot-staging'));
    utimesSync(path.join(blobs, circle), longAgo, longAgo);
    for (const link of ['up', 'out']) lutimesSync(path.join(blobs, circle, link), longAgo, longAgo);
    const args = [...site, 'gc', 'localfs', '--older-than', '1h', '--yes'];
    const { code, out } = await depot(here, args);
    expect(code).toBe(0);
    expect(out).toContain(path.join(blobs, circle));
    expect(readFileSync(outside, 'utf8')).toBe('x');
    expect(namesIn(blobs)).toEqual(expect.arrayContaining([away, '.depot-staging']));
    expect(namesIn(blobs)).not.toContain(circle);
  });

  test('leaves the bytes of a replace alone that was decided', async () => {
    const here = newSite();
    const [path0 = ''] = await pathsIn(here, 'localfs');
    const directory = path.join(here, 'blobs', path0.slice('localfs/'.length));
    const token = '5d30d973-37ec-4264-af92-10d4ef6e1da9';
    const metadata = readFileSync(path.join(directory, 'metadata.json'), 'utf8');
    writeOld(path.join(directory, `.depot-file-${token}`), 'new bytes');
    const decided = metadata.replace(/"content_length": \d+/, '"content_length": 9');
    writeOld(path.join(directory, `.depot-replace-${token}`), decided);
    await depot(here, [...site, 'gc', 'localfs', '--older-than', '1h', '--yes']);
    expect(await done(here, [...site, 'get', path0, '-'])).toBe('new bytes');
  });
});
