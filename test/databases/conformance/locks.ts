import { hostname } from 'node:os';
import { expect, test } from 'vitest';
import type { Shard } from '../../../src/databases/shard.js';
import { locked, type Reopenable } from './harness.js';

/** What a run is told that this process keeps off. */
const refused = {
  kind: 'refused',
  message: expect.stringMatching(
    new RegExp(
      `^another migration of this site is running: process ${process.pid} on ${hostname().slice(0, 20)}\\S*, started ${new Date().getUTCFullYear()}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\dZ, holds .`,
    ),
  ),
};

const shard = (index: number, count: number): Shard => ({ index, count });

/** `open` is given statements that make a table, where the kind of database has any. */
export function locks(harness: { open(statements: string): Promise<Reopenable> }): void {
  test('one run at a time holds the lock of migrations, and gives it back', async () => {
    const { database, reopen } = await harness.open('CREATE TABLE t (v VARCHAR(10))');
    const other = await reopen();
    const lock = await database.lockMigrations(null);
    await expect(other.lockMigrations(null)).rejects.toMatchObject(refused);
    await expect(database.lockMigrations(null)).rejects.toMatchObject(refused);
    lock.release();
    await locked(other);
    await expect(database.lockMigrations(null)).rejects.toMatchObject(refused);
  });

  test('different shards of one number go at the same time, each once', async () => {
    const { reopen } = await harness.open('CREATE TABLE t (v VARCHAR(10))');
    const [first, last, again] = [await reopen(), await reopen(), await reopen()];
    const lock = await first.lockMigrations(shard(1, 8));
    await last.lockMigrations(shard(8, 8));
    await expect(again.lockMigrations(shard(1, 8))).rejects.toMatchObject(refused);
    lock.release();
    await locked(again, shard(1, 8));
  });

  test('a shard, the whole and a shard of another number keep each other off', async () => {
    const { reopen } = await harness.open('CREATE TABLE t (v VARCHAR(10))');
    const [one, other] = [await reopen(), await reopen()];
    for (const [held, wanted] of [
      [shard(2, 8), null],
      [null, shard(2, 8)],
      [shard(2, 8), shard(2, 4)],
      [shard(2, 8), shard(3, 4)],
      [shard(1000, 1000), shard(1, 1)],
    ] as const) {
      const lock = await locked(one, held);
      await expect(other.lockMigrations(wanted)).rejects.toMatchObject(refused);
      lock.release();
      (await locked(other, wanted)).release();
    }
  });

  test('two databases are locked apart, and are different places', async () => {
    const [one, other] = [await harness.open(''), await harness.open('')];
    await one.database.lockMigrations(null);
    await other.database.lockMigrations(null);
    const places = [await one.database.place(), await other.database.place()];
    expect(places[0]?.identity).not.toBe(places[1]?.identity);
    const again = await one.reopen();
    expect((await again.place()).identity).toBe(places[0]?.identity);
  });
}
