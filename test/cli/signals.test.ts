import type { ChildProcess } from 'node:child_process';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import Sqlite from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import {
  depot,
  done,
  findProgram,
  newDirectory,
  newStore,
  objects,
  outcome,
  start,
} from './depot.js';

const interruptions = [
  { signal: 'SIGINT', code: 130 },
  { signal: 'SIGTERM', code: 143 },
] as const;

/** Bytes of a sparse file: to read it takes far longer than to notice that somebody reads it. */
const endless = 20_000_000_000;

/** Waits until something is so, which a running process brings about. */
async function until(child: ChildProcess, isSo: () => boolean): Promise<void> {
  while (!isSo()) {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error('it ended before');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

function namesIn(directory: string): string[] {
  return existsSync(directory) ? readdirSync(directory) : [];
}

/** Whether anything is being put together in the store. */
function isStoring(here: string): boolean {
  const staging = path.join(here, 'files', '.depot-staging');
  return namesIn(staging).some((name) => existsSync(path.join(staging, name, 'file')));
}

/** A store with a blob that takes long to read. */
async function storeWithEndless(): Promise<{ here: string; blob: string }> {
  const here = newStore();
  const blob = await done(here, ['put', '-', '--name', 'big'], { input: 'x' });
  truncateSync(path.join(here, blob, 'file'), endless);
  const metadata = path.join(here, blob, 'metadata.json');
  const text = readFileSync(metadata, 'utf8');
  writeFileSync(metadata, text.replace('"content_length": 1,', `"content_length": ${endless},`));
  return { here, blob };
}

describe.concurrent('an interruption', () => {
  test.each(interruptions)('of put while its input stalls: $signal', async ({ signal, code }) => {
    const here = newStore();
    const child = start(here, ['put', 'depot.ini', '-']);
    child.stdin?.write(Buffer.alloc(100_000));
    await once(child.stdout ?? child, 'data');
    await until(child, () => isStoring(here));
    child.kill(signal);
    expect(await outcome(child)).toMatchObject({ code, err: '' });
    expect(readdirSync(path.join(here, 'files'))).toHaveLength(1);
  });

  test.each(interruptions)('of put from a large file: $signal', async ({ signal, code }) => {
    const here = newStore();
    writeFileSync(path.join(here, 'big'), '');
    truncateSync(path.join(here, 'big'), endless);
    const child = start(here, ['put', 'big', 'depot.ini']);
    await until(child, () => isStoring(here));
    child.kill(signal);
    expect(await outcome(child)).toMatchObject({ code, out: '', err: '' });
    expect(readdirSync(path.join(here, 'files'))).toEqual([]);
  });

  test.each(interruptions)('of get leaves no file: $signal', async ({ signal, code }) => {
    const { here, blob } = await storeWithEndless();
    const child = start(here, ['get', blob]);
    await until(child, () => readdirSync(here).length > 2);
    child.kill(signal);
    expect(await outcome(child)).toMatchObject({ code, out: '', err: '' });
    expect(readdirSync(here).sort()).toEqual(['depot.ini', 'files']);
  });

  test.each(interruptions)('of get while its reader stalls: $signal', async ({ signal, code }) => {
    const { here, blob } = await storeWithEndless();
    const child = start(here, ['get', blob, '-']);
    await once(child.stdout ?? child, 'readable');
    child.kill(signal);
    await once(child, 'exit');
    expect(child.exitCode).toBe(code);
  });

  test.each(interruptions)(
    'of delete while its input stalls: $signal',
    async ({ signal, code }) => {
      const here = newStore();
      const [first = '', second = ''] = (await done(here, ['put', 'depot.ini', 'depot.ini'])).split(
        '\n',
      );
      const child = start(here, ['delete', '-']);
      child.stdin?.write(`${first}\n${second.slice(0, 20)}`);
      await until(child, () => !existsSync(path.join(here, first)));
      child.kill(signal);
      expect(await outcome(child)).toMatchObject({ code, out: '', err: '' });
      expect(await done(here, ['list'])).toBe(second);
    },
  );

  test('a second one ends it at once, also where it cannot be stopped', async (context) => {
    const mkfifo = findProgram('mkfifo');
    if (mkfifo === undefined) return context.skip('there is no mkfifo');
    const here = newStore();
    execFileSync(mkfifo, [path.join(here, 'pipe')]);
    const child = start(here, ['put', 'depot.ini', 'pipe']);
    await once(child.stdout ?? child, 'data');
    const ended = once(child, 'exit');
    const repeat = setInterval(() => child.kill('SIGINT'), 100);
    await ended.finally(() => clearInterval(repeat));
    expect([130, null]).toContain(child.exitCode);
    expect([null, 'SIGINT']).toContain(child.signalCode);
    expect((await done(here, ['list'])).split('\n')).toHaveLength(1);
  });
});

describe.concurrent('kill -9', () => {
  test('of get leaves nothing under the final name', async () => {
    const { here, blob } = await storeWithEndless();
    writeFileSync(path.join(here, 'mine'), 'mine');
    for (const args of [['big'], ['mine', '-f']]) {
      const before = readdirSync(here).length;
      const child = start(here, ['get', blob, ...args]);
      await until(child, () => readdirSync(here).length > before);
      child.kill('SIGKILL');
      await outcome(child);
    }
    expect(readdirSync(here)).not.toContain('big');
    expect(readFileSync(path.join(here, 'mine'), 'utf8')).toBe('mine');
  });

  test('of put leaves nothing that a list shows, and the store as good as before', async () => {
    const here = newStore();
    const child = start(here, ['put', '-']);
    child.stdin?.write(Buffer.alloc(1_000_000));
    await until(child, () => isStoring(here));
    child.kill('SIGKILL');
    await outcome(child);
    expect(await done(here, ['list'])).toBe('');
    const blob = await done(here, ['put', 'depot.ini']);
    expect(await done(here, ['list'])).toBe(blob);
  });

  test('of replace leaves the old content', async () => {
    const here = newStore();
    const blob = await done(here, ['put', '-'], { input: 'old' });
    const child = start(here, ['replace', blob, '-']);
    child.stdin?.write(Buffer.alloc(1_000_000));
    await until(child, () => readdirSync(path.join(here, blob)).length > 2);
    child.kill('SIGKILL');
    await outcome(child);
    expect(await done(here, ['get', blob, '-'])).toBe('old');
    await done(here, ['replace', blob, '-'], { input: 'new' });
    expect(await done(here, ['get', blob, '-'])).toBe('new');
  });
});

describe('of a migration', () => {
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
