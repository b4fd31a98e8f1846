import { pMapIterable } from 'p-map';
import type { BlobInfo, Leftover } from '../backend.js';
import { originalIdOf } from '../backends/identifiers.js';
import type { Database } from '../databases/database.js';
import { isNotFound, messageOf } from '../errors.js';
import type { Storage } from '../storage.js';
import { fromSource, stopsTheRun } from './copy-outcome.js';
import { findNamed } from './find-named.js';
import { freshSearch } from './fresh-search.js';
import { type Inventory, openInventory } from './inventory.js';
import type { Observer } from './report.js';

/** What a collection has found and done, in the words of its `--json` output. */
export interface GcCounts {
  readonly references: { scanned: number };
  readonly blobs: {
    listed: number;
    /** Younger than the age, or of no known time. */
    young: number;
    unreferenced: number;
    deleted: number;
    failed: number;
  };
  readonly leftovers: { found: number; removed: number };
  /** Of the unreferenced blobs. */
  bytes: number;
}

/** Something that nobody needs. */
export type Garbage =
  | { readonly type: 'blob'; readonly path: string; readonly content_length: number }
  | { readonly type: 'leftover'; readonly description: string };

export interface GcOptions {
  readonly storage: Storage;
  /** Every database that may name a blob. */
  readonly databases: readonly Database[];
  /** What was last changed after this is left alone. */
  readonly before: Date;
  /** Deletes, in place of finding alone. */
  readonly deleting: boolean;
  /** Added to as it goes. */
  readonly counts: GcCounts;
  /** Takes what is deleted, or would be. */
  found(garbage: Garbage): Promise<void>;
  readonly observer: Observer<GcCounts>;
  readonly signal: AbortSignal;
  /** Blobs looked at, or deleted, at once. */
  readonly concurrency: number;
}

export function newGcCounts(): GcCounts {
  return {
    references: { scanned: 0 },
    blobs: { listed: 0, young: 0, unreferenced: 0, deleted: 0, failed: 0 },
    leftovers: { found: 0, removed: 0 },
    bytes: 0,
  };
}

/** A collection on its way. */
interface Collection extends GcOptions {
  /** Of the blobs and leftovers that are old enough. */
  readonly inventory: Inventory;
  /** To be called before each deletion: looks again for what names them. */
  searchAgain(): Promise<void>;
}

/**
 * Deletes from a storage what is old and what no text of any database mentions: an identifier
 * protects its blob in any spelling and under whatever storage's name, so a backup is not emptied
 * because references name the original. Everything is listed first, and then looked for; while it
 * is deleted, it is looked for again.
 */
export async function collectGarbage(options: GcOptions): Promise<void> {
  const { counts, deleting, signal } = options;
  const inventory = openInventory();
  const search = (): Promise<number> => findNamed(inventory, options);
  const searchAgain = freshSearch(async () => void (await search()));
  const collection = {
    ...options,
    inventory,
    searchAgain: deleting ? searchAgain : async () => {},
  };
  try {
    await takeStock(collection);
    counts.references.scanned = await search();
    if (signal.aborted) return;
    await collectBlobs(collection);
    await collectLeftovers(collection);
  } finally {
    inventory.close();
  }
}

async function takeStock(options: Collection): Promise<void> {
  const { inventory, storage, signal, concurrency, counts, observer } = options;
  const look = async (id: string): Promise<void> => {
    if (signal.aborted) return;
    counts.blobs.listed += 1;
    const info = await oldBlob(id, options);
    if (info !== null) inventory.add({ place: 0, id }, originalIdOf(info));
    else counts.blobs.young += 1;
    observer.progress(counts);
  };
  for await (const _ of pMapIterable(storage.list(), look, { concurrency }))
    if (signal.aborted) return;
  for await (const leftover of oldLeftovers(options)) {
    if (leftover.id !== null) inventory.add({ place: 0, id: leftover.id });
  }
}

/** Null for one that is young, or cannot be looked at: who knows what it is. */
async function oldBlob(id: string, { storage, before }: GcOptions): Promise<BlobInfo | null> {
  const info = await fromSource(storage, () => storage.find(id)).catch((error: unknown) => {
    if (stopsTheRun(error)) throw error;
    return null;
  });
  const changed = info?.lastModified ?? null;
  return changed !== null && changed < before ? info : null;
}

async function* oldLeftovers({ storage, before, signal }: GcOptions): AsyncGenerator<Leftover> {
  for await (const leftover of storage.backend.leftovers?.(signal) ?? []) {
    if (leftover.since < before) yield leftover;
  }
}

async function collectBlobs(options: Collection): Promise<void> {
  const { inventory, storage, counts, observer, signal, concurrency } = options;
  const collect = async ({ id }: { id: string }): Promise<void> => {
    if (signal.aborted) return;
    await options.searchAgain();
    if (signal.aborted || !inventory.isUnnamed({ place: 0, id })) return;
    const path = storage.path(id);
    try {
      await collectBlob(id, path, options);
    } catch (error) {
      if (signal.aborted || isNotFound(error)) return;
      if (stopsTheRun(error)) throw error;
      counts.blobs.failed += 1;
      observer.problem({ kind: 'delete-failed', reference: null, path, message: messageOf(error) });
    }
    observer.progress(counts);
  };
  for await (const _ of pMapIterable(inventory.unnamed(), collect, { concurrency }));
}

async function collectBlob(id: string, path: string, options: GcOptions): Promise<void> {
  const { storage, before, deleting, counts, found } = options;
  const info = await storage.find(id);
  // A leftover of that identifier is no blob, and what was replaced meanwhile is young.
  if (info === null || info.lastModified === null || info.lastModified >= before) return;
  if (deleting) {
    await storage.delete(id);
    counts.blobs.deleted += 1;
  }
  counts.blobs.unreferenced += 1;
  counts.bytes += info.contentLength;
  await found({ type: 'blob', path, content_length: info.contentLength });
}

async function collectLeftovers(options: Collection): Promise<void> {
  const { inventory, storage, deleting, counts, found, signal, observer } = options;
  for await (const { id, description, remove } of oldLeftovers(options)) {
    if (id !== null) await options.searchAgain();
    if (signal.aborted) return;
    if (id !== null && !inventory.isUnnamed({ place: 0, id })) continue;
    counts.leftovers.found += 1;
    try {
      if (deleting) {
        await remove();
        counts.leftovers.removed += 1;
      }
      await found({ type: 'leftover', description });
    } catch (error) {
      if (stopsTheRun(error)) throw error;
      counts.blobs.failed += 1;
      const path = id === null ? null : storage.path(id);
      observer.problem({ kind: 'delete-failed', reference: null, path, message: messageOf(error) });
    }
  }
}
