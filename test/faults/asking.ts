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
  networkKinds,
  type Outcome,
  outcomeOf,
  pointsIn,
} from './harness.js';

/** Something that changes nothing, and the only right answer. */
interface Question {
  readonly name: string;
  ask(storage: Storage, id: string): Promise<unknown>;
}

const questions: readonly Question[] = [
  { name: 'info', ask: (storage, id) => storage.info(id) },
  { name: 'find', ask: (storage) => storage.find(storage.idFor(absent)) },
  { name: 'list', ask: async (storage) => (await listed(storage)).sort() },
];

const absent = '3b241101-e2bb-11e5-8b8e-0242ac110002';

/** What a fault may be set at, one after the other: bytes of either side, and answers. */
async function* faultsOf(
  { proxy }: Faulty,
  action: () => Promise<unknown>,
  does: 'cut' | 'stall',
): AsyncGenerator<Fault> {
  await action();
  const { bytes, turns } = await proxy.traffic(action);
  for (const from of ['client', 'server'] as const) {
    const points = does === 'cut' ? pointsIn(bytes[from]) : [bytes[from] >> 1];
    for (const after of points) yield { from, after, does };
  }
  for (let turn = 0; turn < turns.server; turn += 1) yield { from: 'server', turns: turn, does };
}

function patienceFor(does: 'cut' | 'stall'): number | undefined {
  return does === 'stall' ? impatient : undefined;
}

/** What is asked is answered rightly or not at all. */
export function asking(faultyStorage: () => Faulty): void {
  const begin = async (
    idleTimeout?: number,
  ): Promise<{ faulty: Faulty; connected: Connected; ids: string[] }> => {
    const faulty = faultyStorage();
    const ids: string[] = [];
    for (let number = 0; number < 20; number += 1) {
      const { id } = await faulty.direct.create(chunksOf('x'), { filename: `${number}.txt` });
      ids.push(id);
    }
    return { faulty, connected: await faulty.connect(idleTimeout), ids };
  };
  const end = async (faulty: Faulty, connected: Connected, ids: string[]): Promise<void> => {
    await expectRecovered(connected, faulty);
    for (const id of ids) await faulty.direct.delete(id);
  };

  const expectRight = (outcome: Outcome<unknown>, expected: unknown, { proxy }: Faulty): void => {
    if ('error' in outcome) expectClear(outcome.error, proxy, networkKinds);
    else expect(outcome.result).toEqual(expected);
  };

  describe.each(questions)('$name', ({ ask }) => {
    test.each(['cut', 'stall'] as const)('on a connection that is there: %s', async (does) => {
      const { faulty, connected, ids } = await begin(patienceFor(does));
      const [id = ''] = ids;
      const expected = await ask(faulty.direct, id);
      const action = (): Promise<unknown> => ask(connected.storage, id);
      for await (const fault of faultsOf(faulty, action, does)) {
        const { result, happened } = await duringFault(faulty.proxy, fault, () =>
          outcomeOf(action()),
        );
        expect(happened).toBeGreaterThan(0);
        if (does === 'cut') expect(result).not.toHaveProperty('error');
        expectRight(result, expected, faulty);
        // The next one finds a connection again.
        expect(await action()).toEqual(expected);
      }
      await end(faulty, connected, ids);
    });
  });

  test.each(['cut', 'stall'] as const)('info on a new connection: %s', async (does) => {
    const { faulty, connected, ids } = await begin(patienceFor(does));
    const [id = ''] = ids;
    const expected = await faulty.direct.info(id);
    const action = async (): Promise<unknown> => {
      const { storage } = await faulty.connect(patienceFor(does));
      return storage.info(id).finally(() => storage.backend.close());
    };
    let some = 0;
    for await (const fault of faultsOf(faulty, action, does)) {
      const { result, happened } = await duringFault(faulty.proxy, fault, () =>
        outcomeOf(action()),
      );
      // Not each time: how much a driver asks of a server that it gets to know differs.
      some += happened;
      if (does === 'cut') expect(result).not.toHaveProperty('error');
      expectRight(result, expected, faulty);
    }
    expect(some).toBeGreaterThan(0);
    await end(faulty, connected, ids);
  });

  describe('delete', () => {
    test.each(['cut', 'stall'] as const)('on a connection that is there: %s', async (does) => {
      const { faulty, connected, ids } = await begin(patienceFor(does));
      const { direct, proxy } = faulty;
      const { storage } = connected;
      const another = async (): Promise<string> => (await direct.create(chunksOf('there'))).id;
      const action = async (): Promise<void> => storage.delete(await another());
      for await (const fault of faultsOf(faulty, action, does)) {
        const id = await another();
        const { result } = await duringFault(proxy, fault, () => outcomeOf(storage.delete(id)));
        const found = await direct.find(id);
        expect((await listed(direct)).includes(id)).toBe(found !== null);
        if ('error' in result) expectClear(result.error, proxy, networkKinds);
        else expect(found).toBeNull();
        if (found === null) {
          await expect(storage.delete(id)).rejects.toMatchObject({ kind: 'not-found' });
          continue;
        }
        expect((await collected((await direct.read(id)).chunks)).toString()).toBe('there');
        await storage.delete(id);
      }
      await end(faulty, connected, ids);
    });
  });
}
