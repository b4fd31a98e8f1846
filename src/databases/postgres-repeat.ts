import { isAway, isConflict, isLost } from './postgres-errors.js';

/** How often something is tried, and the first pause before it is tried again, in milliseconds. */
const attempts = 8;
const firstPause = 50;

/**
 * Does something again where its connection was lost or other sessions were in its way. A server
 * that was there is waited for while it restarts, one that never was is not.
 */
export async function repeated<T>(
  action: () => Promise<T>,
  {
    retried,
    mayRepeat,
    wasThere,
  }: { retried(): void; mayRepeat(error: unknown): boolean; wasThere(): boolean },
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await action();
    } catch (error) {
      const passing = isLost(error) || isConflict(error) || (wasThere() && isAway(error));
      if (!passing || attempt === attempts || !mayRepeat(error)) throw error;
      retried();
      // Two that are in each other's way must not meet again at once.
      const pause = firstPause * 2 ** (attempt - 1) * (0.5 + Math.random());
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
}
