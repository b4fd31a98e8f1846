import { DepotError } from '../errors.js';
import type { Manager } from '../manager.js';
import { findColumns } from '../references/columns.js';
import { countBlobs } from '../references/count.js';
import type { Storage } from '../storage.js';
import { Budget, bytesInFlight } from './budget.js';
import type { KnownContents } from './copy-blob.js';
import { type CopyCounts, copyStorage, newCopyCounts } from './copy-storage.js';
import { type Limits, openLimited } from './limits.js';
import { overlaps } from './migrate.js';
import { checkReadable } from './protection.js';
import type { Observer } from './report.js';

export interface CopyRunOptions {
  /** Names or aliases of storages. */
  readonly from: string;
  readonly to: string;
  readonly observer: Observer<CopyCounts>;
  readonly signal: AbortSignal;
  readonly concurrency: number;
  readonly dryRun: boolean;
  readonly checksum: boolean;
  readonly verifyFull: boolean;
  readonly maxDelete: number | null;
  readonly limits?: Limits | undefined;
}

/** How a copy ended; `error` is what stopped it before its end. */
export interface CopyResult {
  readonly source: string;
  readonly target: string;
  readonly counts: CopyCounts;
  readonly error: unknown;
}

/** Whatever a copy finds in its target may be replaced. */
const anyContent: KnownContents = {
  knows: () => true,
  recordContent: async () => {},
  recordContents() {},
};

/** Copies one configured storage to another. */
export async function runCopy(manager: Manager, options: CopyRunOptions): Promise<CopyResult> {
  const { source, target } = await openLimited(manager, options, options);
  await checkEnds(source, target);
  const databases = options.maxDelete === null ? [] : await manager.allDatabases();
  if (options.maxDelete !== null) await checkUnnamed(target, manager, options.signal);
  const counts = newCopyCounts();
  const budget = new Budget(bytesInFlight);
  const copyOptions = { ...options, source, target, budget, contents: anyContent };
  let error: unknown = null;
  try {
    await copyStorage({ ...options, copyOptions, counts, databases });
  } catch (thrown) {
    error = thrown;
  }
  return { source: source.name, target: target.name, counts, error };
}

async function checkEnds(source: Storage, target: Storage): Promise<void> {
  if (source.name === target.name) {
    throw new DepotError('usage', `cannot copy ${source.name} to itself`);
  }
  if (target.backend.ephemeral) {
    throw new DepotError(
      'refused',
      `storage ${target.name} is in memory: its blobs would be gone at the end`,
    );
  }
  target.checkWritable();
  await source.backend.ping();
  await target.backend.ping();
  if (await overlaps(source, target)) {
    throw new DepotError('refused', `${source.name} and ${target.name} share a place`);
  }
}

/** What references name is no backup: nothing is deleted there because it is not elsewhere. */
async function checkUnnamed(target: Storage, manager: Manager, signal: AbortSignal): Promise<void> {
  const names = await namesOfPlace(target, manager);
  await checkReadable(await manager.allDatabases());
  for (const column of await findColumns(await manager.referenceDatabases())) {
    const counts = await countBlobs(column, signal);
    if (![...counts.keys()].some((name) => names.has(name))) continue;
    throw new DepotError(
      'refused',
      `references name blobs in ${target.name}: it is no backup, and --delete could lose them`,
      { hint: 'Run it without --delete.' },
    );
  }
}

/** The names and aliases of all storages that share a place with this one. */
async function namesOfPlace(target: Storage, manager: Manager): Promise<Set<string>> {
  const names = new Set<string>();
  for (const { name, aliases } of manager.describe()) {
    const shares = name === target.name || (await overlaps(await manager.storage(name), target));
    if (shares) for (const one of [name, ...aliases]) names.add(one);
  }
  return names;
}
