import { pMapIterable } from 'p-map';
import { DepotError, isNotFound, messageOf } from '../errors.js';
import { stopsTheRun } from './copy-outcome.js';
import type { CopyStorageOptions } from './copy-storage.js';
import { type IdentifierSet, openIdentifiers } from './identifier-set.js';

/**
 * Deletes from the target what is not among `kept`. Fails with `refused`, having deleted nothing,
 * where that is more than the user meant.
 */
export async function deleteSurplus(
  kept: IdentifierSet,
  options: CopyStorageOptions,
): Promise<void> {
  const { copyOptions, counts, signal, maxDelete } = options;
  const { source, target, dryRun } = copyOptions;
  const surplus = openIdentifiers();
  try {
    for await (const id of target.list()) {
      if (signal.aborted) return;
      if (!kept.has(id)) surplus.add(id);
    }
    if (kept.size === 0 && surplus.size > 0) {
      throw new DepotError('refused', `nothing is deleted: ${source.name} is empty`, {
        hint: 'Is it what it should be, and mounted? An empty storage is mirrored by deleting yourself.',
      });
    }
    if (maxDelete !== null && surplus.size > maxDelete) {
      throw new DepotError(
        'refused',
        `nothing is deleted: ${surplus.size} blobs are in ${target.name} alone, more than --max-delete ${maxDelete}`,
        { hint: 'Is the source what it should be? If so, allow more with --max-delete.' },
      );
    }
    if (dryRun) counts.blobs.deleted = surplus.size;
    else await deleteAll(surplus, options);
  } finally {
    surplus.close();
  }
}

async function deleteAll(
  surplus: IdentifierSet,
  { copyOptions, counts, signal, observer, concurrency }: CopyStorageOptions,
): Promise<void> {
  const { target } = copyOptions;
  const deleteOne = async (id: string): Promise<void> => {
    if (signal.aborted) return;
    try {
      await target.delete(id);
      counts.blobs.deleted += 1;
    } catch (error) {
      if (isNotFound(error)) return;
      if (stopsTheRun(error)) throw error;
      const path = target.path(id);
      observer.problem({ kind: 'delete-failed', reference: null, path, message: messageOf(error) });
      counts.blobs.failed += 1;
    }
    observer.progress(counts);
  };
  for await (const _ of pMapIterable(surplus, deleteOne, { concurrency }))
    if (signal.aborted) return;
}
