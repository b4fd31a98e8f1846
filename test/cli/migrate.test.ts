import { createHash } from 'node:crypto';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import Sqlite from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { depot, done, newSite, newStore, objects } from './depot.js';

const site = ['-c', 'production.ini'];
const toLocal = ['migrate-storage', '--from', 'dbfiles', '--to', 'localfs'];
const stateFile = path.join('depot-state', 'dbfiles-to-localfs.sqlite');

/** References of the site that name blobs of dbfiles; those of two of them are gone. */
const [migratable, missing] = [35, 2];

/** Names and contents of all files below a directory. */
function snapshot(here: string): Map<string, string> {
  const entries = readdirSync(here, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return new Map(
    files.map((entry) => {
      const file = path.join(entry.parentPath, entry.name);
      return [file, createHash('sha256').update(readFileSync(file)).digest('hex')];
    }),
  );
}

/** How many references of all columns name which storage. */
async function references(here: string): Promise<Record<string, number>> {
  const { out } = await depot(here, [...site, '--json', 'references', '--count']);
  const counts: Record<string, number> = {};
  for (const { storage, references } of objects(out)) {
    counts[String(storage)] = (counts[String(storage)] ?? 0) + Number(references);
  }
  return counts;
}

describe.concurrent('migrate-storage', () => {
  test('--json prints a line for each problem, then the summary of the contract', async () => {
    const here = newSite();
    const { code, out, err } = await depot(here, [...site, '--json', ...toLocal]);
    expect(code).toBe(1);
    const lines = objects(out);
    expect(lines).toHaveLength(missing + 1);
    expect(lines[0]).toEqual({
      type: 'problem',
      kind: 'missing-blob',
      reference: 'files.data id=25',
      path: expect.stringMatching(/^dbfiles\//),
      message: expect.stringContaining('does not exist'),
    });
    expect(lines[2]).toEqual({
      type: 'summary',
      command: 'migrate-storage',
      from: 'dbfiles',
      to: 'localfs',
      dry_run: false,
      references: { scanned: 42, migrated: migratable, missing, changed: 0, failed: 0 },
      blobs: {
        ...{ copied: 45, copied_by_service: 0, reused: 0 },
        ...{ missing, failed: 0, deleted: 0 },
      },
      bytes: expect.any(Number),
      seconds: expect.any(Number),
    });
    expect(
      err.match(/^depot: (files|images)\.data id=\d+: dbfiles\/.* does not exist$/gm),
    ).toHaveLength(2);
  });

  test('goes on where it was, and exits 0 once nothing is left', async () => {
    const here = newSite();
    const first = await depot(here, [...site, 'migrate', ...toLocal.slice(1), '--limit', '7']);
    expect(first.out).toMatch(/^Migrated 7 references from dbfiles to localfs in /);
    expect((await depot(here, [...site, ...toLocal])).out).toContain(
      `Migrated ${migratable - 7} ref`,
    );
    const database = new Sqlite(path.join(here, 'Kotti.db'));
    database.exec('DELETE FROM files WHERE id = 25; DELETE FROM images WHERE id = 31');
    database.close();
    const last = await depot(here, [...site, '--json', ...toLocal]);
    expect(last).toMatchObject({ code: 0, err: '' });
    expect(objects(last.out)[0]).toMatchObject({ references: { migrated: 0, missing: 0 } });
  });

  test('--dry-run writes nothing, nowhere, and says what would be', async () => {
    const here = newSite();
    const before = snapshot(here);
    const { code, out, err } = await depot(here, [
      ...site,
      ...toLocal,
      '--dry-run',
      '--delete-source',
    ]);
    expect(code).toBe(1);
    expect(out).toContain(`Would migrate ${migratable} references from dbfiles to localfs in `);
    expect(err).toContain('Nothing was written: this was a dry run.\n');
    expect(snapshot(here)).toEqual(before);
    const { out: json } = await depot(here, [...site, '--json', ...toLocal, '--dry-run']);
    expect(objects(json).at(-1)).toMatchObject({ dry_run: true, blobs: { copied: 45 } });
  });

  test('--references and --where limit what is moved', async () => {
    const here = newSite();
    const one = [
      '--references',
      'files.data',
      '--where',
      'id < 12',
      '--references',
      'members.photo',
    ];
    const { out } = await depot(here, [...site, '--json', ...toLocal, ...one]);
    const summary = objects(out).at(-1) as { references: { migrated: number } };
    const { migrated: moved } = summary.references;
    expect(moved).toBeGreaterThan(0);
    expect(await references(here)).toMatchObject({ dbfiles: migratable + missing - moved });
    const rest = [
      '--references',
      'gallery_pictures.picture',
      '--concurrency',
      '1',
      '--verify',
      'full',
    ];
    const picture = await depot(here, [...site, '--json', ...toLocal, ...rest]);
    expect(picture.code).toBe(0);
    expect(objects(picture.out)[0]).toMatchObject({
      references: { scanned: 2, migrated: 2 },
      blobs: { copied: 6 },
    });
  });

  test('a --where that the database cannot ask is wrong usage, and nothing is moved', async () => {
    const here = newSite();
    const args = ['--references', 'files.data', '--where', 'no_such_column = 1'];
    const { code, out, err } = await depot(here, [...site, ...toLocal, ...args]);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toMatch(/^depot: --where cannot be asked of files: .*no_such_column\n.*\n$/);
    expect(existsSync(path.join(here, 'depot-state'))).toBe(false);
  });

  test('--from-storage and --to-storage are Kotti’s names of the options, and aliases count', async () => {
    const here = newSite();
    appendFileSync(path.join(here, 'production.ini'), '\n[depot:aliases]\nuploads = localfs\n');
    const args = ['--from-storage', 'dbfiles', '--to-storage', 'uploads', '--limit', '1', '--json'];
    const { code, out } = await depot(here, [...site, 'migrate-storage', ...args]);
    expect({ code, ...objects(out)[0] }).toMatchObject({ code: 0, from: 'dbfiles', to: 'localfs' });
  });

  test('says which step is due', async () => {
    const here = newSite();
    const rehearsed = await depot(here, [...site, ...toLocal, '--dry-run']);
    expect(rehearsed.err).toContain('restart it first');

    const moved = await depot(here, [...site, ...toLocal]);
    expect(moved.err).toContain('make localfs the first in the configuration');
    expect(moved.err).toContain('--undo depot-state/dbfiles-to-localfs.sqlite');
    expect(moved.err).not.toContain('--delete-source');

    appendFileSync(path.join(here, 'production.ini'), '\n[depot]\ndefault = localfs\n');
    const again = await depot(here, [...site, ...toLocal]);
    expect(again.err).toContain('--from dbfiles --to localfs --delete-source');
    expect(again.err).not.toContain('the first in the configuration');

    const emptied = await depot(here, [...site, ...toLocal, '--delete-source']);
    expect(emptied.err).toContain('give it back to the machine: VACUUM');
  });

  test('--delete-source deletes, says how many, and a rerun finds nothing to do', async () => {
    const here = newSite();
    const { out } = await depot(here, [...site, ...toLocal, '--delete-source']);
    expect(out).toMatch(/\n {2}deleted from dbfiles: \d+ blobs\n$/);
    const again = await depot(here, [...site, '--json', ...toLocal, '--delete-source']);
    expect(objects(again.out).at(-1)).toMatchObject({ blobs: { copied: 0, deleted: 0 } });
  });

  test('--keep-for keeps what has just moved, and says until when', async () => {
    const here = newSite();
    const keep = ['--delete-source', '--keep-for', '7d'];
    const { out } = await depot(here, [...site, ...toLocal, ...keep]);
    expect(out).toMatch(
      /\n {2}deleted from dbfiles: 0 blobs, \d+ kept, the last until 20\d\d-\d\d-\d\dT[\d:]{8}Z\n$/,
    );
    const again = await depot(here, [...site, '--json', ...toLocal, ...keep.slice(0, 2), '0s']);
    const summary = objects(again.out).at(-1) as { blobs: { deleted: number } };
    expect(summary).toMatchObject({ kept: { blobs: 0, until: null } });
    expect(summary.blobs.deleted).toBeGreaterThan(0);
  });

  test('--delete-source --dry-run says how many blobs would go at most', async () => {
    const here = newSite();
    const asked = [...site, '--json', ...toLocal, '--delete-source'];
    const rehearsed = objects((await depot(here, [...asked, '--dry-run'])).out).at(-1);
    const done = objects((await depot(here, asked)).out).at(-1) as { blobs: { deleted: number } };
    expect(done.blobs.deleted).toBeGreaterThan(0);
    expect(rehearsed).toMatchObject({ dry_run: true, blobs: { deleted: done.blobs.deleted } });
    const { out } = await depot(newSite(), [
      ...asked.filter((one) => one !== '--json'),
      '--dry-run',
    ]);
    expect(out).toContain(`to delete from dbfiles: at most ${done.blobs.deleted} blobs`);
  });

  test('--rewrite-mentions counts, --report tells it, and --undo gives it back', async () => {
    const here = newSite();
    const handle = new Sqlite(path.join(here, 'Kotti.db'));
    const select = handle.prepare<[], string>('SELECT data FROM files').pluck();
    const moving = /"path": "dbfiles\/([^"]+)"/;
    const texts = select.all().filter((text) => moving.test(text));
    const body = `<a href="/depot/dbfiles/${moving.exec(texts[0] as string)?.[1]}/download">`;
    handle.exec('CREATE TABLE pages (id INTEGER PRIMARY KEY, body TEXT)');
    handle.prepare('INSERT INTO pages VALUES (1, ?)').run(body);
    const { out, err } = await depot(here, [...site, ...toLocal, '--rewrite-mentions']);
    expect(out).toContain('mentions: 1 rewritten, 0 left as they are\n');
    expect(err).toContain('--undo');
    const now = handle.prepare<[], string>('SELECT body FROM pages').pluck();
    expect(now.get()).toBe(body.replace('dbfiles', 'localfs'));
    const report = await depot(here, ['migrate-storage', '--report', stateFile]);
    expect(report.out).toContain('1 mention rewritten');
    const undone = await depot(here, [...site, 'migrate-storage', '--undo', stateFile]);
    expect(undone.out).toContain('mentions: 1 turned back, 0 left');
    expect(now.get()).toBe(body);
    handle.close();
  });

  test('--undo turns the references back, as the hint says', async () => {
    const here = newSite();
    const before = await references(here);
    const { err } = await depot(here, [...site, ...toLocal, '--delete-source']);
    const hint =
      /^ {2}depot (-c production\.ini migrate-storage --undo \S+)$/m.exec(err)?.[1] ?? '';
    expect(hint).toBe(`${site.join(' ')} migrate-storage --undo ${stateFile}`);
    const undone = await depot(here, hint.split(' '));
    const kept = 'localfs keeps its copies: a later migration uses them again.\n';
    expect(undone).toMatchObject({ code: 0, err: kept });
    expect(undone.out).toContain(`Turned back ${migratable} references to dbfiles in `);
    expect(await references(here)).toEqual(before);
  });

  test('its hints are commands, also where a name has a space', async () => {
    const here = newSite();
    const text = readFileSync(path.join(here, 'production.ini'), 'utf8');
    const renamed = text.replace('=localfs', '= my files');
    writeFileSync(path.join(here, "bob's.ini"), `${renamed}\n[depot]\ndefault = my files\n`);
    const args = ['--from', 'dbfiles', '--to', 'my files'];
    const { err } = await depot(here, ['-c', "bob's.ini", 'migrate-storage', ...args]);
    expect(err).toContain(
      `  depot -c 'bob'\\''s.ini' migrate-storage --from dbfiles --to 'my files' --delete-source\n`,
    );
  });

  test('--bwlimit and --tpslimit make it take its time', async () => {
    const limits = ['--limit', '5', '--tpslimit', '10', '--bwlimit', '1G'];
    const { out } = await depot(newSite(), [...site, '--json', ...toLocal, ...limits]);
    const summary = objects(out).at(-1) as { references: object; seconds: number };
    expect(summary.references).toMatchObject({ migrated: 5 });
    expect(summary.seconds).toBeGreaterThan(0.4);
  });

  test('--state keeps the state where it is told', async () => {
    const here = newSite();
    mkdirSync(path.join(here, 'elsewhere'));
    await depot(here, [...site, ...toLocal, '--limit', '1', '--state', 'elsewhere/s.sqlite']);
    expect(existsSync(path.join(here, 'elsewhere', 's.sqlite'))).toBe(true);
    expect(existsSync(path.join(here, 'depot-state'))).toBe(false);
  });

  test('takes no other database for its state, and keeps its own to its owner', async () => {
    const here = newSite();
    const ended = await depot(here, [...site, ...toLocal, '--state', 'Kotti.db']);
    expect(ended).toMatchObject({ code: 2, out: '' });
    expect(ended.err).toContain('Kotti.db is no state file of a migration');
    await depot(here, [...site, ...toLocal, '--limit', '1', '--state', 's.sqlite']);
    expect(statSync(path.join(here, 's.sqlite')).mode & 0o777).toBe(0o600);
  });

  test('gives its place to no second one: exit 4', async () => {
    const here = newSite();
    const lock = new Sqlite(path.join(here, 'Kotti.db-depot-lock'));
    lock.exec('BEGIN EXCLUSIVE');
    for (const state of [[], ['--state', 'other.sqlite']]) {
      const ended = await depot(here, [...site, ...toLocal, ...state]);
      expect(ended).toMatchObject({ code: 4, out: '' });
      expect(ended.err).toMatch(
        /^depot: another migration of this site is running: .*\nRun it again .*\n$/,
      );
    }
    lock.close();
  });

  test.each([
    { args: ['--from', 'localfs', '--to', 'localfs'], code: 2, says: 'to itself' },
    { args: ['--from', 'dbfiles', '--to', 'volatile'], code: 4, says: 'is in memory' },
    { args: [...toLocal.slice(1), '--references', 'files.none'], code: 3, says: 'files.none' },
    { args: [...toLocal.slice(1), '--references', 'none'], code: 3, says: 'none' },
    {
      args: ['--from', 'localfs', '--to', 'again', '--delete-source'],
      code: 4,
      says: 'share a place',
    },
    { args: [...toLocal.slice(1), '--verify', 'some'], code: 2, says: 'full' },
    { args: [...toLocal.slice(1), '--limit', '0'], code: 2, says: 'whole number' },
    { args: [...toLocal.slice(1), '--concurrency', '0'], code: 2, says: 'whole number' },
    { args: [...toLocal.slice(1), '--bwlimit', '0'], code: 2, says: 'more than nothing' },
    { args: [...toLocal.slice(1), '--tpslimit', '0.5'], code: 2, says: 'whole number' },
    { args: [...toLocal.slice(1), '--keep-for', '7d'], code: 2, says: '--delete-source' },
    { args: ['--undo', 'x', '--rewrite-mentions'], code: 2, says: '--rewrite-mentions' },
    {
      args: [...toLocal.slice(1), '--rewrite-mentions', '--shard', '1/2'],
      code: 2,
      says: 'without --shard',
    },
    { args: ['--undo', 'absent.sqlite'], code: 3, says: 'absent.sqlite' },
    { args: ['--undo', 'x', '--from', 'dbfiles'], code: 2, says: '--from' },
    { args: ['--undo', 'x', '--limit', '3'], code: 2, says: '--limit' },
  ])('exits $code, having done nothing: $args, $says', async ({ args, code, says }) => {
    const here = newSite();
    const own = ['name = volatile', 'backend = memory', 'name = again', 'backend = local'];
    const lines = own.map((line, index) => `kotti.depot.${index < 2 ? 2 : 3}.${line}`);
    const text = readFileSync(path.join(here, 'production.ini'), 'utf8');
    writeFileSync(
      path.join(here, 'production.ini'),
      text.replace(
        'kotti.depot.0.name',
        `${lines.join('\n')}\nkotti.depot.3.storage_path = %(here)s/blobs\nkotti.depot.0.name`,
      ),
    );
    const before = snapshot(here);
    const ended = await depot(here, [...site, 'migrate-storage', ...args]);
    expect(ended).toMatchObject({ code, out: '' });
    expect(ended.err).toMatch(/^depot: .+\n(.+\n)?$/);
    expect(ended.err).toContain(says);
    expect(snapshot(here)).toEqual(before);
  });

  test('without a database of references says how to name one: exit 2', async () => {
    const here = newStore();
    const more = ['name = other', 'backend = local', 'storage_path = %(here)s/other'];
    appendFileSync(path.join(here, 'depot.ini'), more.map((line) => `depot.1.${line}\n`).join(''));
    await done(here, ['storages', 'create', 'other']);
    for (const args of [['migrate-storage', '--from', 'files', '--to', 'other'], ['references']]) {
      const ended = await depot(here, args);
      expect(ended).toMatchObject({ code: 2, out: '' });
      expect(ended.err).toMatch(
        /^depot: no database with references .*depot\.ini\n.*\[depot\].*\n$/,
      );
    }
  });
});

test('references shows columns, keys and counts', async () => {
  const here = newSite();
  const lines = (await done(here, [...site, 'references'])).split('\n');
  expect(lines[0]?.split(/ {2,}/)).toEqual(['COLUMN', 'PRIMARY KEY', 'LENGTH', 'DATABASE']);
  expect(lines).toHaveLength(10);
  const { out } = await depot(here, [...site, '--json', 'references']);
  expect(objects(out).at(-1)).toEqual({
    column: 'translations.body_file',
    primary_key: ['lang', 'doc_id'],
    max_length: 4000,
    database: path.join(here, 'Kotti.db'),
  });
  expect(await references(here)).toEqual({ dbfiles: migratable + missing, localfs: 4, oldfs: 1 });
  const database = new Sqlite(path.join(here, 'Kotti.db'));
  for (const { column } of objects(out)) {
    const [table, name] = String(column).split('.');
    database.exec(`UPDATE "${table}" SET "${name}" = NULL`);
  }
  database.close();
  const none = await depot(here, [...site, 'references']);
  expect(none).toMatchObject({ code: 0, out: '', err: 'No column holds references.\n' });
});
