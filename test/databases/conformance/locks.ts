import { expect, test } from 'vitest';
import type { DatabaseHarness } from './harness.js';

export function locks(harness: DatabaseHarness): void {
  test('one run at a time holds the lock of migrations, and gives it back', async () => {
    const { database, reopen } = await harness.open('CREATE TABLE t (v VARCHAR(10))');
    const other = await reopen();
    const lock = await database.lockMigrations();
    expect(lock).not.toBeNull();
    expect(await other.lockMigrations()).toBeNull();
    expect(await database.lockMigrations()).toBeNull();
    lock?.release();
    await expect.poll(() => other.lockMigrations()).not.toBeNull();
    expect(await database.lockMigrations()).toBeNull();
  });

  test('two databases are locked apart, and are different places', async () => {
    const [one, other] = [await harness.open(''), await harness.open('')];
    const locks = [await one.database.lockMigrations(), await other.database.lockMigrations()];
    expect(locks).not.toContain(null);
    const places = [await one.database.place(), await other.database.place()];
    expect(places[0]?.identity).not.toBe(places[1]?.identity);
    const again = await one.reopen();
    expect((await again.place()).identity).toBe(places[0]?.identity);
  });
}
