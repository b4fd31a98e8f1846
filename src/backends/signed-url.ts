import { DepotError } from '../errors.js';
import type { NetworkStorage } from '../network.js';
import type { Policy } from './policy.js';

/** The options that decide whether visitors of a private storage are sent to the service. */
export interface SignedUrlSettings {
  readonly policy?: Policy | undefined;
  /** For so long a URL is valid. */
  readonly signed_url_seconds?: number | undefined;
}

/** Seconds that signed URLs are to be valid, or null where there are to be none. */
export function signedUrlSeconds(
  { policy, signed_url_seconds: seconds }: SignedUrlSettings,
  { name, where }: NetworkStorage,
): number | null {
  if (seconds === undefined) return null;
  if (policy !== 'public-read') return seconds;
  throw new DepotError('config', `${where}: storage ${name} is public and needs no signed URLs`, {
    hint: 'Leave out signed_url_seconds, or set policy = private.',
  });
}
