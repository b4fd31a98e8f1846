import { pMapIterable } from 'p-map';
import type { Leftover } from '../backend.js';
import type { Database } from '../databases/database.js';
import { isNotFound, messageOf } from '../errors.js';
import { allTexts } from '../references/all-texts.js';
import { rowName } from '../references/columns.js';
import { parseReferenceText } from '../references/reference.js';
import type { Storage } from '../storage.js';
import { fromSource, stopsTheRun } from './copy-outcome.js';
import { type Inventory, openInventory } from './inventory.js';
import { checkReadable, withoutReferences } from './protection.js';
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

/**
 * Deletes from a storage what is old and what no text of any database mentions: an identifier
 * protects its blob in any spelling and under whatever storage's name, so a backup is not emptied
 * because references name the original. Everything is listed first, and then looked for.
 */
export async function collectGarbage(options: GcOptions): Promise<void> {
  const { databases, signal } = options;
  const inventory = openInventory();
  try {
    await takeStock(inventory, options);
    await checkReadable(databases);
    for (const database of databases) await readTexts(database, inventory, options);
    if (signal.aborted) return;
    await collectBlobs(inventory, options);
    await collectLeftovers(inventory, options);
  } finally {
    inventory.close();
  }
}

async function takeStock(inventory: Inventory, options: GcOptions): Promise<void> {
  const { storage, signal, concurrency, counts, observer } = options;
  const look = async (id: string): Promise<void> => {
    if (signal.aborted) return;
    counts.blobs.listed += 1;
    if (await isOld(id, options)) inventory.add({ place: 0, id });
    else counts.blobs.young += 1;
    observer.progress(counts);
  };
  for await (const _ of pMapIterable(storage.list(), look, { concurrency }))
    if (signal.aborted) return;
  for await (const leftover of oldLeftovers(options)) {
    if (leftover.id !== null) inventory.add({ place: 0, id: leftover.id });
  }
}

/** A blob that cannot be looked at is left alone: who knows what it is. */
async function isOld(id: string, { storage, before }: GcOptions): Promise<boolean> {
  const info = await fromSource(storage, () => storage.find(id)).catch((error: unknown) => {
    if (stopsTheRun(error)) throw error;
    return null;
  });
  const changed = info?.lastModified ?? null;
  return changed !== null && changed < before;
}

async function* oldLeftovers({ storage, before }: GcOptions): AsyncGenerator<Leftover> {
  for await (const leftover of storage.backend.leftovers?.() ?? []) {
    if (leftover.since < before) yield leftover;
  }
}

/** Fails with `refused` for a database without any reference: it is hardly the right one. */
async function readTexts(
  database: Database,
  inventory: Inventory,
  { counts, signal }: GcOptions,
): Promise<void> {
  let references = 0;
  for await (const { column, rows } of allTexts(database, { bytes: true })) {
    if (signal.aborted) return;
    for (const row of rows) {
      references += parseReferenceText(row.text)?.references.length ?? 0;
      inventory.mentioned(row.text, rowName(column, row));
    }
  }
  counts.references.scanned += references;
  if (references === 0) throw withoutReferences(database);
}

async function collectBlobs(inventory: Inventory, options: GcOptions): Promise<void> {
  const { storage, counts, observer, signal, concurrency } = options;
  const collect = async ({ id }: { id: string }): Promise<void> => {
    if (signal.aborted) return;
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

async function collectLeftovers(inventory: Inventory, options: GcOptions): Promise<void> {
  const { storage, deleting, counts, found, signal, observer } = options;
  for await (const { id, description, remove } of oldLeftovers(options)) {
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
