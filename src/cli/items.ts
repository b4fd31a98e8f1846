import { DepotError, type ErrorKind, exitCodes } from '../errors.js';
import type { Context } from './context.js';
import { OutputError } from './output.js';

/**
 * Does something with each of several items. One that fails is named and the others go on. The
 * exit code tells why, where nothing was done and all failed for one reason; else that it was done
 * in part.
 */
export async function forEachItem<T>(
  context: Context,
  items: Iterable<T> | AsyncIterable<T>,
  action: (item: T) => Promise<void>,
): Promise<void> {
  const kinds = new Set<ErrorKind>();
  let done = 0;
  for await (const item of items) {
    if (context.signal.aborted) return;
    try {
      await action(item);
      done += 1;
    } catch (error) {
      if (error instanceof OutputError) throw error;
      if (context.signal.aborted) return;
      context.output.error(error);
      kinds.add(error instanceof DepotError ? error.kind : 'failed');
    }
  }
  const [kind] = kinds;
  if (kind === undefined) context.exitCode = 0;
  else context.exitCode = exitCodes[done === 0 && kinds.size === 1 ? kind : 'failed'];
}
