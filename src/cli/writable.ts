import path from 'node:path';
import { DepotError } from '../errors.js';
import { errorCode, fileError } from '../files.js';
import type { Storage } from '../storage.js';

/** Refuses a storage that is not to be written to, or whose blobs are gone when the command ends. */
export function checkWritable(storage: Storage): void {
  storage.checkWritable();
  if (!storage.backend.ephemeral) return;
  throw new DepotError(
    'refused',
    `storage ${storage.name} is in memory: what is put there is gone when this command ends`,
  );
}

/** Why a file cannot be made: what does not exist then is its directory. */
export function writeError(error: unknown, file: string): DepotError {
  const what = `cannot write ${file}`;
  if (errorCode(error) !== 'ENOENT') return fileError(error, what);
  return new DepotError('not-found', `${what}: there is no directory ${path.dirname(file)}`);
}
