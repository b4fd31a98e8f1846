import { writeFileSync } from 'node:fs';
import Sqlite from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { lockMigrations } from '../../src/databases/sqlite-lock.js';
import { openMariadbDatabase } from '../databases/mariadb-harness.js';
import { openPostgresDatabase } from '../databases/postgres-harness.js';
import { describeWithServer } from '../servers/servers.js';
import { type Ended, runMigrationProcess, signalWhen } from './processes.js';
import { resolveReferences, storagesNamed } from './resolved.js';
import { identifiers } from './site.js';
import {
  copiesIn,
  hasChanges,
  type SpreadSite,
  spreadSite,
  startShards,
  stateOf,
} from './spread.js';

/** Sums over the summaries of all shards. */
function totalOf(all: readonly Ended[]) {
  const sum = (value: (one: NonNullable<Ended['summary']>) => number) =>
    all.reduce(
      (total, { summary }) => total + (summary === undefined ? Number.NaN : value(summary)),
      0,
    );
  return {
    scanned: sum(({ references }) => references.scanned),
    migrated: sum(({ references }) => references.migrated),
    left: sum(({ references }) => references.changed + references.failed + references.missing),
    copied: sum(({ blobs }) => blobs.copied),
    reused: sum(({ blobs }) => blobs.reused),
  };
}

async function runShards(site: SpreadSite['site'], count: number): Promise<Ended[]> {
  const all = await Promise.all(startShards(site, count).map(({ ended }) => ended));
  for (const { code, stderr, problems } of all) {
    expect({ code, stderr, problems }).toMatchObject({ code: 0, problems: [] });
  }
  return all;
}

/** Moves a site with `count` processes at once, then once more. */
async function moveAtOnce({ site, references, blobs }: SpreadSite, count: number): Promise<void> {
  const before = await resolveReferences(site);
  const first = totalOf(await runShards(site, count));
  expect(first).toEqual({
    ...{ scanned: references, migrated: references, left: 0 },
    ...{ copied: blobs, reused: 0 },
  });
  expect(await storagesNamed(site)).toEqual({ localfs: references });
  expect(await resolveReferences(site)).toEqual(before);
  const copies = Array.from({ length: count }, (_, at) => copiesIn(stateOf(site, at + 1, count)));
  expect(copies.every(({ length }) => length > 0)).toBe(true);
  const ids = await identifiers(site, 'localfs');
  expect(copies.flat().sort()).toEqual(ids.map((id) => `dbfiles/${id}`));
  expect(ids).toHaveLength(blobs);
  const again = totalOf(await runShards(site, count));
  expect(again).toEqual({ scanned: references, migrated: 0, left: 0, copied: 0, reused: 0 });
}

/**
 * Moves a site with `count` processes at once, of which one is killed and run again. `hold` keeps
 * all rows from changing until what it returns is called.
 */
async function moveWithKill(
  { site, references, blobs }: SpreadSite,
  count: number,
  hold: () => Promise<() => Promise<void>>,
): Promise<void> {
  const before = await resolveReferences(site);
  const letGo = await hold();
  const [killed, ...others] = startShards(site, count);
  const state = stateOf(site, 1, count);
  const ended = killed && (await signalWhen(killed, 'SIGKILL', () => hasChanges(state)));
  await letGo();
  for (const { code, stderr } of await Promise.all(others.map((one) => one.ended)))
    expect({ code, stderr }).toMatchObject({ code: 0 });
  expect(ended?.signal).toBe('SIGKILL');
  expect(await resolveReferences(site)).toEqual(before);
  const { code, stderr } = await runMigrationProcess(site, ['--shard', `1/${count}`]);
  expect({ code, stderr }).toMatchObject({ code: 0 });
  expect(await storagesNamed(site)).toEqual({ localfs: references });
  expect(await resolveReferences(site)).toEqual(before);
  expect(await identifiers(site, 'localfs')).toHaveLength(blobs);
}

describeWithServer('postgres', 'shards of a site in PostgreSQL', (server) => {
  test('eight processes at once move each reference and copy each blob once', async () => {
    const opened = await openPostgresDatabase(server, '');
    await moveAtOnce(await spreadSite({ rows: 600, files: 240 }, opened), 8);
  });

  test('one that is killed is run again', async () => {
    const opened = await openPostgresDatabase(server, '');
    await moveWithKill(await spreadSite({ rows: 100, files: 60 }, opened), 4, async () => {
      await opened.execute('BEGIN; SELECT FROM files FOR UPDATE');
      return () => opened.execute('COMMIT');
    });
  });
});

describeWithServer('mariadb', 'shards of a site in MariaDB', (server) => {
  test('three processes at once move each reference and copy each blob once', async () => {
    const opened = await openMariadbDatabase(server, '');
    await moveAtOnce(await spreadSite({ rows: 200, files: 60 }, opened), 3);
  });
});

describe('shards of a site in SQLite', () => {
  test('three processes at once move each reference and copy each blob once', async () => {
    const spread = await spreadSite({ rows: 200, files: 60 });
    // Lock files of earlier runs, which all of them look at.
    for (const run of ['', '-1-of-4', '-2-of-4'])
      writeFileSync(`${spread.site.database}-depot-lock${run}`, '');
    await moveAtOnce(spread, 3);
  });

  test('one that is killed is run again', async () => {
    const spread = await spreadSite({ rows: 60, files: 30 });
    await moveWithKill(spread, 2, async () => {
      const writer = new Sqlite(spread.site.database);
      writer.exec('BEGIN IMMEDIATE');
      return async () => void writer.close();
    });
  });

  test('keep off the whole, another number and themselves, and nobody else', async () => {
    const { site } = await spreadSite({ rows: 6, files: 6 });
    const lock = await lockMigrations(site.database, { index: 2, count: 3 });
    const codeOf = async (...args: string[]) => (await runMigrationProcess(site, args)).code;
    expect(await codeOf()).toBe(4);
    expect(await codeOf('--shard', '2/3')).toBe(4);
    expect(await codeOf('--shard', '1/4')).toBe(4);
    expect(await codeOf('--shard', '1/3')).toBe(0);
    lock.release();
    expect(await codeOf('--shard', '2/3', '--delete-source')).toBe(2);
    expect(await codeOf('--shard', '2/3', '--state', stateOf(site, 1, 3))).toBe(4);
    expect(await codeOf('--shard', '4/3')).toBe(2);
    expect(await identifiers(site, 'dbfiles')).toHaveLength(9);
  });
});
