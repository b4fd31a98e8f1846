import { DepotError } from '../errors.js';
import type { Manager } from '../manager.js';
import { collectGarbage, type Garbage, type GcCounts, newGcCounts } from './gc.js';
import { lockDatabases } from './lock-databases.js';
import type { Observer } from './report.js';

export interface GcRunOptions {
  /** Name or alias of the storage. */
  readonly name: string;
  readonly before: Date;
  readonly deleting: boolean;
  /** Takes what is deleted, or would be. */
  found(garbage: Garbage): Promise<void>;
  readonly observer: Observer<GcCounts>;
  readonly signal: AbortSignal;
  readonly concurrency: number;
}

/** How a collection ended; `error` is what stopped it before its end. */
export interface GcResult {
  readonly storage: string;
  readonly counts: GcCounts;
  readonly error: unknown;
}

/**
 * Collects the garbage of a configured storage. No migration may run meanwhile: what it has copied
 * is as old as the original, and named by nothing until its reference changes.
 */
export async function runGc(manager: Manager, options: GcRunOptions): Promise<GcResult> {
  const storage = await manager.storage(options.name);
  const databases = await manager.allDatabases();
  if (databases.length === 0) {
    throw new DepotError(
      'refused',
      `nothing is deleted: no database is configured in ${manager.configuration.file} that says what is needed`,
      { hint: 'Name it with databases in [depot], or as sqlalchemy.url of the application.' },
    );
  }
  await storage.backend.ping();
  const lock = options.deleting ? await lockDatabases(databases, null) : null;
  const counts = newGcCounts();
  let error: unknown = null;
  try {
    await collectGarbage({ ...options, storage, databases, counts });
  } catch (thrown) {
    error = thrown;
  } finally {
    lock?.release();
  }
  return { storage: storage.name, counts, error };
}
