import type { SqliteConnection } from './sqlite.js';

interface Waiting {
  readonly work: () => unknown;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Runs pieces of work that are asked for at the same time in one transaction, since every commit
 * waits for the disk. Each is durable when its promise resolves. Where one of them fails, each gets
 * a transaction of its own, so that it fails alone.
 */
export function groupCommit(
  connection: SqliteConnection,
  what: string,
): <T>(work: () => T) => Promise<T> {
  const { handle, run } = connection;
  let queue: Waiting[] = [];

  const commit = (works: readonly Waiting[]): Promise<unknown[]> => {
    const transaction = handle.transaction(() => works.map(({ work }) => work()));
    return run(what, () => transaction.immediate());
  };
  const flush = async (): Promise<void> => {
    const group = queue;
    queue = [];
    try {
      const results = await commit(group);
      for (const [index, { resolve }] of group.entries()) resolve(results[index]);
    } catch (error) {
      if (group.length === 1) return group[0]?.reject(error);
      for (const one of group)
        await commit([one]).then(([result]) => one.resolve(result), one.reject);
    }
  };
  return <T>(work: () => T): Promise<T> =>
    new Promise<unknown>((resolve, reject) => {
      if (queue.length === 0) setImmediate(flush);
      queue.push({ work, resolve, reject });
    }) as Promise<T>;
}
