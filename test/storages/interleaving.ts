import { AsyncLocalStorage } from 'node:async_hooks';
import promises from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';

/**
 * Operations on files that stop before each of their file system calls until they are let on, so
 * that a test can try every order in which the calls of two of them may come.
 */
interface Actor {
  /** Calls that it may still make before it stops. */
  allowed: number;
  /** Calls made so far. */
  calls: number;
  letOn: () => void;
  stopped: () => void;
}

const current = new AsyncLocalStorage<Actor>();

const stepped = ['access', 'link', 'mkdir', 'open', 'readdir', 'rename', 'rm', 'rmdir', 'stat'];

type Call = (...args: unknown[]) => Promise<unknown>;

/** Makes the calls of `node:fs/promises` stoppable; returns what makes them as they were. */
export function patchFileSystem(): () => void {
  const module = promises as unknown as Record<string, Call>;
  const originals = stepped.map((name) => [name, module[name] as Call] as const);
  for (const [name, original] of originals) {
    module[name] = async (...args) => {
      await turn();
      return original(...args);
    };
  }
  syncBuiltinESMExports();
  return () => {
    for (const [name, original] of originals) module[name] = original;
    syncBuiltinESMExports();
  };
}

async function turn(): Promise<void> {
  const actor = current.getStore();
  if (actor === undefined) return;
  actor.calls += 1;
  if (actor.allowed === 0) {
    await new Promise<void>((resolve) => {
      actor.letOn = resolve;
      actor.stopped();
    });
  }
  actor.allowed -= 1;
}

export interface Operation {
  /** Lets it make that many calls; resolves when it stops before the next one, or has ended. */
  advance(calls: number): Promise<void>;
  /** How it ended, having been let make all of its calls. */
  readonly outcome: Promise<PromiseSettledResult<unknown>>;
  /** Calls made so far. */
  count(): number;
}

/** Starts an operation, which stops before its first call. */
export function start(action: () => Promise<unknown>): Operation {
  const actor: Actor = { allowed: 0, calls: 0, letOn: () => {}, stopped: () => {} };
  const result = current.run(actor, async () => {
    await turn();
    return action();
  });
  const outcome = Promise.allSettled([result]).then(
    ([settled]) => settled as PromiseSettledResult<unknown>,
  );
  return {
    outcome,
    count: () => actor.calls - 1,
    async advance(calls) {
      const stopped = new Promise<void>((resolve) => {
        actor.stopped = resolve;
      });
      actor.allowed = calls;
      actor.letOn();
      // One that waits for the other, for its lock, neither stops nor ends: the other goes on.
      await Promise.race([stopped, outcome, new Promise((resolve) => setTimeout(resolve, 20))]);
    },
  };
}
