import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { openMemory } from '../../src/backends/memory.js';
import { Storage } from '../../src/storage.js';
import { type Clock, newThrottle } from '../../src/transfer/limits.js';
import { chunksOf, collected } from '../conformance/harness.js';

/** A clock that stands still but for those who sleep. */
function fakeClock(): Clock & { at: number } {
  const clock = {
    at: 0,
    now: () => clock.at,
    async sleep(milliseconds: number) {
      clock.at += milliseconds;
    },
  };
  return clock;
}

const never = new AbortController().signal;

test('without limits nothing is throttled', () => {
  expect(newThrottle({}, never)).toBeNull();
});

test('no more passes than the limit and what is under way', async () => {
  const amounts = fc.array(fc.nat({ max: 1_000_000 }), { minLength: 1, maxLength: 50 });
  await fc.assert(
    fc.asyncProperty(amounts, fc.integer({ min: 1, max: 1_000_000 }), async (all, rate) => {
      const clock = fakeClock();
      const throttle = newThrottle({ bytesPerSecond: rate }, never, clock);
      for (const amount of all) await throttle?.bytes(amount);
      const before = all.slice(0, -1).reduce((sum, amount) => sum + amount, 0);
      expect(clock.at / 1000).toBeCloseTo(before / rate, 3);
    }),
  );
});

test('time in which nothing passes is not saved up', async () => {
  const clock = fakeClock();
  const throttle = newThrottle({ operationsPerSecond: 2 }, never, clock);
  await throttle?.operations(1);
  clock.at = 60_000;
  for (let count = 0; count < 3; count += 1) await throttle?.operations(1);
  expect(clock.at).toBe(61_000);
});

test('bytes and operations are limited each by itself', async () => {
  const clock = fakeClock();
  const throttle = newThrottle({ operationsPerSecond: 1 }, never, clock);
  for (let count = 0; count < 3; count += 1) await throttle?.bytes(1e12);
  expect(clock.at).toBe(0);
});

test('an interruption ends the waiting, of those that wait and of those that come', async () => {
  const controller = new AbortController();
  const throttle = newThrottle({ operationsPerSecond: 1 }, controller.signal);
  await throttle?.operations(1_000_000);
  const waiting = throttle?.operations(1);
  controller.abort();
  await waiting;
  await throttle?.operations(1);
  expect(controller.signal.aborted).toBe(true);
});

test('a storage counts what it reads and deletes', async () => {
  const clock = fakeClock();
  const plain = new Storage('files', 'memory', openMemory());
  const id = randomUUID();
  await plain.create(chunksOf(Buffer.alloc(2_500_000)), { id });
  const bytes = newThrottle({ bytesPerSecond: 1_000_000 }, never, clock);
  const limited = plain.throttledBy(bytes as NonNullable<typeof bytes>);
  for (let count = 0; count < 2; count += 1) await collected((await limited.read(id)).chunks);
  // All but the last chunk, which is what is left of two of a mebibyte.
  expect(clock.at).toBeCloseTo(5000 - (2_500_000 - 2 * 1024 * 1024) / 1000, 3);
  clock.at = 0;
  const operations = newThrottle({ operationsPerSecond: 10 }, never, clock);
  const counted = plain.throttledBy(operations as NonNullable<typeof operations>);
  await counted.hash(id);
  await counted.hash(id);
  await counted.delete(id);
  expect(clock.at).toBe(200);
});
