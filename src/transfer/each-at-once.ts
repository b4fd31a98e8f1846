import { pMapIterable } from 'p-map';

/**
 * Does something with each item, several at once. After an error, or an abort, nothing new is begun,
 * and what is under way is waited for; then the first error is thrown.
 */
export async function eachAtOnce<T>(
  items: AsyncIterable<T> | Iterable<T>,
  action: (item: T) => Promise<void>,
  { concurrency, signal }: { concurrency: number; signal: AbortSignal },
): Promise<void> {
  const errors: unknown[] = [];
  const isStopped = (): boolean => signal.aborted || errors.length > 0;
  async function* wanted(): AsyncGenerator<T> {
    for await (const item of items) {
      if (isStopped()) return;
      yield item;
    }
  }
  const act = async (item: T): Promise<void> => {
    if (isStopped()) return;
    await action(item).catch((error: unknown) => void errors.push(error));
  };
  for await (const _ of pMapIterable(wanted(), act, { concurrency }));
  if (errors.length > 0) throw errors[0];
}
