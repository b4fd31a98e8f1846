import { pMapIterable } from 'p-map';
import type { BlobInfo } from '../backend.js';
import type { Database } from '../databases/database.js';
import { DepotError, isNotFound, messageOf } from '../errors.js';
import type { Storage } from '../storage.js';
import type { Budget } from './budget.js';
import { checkDuplicate } from './check-duplicates.js';
import { checkLeftovers } from './check-leftovers.js';
import { checkReferences, type NamedStorage } from './check-references.js';
import { fromSource, stopsTheRun } from './copy-outcome.js';
import { fixReferences, type ReferenceFixing } from './fix-references.js';
import { type Fix, type FixableKind, type Fixing, isFixed } from './fixes.js';
import { type Inventory, openInventory, type PlacedBlob } from './inventory.js';
import type { RecordedContents } from './recorded-contents.js';
import type { Problem, ProblemKind } from './report.js';

/** What a check has looked at, in the words of its `--json` output. */
export interface CheckCounts {
  readonly references: { scanned: number };
  readonly blobs: { checked: number };
  /** Of the blobs checked. */
  bytes: number;
  /** How many problems of each kind. */
  readonly problems: Partial<Record<ProblemKind, number>>;
  /** How many of them were fixed, or would be; absent where none were to be. */
  fixed?: Partial<Record<FixableKind, number>>;
}

export interface CheckOptions {
  /** The storages to look through, one for each place. */
  readonly storages: readonly Storage[];
  /** Every configured storage; `place` is the index in `storages`. */
  readonly named: readonly NamedStorage[];
  readonly databases: readonly Database[];
  /** Reads every blob, in place of its metadata alone. */
  readonly deep: boolean;
  readonly budget: Budget;
  /** What is known of contents, for a deep check. */
  readonly recorded: RecordedContents | null;
  /** Added to as it goes. */
  readonly counts: CheckCounts;
  readonly fixing: Fixing;
  /** Takes each problem. */
  found(problem: Problem): Promise<void>;
  /** Takes what is worth telling the user. */
  notice(text: string): void;
  /** Called once it is known how many blobs there are to check. */
  listed(blobs: number): void;
  /** Called whenever the counts have changed. */
  progress(counts: CheckCounts): void;
  readonly signal: AbortSignal;
  /** Blobs looked at together. */
  readonly concurrency: number;
}

export function newCheckCounts(): CheckCounts {
  return { references: { scanned: 0 }, blobs: { checked: 0 }, bytes: 0, problems: {} };
}

/**
 * Compares references and blobs, and fixes what it is asked to. The storages are listed first and
 * the databases read behind that, so that what is uploaded meanwhile is nothing that nobody names.
 */
export async function check(options: CheckOptions): Promise<void> {
  const { databases, counts, named, signal } = options;
  const inventory = openInventory();
  const found = (problem: Problem): Promise<void> => report(problem, options);
  const fixing = counting(options);
  const scanned = (references: number): void => {
    counts.references.scanned += references;
    options.progress(counts);
  };
  try {
    await takeStock(inventory, options);
    options.listed(inventory.size());
    for (const { place, id } of inventory.repeated()) {
      if (signal.aborted) return;
      await checkDuplicate(options.storages[place] as Storage, id, { fixing, found });
    }
    for (const database of databases) {
      const texts = { database, storages: named, inventory, signal, found, scanned };
      await checkReferences(texts);
    }
    if (signal.aborted) return;
    await fixInconsistent(inventory, fixing, options);
    for (const storage of options.storages) {
      if (signal.aborted) return;
      await checkLeftovers({ ...options, storage, fixing, found });
    }
    await reportAbsent(inventory, options);
    await checkBlobs(inventory, options);
    if (databases.length === 0 || signal.aborted) return;
    await reportUnnamed(inventory, options);
  } finally {
    inventory.close();
  }
}

async function report(problem: Problem, { counts, found }: CheckOptions): Promise<void> {
  counts.problems[problem.kind] = (counts.problems[problem.kind] ?? 0) + 1;
  await found(problem);
}

/** What is to be fixed; each fix is counted. */
function counting({ fixing, counts }: CheckOptions): Fixing {
  if (fixing.kinds.size === 0) return fixing;
  const fixed: NonNullable<CheckCounts['fixed']> = {};
  counts.fixed = fixed;
  return {
    ...fixing,
    async fixed(fix: Fix) {
      if (isFixed(fix)) fixed[fix.kind] = (fixed[fix.kind] ?? 0) + 1;
      await fixing.fixed(fix);
    },
  };
}

