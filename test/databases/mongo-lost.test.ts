import { hostname } from 'node:os';
import { ObjectId } from 'mongodb';
import { expect, onTestFinished, test, vi } from 'vitest';
import type { TextChange } from '../../src/databases/database.js';
import { openMongo } from '../../src/databases/mongo.js';
import { startProxy } from '../faults/proxy.js';
import { describeWithServer } from '../servers/servers.js';
import { tableOf } from './conformance/harness.js';
import { openMongoDatabase } from './mongo-harness.js';

/** A database with ten texts behind a proxy, and changes of them. */
async function behindProxy(server: string) {
  const { raw, uri } = openMongoDatabase(server);
  const numbers = Array.from({ length: 10 }, (_, index) => index);
  const d = raw.collection<{ _id: number; v: string }>('d');
  await d.insertMany(numbers.map((_id) => ({ _id, v: 'before' })));
  const proxy = await startProxy(new URL(uri).host);
  const through = new URL(uri);
  through.host = proxy.address;
  const retried = vi.fn();
  const database = openMongo(through.href, { retried, idleTimeout: 1500 }, 'depot.ini');
  onTestFinished(async () => {
    await database.close();
    await proxy.close();
  });
  const table = await tableOf(database, 'd');
  const rows = await database.texts({ table, column: 'v', limit: 100 });
  const changes: TextChange[] = rows.map(({ position }) => ({
    ...{ table, column: 'v', position },
    ...{ before: 'before', after: 'after' },
  }));
  return { raw, d, proxy, database, table, changes, retried };
}

describeWithServer('mongodb', 'a database in MongoDB behind a bad network', (server) => {
  test.each([0, 1, 2, 3, 5, 8])(
    'makes each change and says so, where answer %d is lost',
    async (turns) => {
      const { d, proxy, database, changes } = await behindProxy(server);
      const fault = proxy.set({ from: 'server', does: 'cut', turns });
      expect(await database.change(changes)).toEqual(changes.map(() => true));
      expect(fault.happened).toBe(1);
      expect(await d.countDocuments({ v: 'after' })).toBe(changes.length);
    },
  );

  test('reads a page anew that was cut', async () => {
    const { proxy, database, table, changes, retried } = await behindProxy(server);
    proxy.set({ from: 'server', does: 'cut', turns: 0 });
    expect(await database.texts({ table, column: 'v', limit: 100 })).toHaveLength(changes.length);
    expect(retried).toHaveBeenCalled();
  });

  test('gives up on silence, and a later run finds what is left', async () => {
    const { d, proxy, database, changes } = await behindProxy(server);
    proxy.set({ from: 'server', does: 'stall', turns: 3, times: 1000 });
    await expect(database.change(changes)).rejects.toMatchObject({
      kind: 'unreachable',
      message: expect.stringMatching(/: it does not answer$/),
    });
    await proxy.heal();
    await d.updateOne({ _id: 0 }, { $set: { v: 'other' } });
    await database.change(changes);
    expect(await d.countDocuments({ v: 'after' })).toBe(changes.length - 1);
    expect(await database.change(changes)).toEqual(changes.map(() => false));
  });

  test('changes nothing once its lock has expired and somebody else has it', async () => {
    const { raw, d, database, changes } = await behindProxy(server);
    const lock = await database.lockMigrations(null);
    onTestFinished(() => lock.release());
    const locks = raw.collection<{ _id: string }>('depot_migrations');
    const holder = 'depot 2026-01-02T03:04:05Z 77 web9';
    await locks.updateOne({ _id: 'whole' }, { $set: { token: new ObjectId(), holder } });
    // As if this process had been stopped for a while.
    const now = performance.now();
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => now + 45_000);
    onTestFinished(() => void clock.mockRestore());
    await expect(database.change(changes)).rejects.toMatchObject({
      kind: 'refused',
      message: expect.stringMatching(/^the lock on mongodb:.* expired; .*process 77 on web9/),
    });
    expect(await d.countDocuments({ v: 'before' })).toBe(changes.length);
  });

  test('takes its lock again that nobody else has taken', async () => {
    const { raw, database, changes } = await behindProxy(server);
    const lock = await database.lockMigrations(null);
    onTestFinished(() => lock.release());
    const locks = raw.collection<{ _id: string; holder: string }>('depot_migrations');
    await locks.deleteMany({});
    const now = performance.now();
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => now + 45_000);
    onTestFinished(() => void clock.mockRestore());
    expect(await database.change(changes)).toEqual(changes.map(() => true));
    const held = await locks.find().toArray();
    expect(held.map((one) => one.holder)).toEqual([expect.stringContaining(` ${hostname()}`)]);
  });
});
