import { describe, expect, test } from 'vitest';
import { expectRecovered, type Faulty, impatient, pointsIn } from './harness.js';
import {
  type Attempt,
  atEachAnswer,
  attemptOf,
  create,
  replace,
  type Write,
  writeWith,
} from './writes.js';

/** Bytes that a write sends on a connection that is there already. */
async function bytesOf(write: Write, { faulty, connected, content }: Attempt): Promise<number> {
  const { direct, proxy } = faulty;
  const id = direct.backend.newId();
  await write.prepare(direct, id, content);
  const { bytes } = await proxy.traffic(() => write.run(connected.storage, id, content));
  await direct.delete(id);
  return bytes.client;
}

/** Bytes of a blob that every kind of storage holds in memory. */
export const small = 20;

/** Whatever becomes of the connection of a write, the blob is whole or not there, old or new. */
export function writing(lengths: readonly number[], faultyStorage: () => Faulty): void {
  const begin = (length: number, idleTimeout?: number): Promise<Attempt> =>
    attemptOf(length, faultyStorage(), idleTimeout);

  describe.each([create, replace])('$name', (write) => {
    test.each(lengths)('of %i bytes, cut before all of them have passed', async (length) => {
      const attempt = await begin(length);
      const total = await bytesOf(write, attempt);
      for (const after of pointsIn(total)) {
        const { happened } = await writeWith(write, attempt, {
          from: 'client',
          after,
          does: 'cut',
        });
        if (after <= total / 2) expect([after, happened]).toEqual([after, 1]);
      }
      await expectRecovered(attempt.connected, attempt.faulty);
    });

    test.each(lengths)('of %i bytes, of which any one answer is lost', async (length) => {
      const attempt = await begin(length);
      const failures = await atEachAnswer(write, attempt, 'cut');
      // What is held in memory is sent again, unless nobody can know whether it was committed.
      if (length === small) expect(failures).toBeLessThanOrEqual(1);
      await expectRecovered(attempt.connected, attempt.faulty);
    });

    test('ends where the bytes stall', async () => {
      const attempt = await begin(Math.max(...lengths), impatient);
      const after = attempt.content.byteLength / 2;
      const { happened } = await writeWith(write, attempt, {
        from: 'client',
        after,
        does: 'stall',
      });
      expect(happened).toBe(1);
      await expectRecovered(attempt.connected, attempt.faulty);
    });

    test('ends where any one answer stalls', async () => {
      const attempt = await begin(1000, impatient);
      await atEachAnswer(write, attempt, 'stall');
      await expectRecovered(attempt.connected, attempt.faulty);
    });
  });
}
