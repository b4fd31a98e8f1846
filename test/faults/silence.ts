import { describe, expect, test } from 'vitest';
import type { Storage } from '../../src/storage.js';
import { chunksOf, collected, listed } from '../conformance/harness.js';
import type { Fault } from './fault.js';
import {
  type Connected,
  duringFault,
  expectClear,
  expectRecovered,
  type Faulty,
  impatient,
  outcomeOf,
} from './harness.js';

const operations: readonly ((storage: Storage, id: string) => Promise<unknown>)[] = [
  (storage) => storage.backend.ping(),
  (storage) => storage.create(chunksOf('new')),
  (storage) => listed(storage),
  (storage, id) => storage.info(id),
  (storage, id) => storage.find(id),
  async (storage, id) => collected((await storage.read(id)).chunks),
  (storage, id) => storage.replace(id, chunksOf('new')),
  (storage, id) => storage.delete(id),
];

const always = Number.POSITIVE_INFINITY;
const silent: Fault = { from: 'server', does: 'stall', times: always };
const cutting: Fault = { from: 'server', does: 'cut', times: always };

/** Where nobody answers, everything ends soon, and says that the server is unreachable. */
export function silence(faultyStorage: () => Faulty): void {
  const states = [
    { name: 'connections that are there', used: true },
    { name: 'new connections', used: false },
  ];

  describe.each(states)('$name', ({ used }) => {
    const begin = async (
      idleTimeout?: number,
    ): Promise<{ faulty: Faulty; connected: Connected; id: string }> => {
      const faulty = faultyStorage();
      const { id } = await faulty.direct.create(chunksOf('there'));
      const connected = await faulty.connect(idleTimeout);
      if (used) await expectRecovered(connected, faulty);
      return { faulty, connected, id };
    };

    /** All at once, as a migration asks them; and afterwards each as if nothing had been. */
    const expectUnreachable = async (
      { faulty, connected, id }: Awaited<ReturnType<typeof begin>>,
      run: (all: () => Promise<unknown>) => Promise<unknown>,
    ): Promise<void> => {
      const { proxy } = faulty;
      await run(async () => {
        const outcomes = operations.map((operation) => outcomeOf(operation(connected.storage, id)));
        for (const outcome of await Promise.all(outcomes)) {
          expect(outcome).toHaveProperty('error');
          if ('error' in outcome) expectClear(outcome.error, proxy, ['unreachable']);
        }
      });
      await proxy.heal();
      await expectRecovered(connected, faulty);
    };

    test('that are silent', async () => {
      const begun = await begin(impatient);
      await expectUnreachable(begun, (all) => duringFault(begun.faulty.proxy, silent, all));
    });

    test('that are cut whenever the server speaks', async () => {
      const begun = await begin();
      await expectUnreachable(begun, (all) => duringFault(begun.faulty.proxy, cutting, all));
    });

    test('that are refused', async () => {
      const begun = await begin();
      const before = await listed(begun.faulty.direct);
      await expectUnreachable(begun, async (all) => {
        await begun.faulty.proxy.refuse();
        await all();
      });
      expect(await listed(begun.faulty.direct)).toEqual(before);
    });
  });
}
