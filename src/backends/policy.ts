import { DepotError } from '../errors.js';
import type { NetworkStorage } from '../network.js';

/** Who may read what is stored, beside those with the key. */
export type Policy = 'private' | 'public-read';

/**
 * Why nothing is written to a storage that does not say who may read it: Python makes files public
 * then, which nobody should meet unasked.
 */
export function undecidedPolicy({ name, where }: NetworkStorage): DepotError {
  const key = /(\S+\.)[^\s.]+$/.exec(where)?.[1] ?? '';
  return new DepotError(
    'config',
    `${where}: storage ${name} does not say who may read what is stored: it has no policy`,
    {
      hint: `Add the line "${key}policy = private", or "${key}policy = public-read" for everybody.`,
    },
  );
}