/** Fixes references once everything is known that names their files. */
async function fixInconsistent(
  inventory: Inventory,
  fixing: Fixing,
  { databases, named, storages, counts, signal }: CheckOptions,
): Promise<void> {
  const kind = 'inconsistent-reference';
  if (!fixing.kinds.has(kind) || counts.problems[kind] === undefined) return;
  const placed: ReferenceFixing['placed'] = ({ storage: name, id }) => {
    const place = named.find(({ names }) => names.has(name))?.place ?? null;
    return place === null ? null : { place, id, storage: storages[place] as Storage };
  };
  await fixReferences({ ...fixing, databases, inventory, placed, signal });
}

/** Lists all storages into the inventory. */
async function takeStock(inventory: Inventory, options: CheckOptions): Promise<void> {
  for (const [place, storage] of options.storages.entries()) {
    for await (const id of storage.list()) {
      if (options.signal.aborted) return;
      inventory.add({ place, id });
    }
  }
}

/** Looks each of them up, since it may have been uploaded since the storages were listed. */
async function reportAbsent(inventory: Inventory, options: CheckOptions): Promise<void> {
  const { storages, signal, concurrency } = options;
  const lookUp = async ({ place, id, where }: PlacedBlob & { where: string }): Promise<void> => {
    const storage = storages[place] as Storage;
    if (signal.aborted) return;
    const found = await storage.find(id).catch((error: unknown) => {
      // What is there and damaged is found below.
      if (stopsTheRun(error)) throw error;
      return undefined;
    });
    if (found !== null) return;
    const path = storage.path(id);
    const message = `${path} does not exist`;
    await report({ kind: 'missing-blob', reference: where, path, message }, options);
  };
  for await (const _ of pMapIterable(inventory.absent(), lookUp, { concurrency }));
}

async function checkBlobs(inventory: Inventory, options: CheckOptions): Promise<void> {
  const { storages, signal, concurrency, counts } = options;
  const checkOne = async ({ place, id }: PlacedBlob): Promise<void> => {
    const storage = storages[place] as Storage;
    if (signal.aborted) return;
    try {
      const info = await fromSource(storage, () => look(storage, id, options));
      const { contentLength, storedLength = contentLength } = info;
      if (storedLength === null) {
        throw new DepotError('damaged', `damaged blob ${storage.path(id)}: its data is null`);
      }
      counts.bytes += contentLength;
      if (storedLength !== contentLength) {
        const path = storage.path(id);
        const message = `${path} says ${contentLength} bytes and has ${storedLength}`;
        await report({ kind: 'wrong-length', reference: null, path, message }, options);
      }
    } catch (error) {
      // It was deleted since it was listed.
      if (signal.aborted || isNotFound(error)) return;
      if (stopsTheRun(error)) throw error;
      const damaged = error instanceof DepotError && error.kind === 'damaged';
      const kind = damaged ? 'damaged-blob' : 'unreadable-blob';
      const path = storage.path(id);
      await report({ kind, reference: null, path, message: messageOf(error) }, options);
    }
    counts.blobs.checked += 1;
    options.progress(counts);
  };
  for await (const _ of pMapIterable(inventory.blobs(), checkOne, { concurrency }));
}

/** What the storage says of the blob; for a deep check all of it is read. */
async function look(
  storage: Storage,
  id: string,
  { deep, budget, signal, recorded }: CheckOptions,
): Promise<BlobInfo> {
  if (!deep) return storage.inspect(id);
  const info = await storage.info(id);
  const inMemory = storage.backend.holdsWholeBlobs ? info.contentLength : 0;
  const { info: blob, sha256 } = await budget.run(inMemory, () => storage.hash(id, signal));
  const path = storage.path(id);
  const file = recorded?.contradiction(path, blob, sha256) ?? null;
  if (file === null) return info;
  const why = `its bytes do not have a SHA-256 that ${file} has noted`;
  throw new DepotError('damaged', `damaged blob ${path}: ${why}`);
}

async function reportUnnamed(inventory: Inventory, options: CheckOptions): Promise<void> {
  const { storages, signal, concurrency } = options;
  const lookUp = async ({ place, id }: PlacedBlob): Promise<void> => {
    const storage = storages[place] as Storage;
    if (signal.aborted) return;
    const info = await storage.find(id).catch(() => undefined);
    if (info === null) return;
    const path = storage.path(id);
    const message = `nothing names ${path}`;
    await report({ kind: 'unreferenced-blob', reference: null, path, message }, options);
  };
  for await (const _ of pMapIterable(inventory.unnamed(), lookUp, { concurrency }));
}
