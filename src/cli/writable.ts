import { DepotError } from '../errors.js';
import type { Storage } from '../storage.js';

/** Refuses to write where the blobs would be gone when the command ends. */
export function refuseEphemeral(storage: Storage): void {
  if (!storage.backend.ephemeral) return;
  throw new DepotError(
    'refused',
    `storage ${storage.name} is in memory: what is put there is gone when this command ends`,
  );
}
