import { describe, expect, test } from 'vitest';
import type { Storage } from '../../src/storage.js';
import { chunksOf, collected, listed, pattern } from '../conformance/harness.js';
import type { HttpAnswer } from './fault.js';
import { duringFault, expectClear, expectRecovered, type Faulty, outcomeOf } from './harness.js';
import { atEachAnswer, attemptOf, copy, create, replace } from './writes.js';

type Operation = (storage: Storage, id: string, large: Buffer) => Promise<unknown>;

const operations: Readonly<Record<string, Operation>> = {
  ping: (storage) => storage.backend.ping(),
  list: (storage) => listed(storage),
  info: (storage, id) => storage.info(id),
  read: async (storage, id) => collected((await storage.read(id)).chunks),
  create: (storage) => storage.create(chunksOf('new')),
  'create in parts': (storage, _id, large) => storage.create(chunksOf(large)),
  replace: (storage, id, large) => storage.replace(id, chunksOf(large)),
  delete: (storage, id) => storage.delete(id),
};

/** A service that is too busy is asked again, but not for ever, and nothing is done twice. */
export function answers(
  busy: readonly HttpAnswer[],
  manyParts: number,
  faultyStorage: () => Faulty,
): void {
  const large = pattern(manyParts);

  describe.each(Object.entries(operations))('%s', (_name, operation) => {
    test.each(busy)('is done in the end where the answer is $status twice', async (does) => {
      const { direct, proxy, connect } = faultyStorage();
      const { id } = await direct.create(chunksOf('there'));
      const { storage, retries } = await connect();
      const fault = { from: 'client', does, times: 2 } as const;
      const { happened } = await duringFault(proxy, fault, () => operation(storage, id, large));
      expect(happened).toBe(2);
      expect(retries()).toBeGreaterThanOrEqual(2);
    });
  });

  test('many requests at once are all done, also where each fails once', async () => {
    const { direct, proxy, connect } = faultyStorage();
    const { id } = await direct.create(chunksOf('there'));
    const { storage } = await connect();
    const requests = 64;
    const fault = { from: 'client', does: busy[0] as HttpAnswer, times: requests } as const;
    const { result, happened } = await duringFault(proxy, fault, () =>
      Promise.all(Array.from({ length: requests }, () => storage.info(id))),
    );
    expect(new Set(result.map((info) => info.id))).toEqual(new Set([id]));
    expect(happened).toBe(requests);
  });

  test('where every answer is an error, everything fails in the end', async () => {
    const faulty = faultyStorage();
    const { direct, proxy } = faulty;
    const { id } = await direct.create(chunksOf('there'));
    const connected = await faulty.connect();
    const before = (await listed(direct)).sort();
    for (const does of busy) {
      const fault = { from: 'client', does, times: Number.POSITIVE_INFINITY } as const;
      await duringFault(proxy, fault, async () => {
        const all = Object.values(operations).map((operation) =>
          outcomeOf(operation(connected.storage, id, large)),
        );
        for (const outcome of await Promise.all(all)) {
          expect(outcome).toHaveProperty('error');
          if ('error' in outcome) expectClear(outcome.error, proxy, ['unreachable']);
        }
      });
    }
    expect((await listed(direct)).sort()).toEqual(before);
    await expectRecovered(connected, faulty);
  });

  describe.each([create, replace, copy])('$name', (write) => {
    const [first] = busy as [HttpAnswer];
    test.each([10, manyParts])(
      'of %i bytes that is done, but answered as failed',
      async (length) => {
        const attempt = await attemptOf(length, faultyStorage());
        await atEachAnswer(write, attempt, first);
        await expectRecovered(attempt.connected, attempt.faulty);
      },
    );
  });

  test('a copy inside the service, of which any one answer is lost', async () => {
    const attempt = await attemptOf(1000, faultyStorage());
    await atEachAnswer(copy, attempt, 'cut');
    await expectRecovered(attempt.connected, attempt.faulty);
  });
}
