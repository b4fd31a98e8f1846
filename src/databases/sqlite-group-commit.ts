import type { SqliteConnection } from './sqlite.js';

interface Waiting {
  readonly work: () => unknown;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** What a piece of work came to. */
type Outcome = { readonly value: unknown } | { readonly error: unknown };

/**
 * Runs pieces of work that are asked for at the same time in one transaction, since every commit
 * waits for the disk. Each is durable when its promise resolves. One that fails does so alone.
 */
export function groupCommit(
  { handle, run, failed }: SqliteConnection,
  what: string,
): <T>(work: () => T) => Promise<T> {
  let queue: Waiting[] = [];

  // A transaction within another is a savepoint.
  const alone = handle.transaction((work: () => unknown) => work());
  const attempt = ({ work }: Waiting): Outcome => {
    try {
      return { value: alone(work) };
    } catch (error) {
      // Some errors, such as a full disk, end the whole transaction.
      if (!handle.inTransaction) throw error;
      return { error: failed(what, error) };
    }
  };
  const all = handle.transaction((group: readonly Waiting[]) => group.map(attempt));

  const flush = async (): Promise<void> => {
    const group = queue;
    queue = [];
    try {
      const outcomes = await run(what, () => all.immediate(group));
      for (const [index, outcome] of outcomes.entries()) {
        if ('error' in outcome) group[index]?.reject(outcome.error);
        else group[index]?.resolve(outcome.value);
      }
    } catch (error) {
      for (const { reject } of group) reject(error);
    }
  };
  return <T>(work: () => T): Promise<T> =>
    new Promise<unknown>((resolve, reject) => {
      if (queue.length === 0) setImmediate(flush);
      queue.push({ work, resolve, reject });
    }) as Promise<T>;
}
