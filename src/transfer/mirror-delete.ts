import { originalIdOf } from '../backends/identifiers.js';
import { DepotError, isNotFound, messageOf } from '../errors.js';
import { fromSource, ifDamaged, stopsTheRun } from './copy-outcome.js';
import type { CopyStorageOptions } from './copy-storage.js';
import { eachAtOnce } from './each-at-once.js';
import { findNamed } from './find-named.js';
import { freshSearch } from './fresh-search.js';
import type { IdentifierSet } from './identifier-set.js';
import { type Inventory, openInventory, type PlacedBlob } from './inventory.js';

/**
 * Deletes from the target what is not among `kept`, and what no database names: a blob that is
 * needed and gone from the source may have its last copy here. Fails with `refused`, having deleted
 * nothing, where that is more than the user meant.
 */
export async function deleteSurplus(
  kept: IdentifierSet,
  options: CopyStorageOptions,
): Promise<void> {
  const { copyOptions, counts, databases, signal } = options;
  const surplus = openInventory();
  const search = async (): Promise<void> => void (await findNamed(surplus, { databases, signal }));
  try {
    await takeStock(kept, surplus, options);
    if (signal.aborted) return;
    if (surplus.unnamedCount() === 0) return;
    checkSource(kept, options);
    await search();
    if (signal.aborted) return;
    const count = surplus.unnamedCount();
    checkCount(count, options);
    reportNamed(surplus, options);
    if (copyOptions.dryRun) counts.blobs.deleted = count;
    else await deleteAll(surplus, freshSearch(search), options);
  } finally {
    surplus.close();
  }
}

/** What is in the target alone, with what it was called in the source. */
async function takeStock(
  kept: IdentifierSet,
  surplus: Inventory,
  options: CopyStorageOptions,
): Promise<void> {
  const { target } = options.copyOptions;
  const look = async (id: string): Promise<void> => {
    if (kept.has(id)) return;
    try {
      const info = await fromSource(target, () => target.find(id)).catch(ifDamaged);
      if (info !== null) surplus.add({ place: 0, id }, info ? originalIdOf(info) : null);
    } catch (error) {
      reportFailed(id, error, options);
    }
  };
  await eachAtOnce(target.list(), look, options);
}

function checkSource(kept: IdentifierSet, { copyOptions: { source } }: CopyStorageOptions): void {
  if (kept.size > 0) return;
  throw new DepotError('refused', `nothing is deleted: ${source.name} is empty`, {
    hint: 'Is it what it should be, and mounted? An empty storage is mirrored by deleting yourself.',
  });
}

function checkCount(
  count: number,
  { copyOptions: { target }, maxDelete }: CopyStorageOptions,
): void {
  if (maxDelete === null || count <= maxDelete) return;
  throw new DepotError(
    'refused',
    `nothing is deleted: ${count} blobs are in ${target.name} alone, more than --max-delete ${maxDelete}`,
    { hint: 'Is the source what it should be? If so, allow more with --max-delete.' },
  );
}

function reportNamed(
  surplus: Inventory,
  { copyOptions: { source, target }, observer }: CopyStorageOptions,
): void {
  for (const { id, mention } of surplus.mentionedBlobs()) {
    const path = target.path(id);
    const message = `names ${path}, which is kept: ${source.name} does not have it`;
    observer.problem({ kind: 'still-mentioned', reference: mention, path, message });
  }
}

async function deleteAll(
  surplus: Inventory,
  searchAgain: () => Promise<void>,
  options: CopyStorageOptions,
): Promise<void> {
  const { copyOptions, counts, signal, observer } = options;
  const { target } = copyOptions;
  const deleteOne = async (blob: PlacedBlob): Promise<void> => {
    await searchAgain();
    if (signal.aborted || !surplus.isUnnamed(blob)) return;
    try {
      await target.delete(blob.id);
      counts.blobs.deleted += 1;
      observer.done?.({ action: 'deleted', path: target.path(blob.id) });
    } catch (error) {
      if (isNotFound(error)) return;
      reportFailed(blob.id, error, options);
    }
    observer.progress(counts);
  };
  await eachAtOnce(surplus.unnamed(), deleteOne, options);
}

/** Throws what stops the run. */
function reportFailed(
  id: string,
  error: unknown,
  { copyOptions: { target }, counts, observer }: CopyStorageOptions,
): void {
  if (stopsTheRun(error)) throw error;
  const path = target.path(id);
  observer.problem({ kind: 'delete-failed', reference: null, path, message: messageOf(error) });
  counts.blobs.failed += 1;
}
