import { pMapIterable } from 'p-map';
import { originalIdOf } from '../backends/identifiers.js';
import { DepotError, isNotFound, messageOf } from '../errors.js';
import { ifDamaged, stopsTheRun } from './copy-outcome.js';
import type { CopyStorageOptions } from './copy-storage.js';
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
  { copyOptions: { target }, concurrency, signal }: CopyStorageOptions,
): Promise<void> {
  const look = async (id: string): Promise<void> => {
    if (signal.aborted || kept.has(id)) return;
    const info = await target.find(id).catch(ifDamaged);
    if (info !== null) surplus.add({ place: 0, id }, info ? originalIdOf(info) : null);
  };
  for await (const _ of pMapIterable(target.list(), look, { concurrency }));
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
  { copyOptions, counts, signal, observer, concurrency }: CopyStorageOptions,
): Promise<void> {
  const { target } = copyOptions;
  const deleteOne = async (blob: PlacedBlob): Promise<void> => {
    if (signal.aborted) return;
    await searchAgain();
    if (signal.aborted || !surplus.isUnnamed(blob)) return;
    try {
      await target.delete(blob.id);
      counts.blobs.deleted += 1;
    } catch (error) {
      if (isNotFound(error)) return;
      if (stopsTheRun(error)) throw error;
      const path = target.path(blob.id);
      observer.problem({ kind: 'delete-failed', reference: null, path, message: messageOf(error) });
      counts.blobs.failed += 1;
    }
    observer.progress(counts);
  };
  for await (const _ of pMapIterable(surplus.unnamed(), deleteOne, { concurrency }))
    if (signal.aborted) return;
}
