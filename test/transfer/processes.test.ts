import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { hostname } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import Sqlite from 'better-sqlite3';
import { expect, test } from 'vitest';
import { lockMigrations } from '../../src/databases/sqlite-lock.js';
import { runMigrationProcess, signalWhen, startMigration } from './processes.js';
import { resolveReferences, storagesNamed } from './resolved.js';
import { migrate } from './runs.js';
import {
  addBlob,
  addRow,
  identifiers,
  makeSite,
  query,
  readBlob,
  referenceText,
  type Site,
} from './site.js';

const application = fileURLToPath(new URL('application.js', import.meta.url));

/** Lets another process work on the site's database; returns what it had committed in the end. */
async function whileApplicationRuns(
  site: Site,
  seed: number,
  action: () => Promise<void>,
): Promise<Record<string, { content?: string; edits: number } | null>> {
  const child = spawn(process.execPath, [application, site.database, String(seed)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const [output] = [text(child.stdout), once(child, 'close')];
  try {
    await action();
  } finally {
    child.stdin.end();
  }
  return JSON.parse(await output);
}

test.for([
  [1, []],
  [2, ['--delete-source']],
] as const)(
  'nothing that the site writes meanwhile is lost (seed %i, %s)',
  async ([seed, more]) => {
    const site = makeSite();
    const contents = new Map<number, string>();
    for (let row = 1; row <= 30; row += 1) {
      const id = await addBlob(site, 'dbfiles', `content ${row}`);
      contents.set(addRow(site, referenceText('dbfiles', id)), `content ${row}`);
    }
    const committed = await whileApplicationRuns(site, seed, async () => {
      for (let run = 0; run < 5; run += 1) {
        const ended = await runMigrationProcess(site, more);
        // A reference that kept changing, or came back, is left for the next run.
        expect([0, 1], ended.stderr).toContain(ended.code);
      }
    });
    const last = await runMigrationProcess(site, more);
    expect(last.code, last.stderr).toBe(0);

    expect(Object.values(committed).length).toBeGreaterThan(0);
    const rows = query<{ id: number; data: string }>(site, 'SELECT id, data FROM files');
    const texts = new Map(rows.map(({ id, data }) => [id, data]));
    for (const [row, expected] of Object.entries(committed)) {
      const data = texts.get(Number(row));
      if (expected === null) expect(data).toBeUndefined();
      else expect(JSON.parse(data ?? 'null')).toMatchObject({ edits: expected.edits });
      if (expected?.content !== undefined) contents.set(Number(row), expected.content);
    }
    for (const [id, data] of texts) {
      const { file_id } = JSON.parse(data) as { file_id: string };
      expect(await readBlob(site, 'localfs', file_id)).toBe(contents.get(id));
    }
    expect(await storagesNamed(site)).toEqual({ localfs: texts.size });
  },
);

test('a second run is refused while one holds the lock, and so is an undo', async () => {
  const site = makeSite();
  addRow(site, referenceText('dbfiles', await addBlob(site, 'dbfiles', 'content')));
  const { stateFile } = await migrate(site);
  addRow(site, referenceText('dbfiles', await addBlob(site, 'dbfiles', 'more')));
  const before = await resolveReferences(site);
  const lock = await lockMigrations(site.database, null);
  const other = ['--state', path.join(site.directory, 'other.sqlite')];
  for (const args of [
    [],
    other,
    ['--from', 'localfs', '--to', 'dbfiles', ...other],
    ['--undo', stateFile ?? ''],
  ]) {
    const { code, stderr } = await runMigrationProcess(site, args);
    expect(code).toBe(4);
    expect(stderr).toContain(
      `another migration of this site is running: process ${process.pid} on ${hostname()}, started 2`,
    );
  }
  expect(await identifiers(site, 'localfs')).toHaveLength(1);
  const dry = await runMigrationProcess(site, ['--dry-run']);
  expect([dry.code, dry.summary?.references.migrated]).toEqual([0, 1]);
  lock.release();
  expect((await runMigrationProcess(site)).code).toBe(0);
  expect(await resolveReferences(site)).toEqual(before);
});

test('the lock of a killed run is taken over, and what it noted of itself is gone then', async () => {
  const site = makeSite();
  addRow(site, referenceText('dbfiles', await addBlob(site, 'dbfiles', 'content')));
  const note = `${site.database}-depot-lock-holder`;
  // Until this ends, no reference can change.
  const writer = new Sqlite(site.database);
  writer.exec('BEGIN IMMEDIATE');
  const { signal } = await signalWhen(startMigration(site), 'SIGKILL', () => existsSync(note));
  writer.close();
  expect(signal).toBe('SIGKILL');
  expect(existsSync(note)).toBe(true);
  expect((await runMigrationProcess(site)).code).toBe(0);
  expect(existsSync(note)).toBe(false);
  expect(await storagesNamed(site)).toEqual({ localfs: 1 });
});

test('exit codes say how it ended', async () => {
  const site = makeSite('depot.3.name = kottifiles\ndepot.3.backend = sql\n');
  const id = await addBlob(site, 'dbfiles', 'content');
  addRow(site, referenceText('dbfiles', id));
  const codeOf = async (...args: string[]) => (await runMigrationProcess(site, args)).code;
  expect(await codeOf('--from', 'dbfiles', '--to', 'kottifiles', '--delete-source')).toBe(4);
  expect(await codeOf('--from', 'dbfiles', '--to', 'nowhere')).toBe(3);
  expect(await codeOf('--from', 'dbfiles', '--to', 'dbfiles')).toBe(2);
  expect(await codeOf('--references', 'files.none')).toBe(3);
  expect(await codeOf()).toBe(0);
  expect(await codeOf()).toBe(0);
  addRow(site, referenceText('dbfiles', '6a39cf60-8a8b-4c31-8c7d-6ac8c2f6a001'));
  expect(await codeOf()).toBe(1);
  query(site, 'DELETE FROM files');
  expect(await codeOf('--delete-source')).toBe(4);
  expect(await identifiers(site, 'dbfiles')).toEqual([id]);
});
