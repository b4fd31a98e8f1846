import type { Manager } from '../manager.js';
import type { Storage } from '../storage.js';
import type { Throttle } from '../streams.js';

/** How much of a site's storages a run may use. */
export interface Limits {
  /** Of blobs read, at both ends. */
  readonly bytesPerSecond?: number | undefined;
  /** Blobs read, copied by a service or deleted. */
  readonly operationsPerSecond?: number | undefined;
}

/** Milliseconds, from any moment on. */
export interface Clock {
  now(): number;
  /** Ends early when the signal is aborted. */
  sleep(milliseconds: number, signal: AbortSignal): Promise<void>;
}

const systemClock: Clock = {
  now: () => performance.now(),
  sleep: (milliseconds, signal) =>
    new Promise((resolve) => {
      const timer = setTimeout(done, Math.min(milliseconds, 2 ** 31 - 1));
      signal.addEventListener('abort', done);
      function done(): void {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        resolve();
      }
    }),
};

/** The two storages of a run, which together keep its limits. */
export async function openLimited(
  manager: Manager,
  { from, to }: { from: string; to: string },
  { limits = {}, signal }: { limits?: Limits | undefined; signal: AbortSignal },
): Promise<{ source: Storage; target: Storage }> {
  const throttle = newThrottle(limits, signal);
  const source = await manager.storage(from);
  const target = await manager.storage(to);
  if (throttle === null) return { source, target };
  return { source: source.throttledBy(throttle), target: target.throttledBy(throttle) };
}

/**
 * Lets as much pass a second as the limits say; null where they say nothing. From an abort on
 * nobody waits: what has to be finished then shall be soon.
 */
export function newThrottle(
  { bytesPerSecond, operationsPerSecond }: Limits,
  signal: AbortSignal,
  clock: Clock = systemClock,
): Throttle | null {
  if (bytesPerSecond === undefined && operationsPerSecond === undefined) return null;
  return {
    bytes: pace(bytesPerSecond, signal, clock),
    operations: pace(operationsPerSecond, signal, clock),
  };
}

/** Each caller's turn comes when the amounts of all before it have had their time. */
function pace(
  perSecond: number | undefined,
  signal: AbortSignal,
  clock: Clock,
): (amount: number) => Promise<void> {
  if (perSecond === undefined) return async () => {};
  let free = Number.NEGATIVE_INFINITY;
  return async (amount) => {
    if (signal.aborted) return;
    const now = clock.now();
    const turn = Math.max(now, free);
    free = turn + (amount / perSecond) * 1000;
    if (turn > now) await clock.sleep(turn - now, signal);
  };
}
