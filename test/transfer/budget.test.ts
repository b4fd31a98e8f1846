import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Budget } from '../../src/transfer/budget.js';

test('what is in flight never exceeds the budget, but for one that is larger and goes alone', async () => {
  const job = fc.record({ size: fc.nat(150), turns: fc.nat(5), fails: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(fc.array(job, { maxLength: 20 }), async (jobs) => {
      const budget = new Budget(100);
      const started: number[] = [];
      let inFlight = 0;
      let running = 0;
      let holding = 0;
      const results = await Promise.allSettled(
        jobs.map(({ size, turns, fails }, index) =>
          budget.run(size, async () => {
            started.push(index);
            inFlight += size;
            running += 1;
            if (size > 0) holding += 1;
            expect(inFlight <= 100 || holding === 1).toBe(true);
            for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
            inFlight -= size;
            if (size > 0) holding -= 1;
            running -= 1;
            if (fails) throw new Error(`job ${index}`);
            return index;
          }),
        ),
      );
      expect(running).toBe(0);
      expect(started).toEqual(jobs.map((_, index) => index));
      expect(results.map(({ status }) => status)).toEqual(
        jobs.map(({ fails }) => (fails ? 'rejected' : 'fulfilled')),
      );
    }),
  );
});
