import path from 'node:path';
import type { Database } from '../databases/database.js';
import type { Manager } from '../manager.js';
import type { Storage } from '../storage.js';
import { Budget, bytesInFlight } from './budget.js';
import { type CheckCounts, check, newCheckCounts } from './check.js';
import type { NamedStorage } from './check-references.js';
import type { Fixing } from './fixes.js';
import { openRecordedContents } from './recorded-contents.js';
import type { Problem } from './report.js';
import { stateDirectory } from './state-file.js';

export interface CheckRunOptions {
  /** Names or aliases of the storages to look through; empty: all that outlive the process. */
  readonly names: readonly string[];
  readonly deep: boolean;
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
  readonly concurrency: number;
}

/** How a check ended; `error` is what stopped it before its end. */
export interface CheckResult {
  readonly storages: readonly string[];
  /** Whether there was a database to compare the blobs with. */
  readonly compared: boolean;
  readonly counts: CheckCounts;
  readonly error: unknown;
}

/** Checks configured storages and the references of the configured databases. */
export async function runCheck(manager: Manager, options: CheckRunOptions): Promise<CheckResult> {
  const checked = await storagesOf(manager, options.names);
  const { storages, places } = await onePerPlace(checked);
  const databases = await manager.allDatabases();
  for (const database of databases) await lookInto(database, options);
  const named = manager.describe().map(({ name, aliases }): NamedStorage => {
    const storage = checked.find((one) => one.name === name);
    return {
      names: new Set([name, ...aliases]),
      place: places.get(name) ?? null,
      publicUrl: (id) => storage?.publicUrl(id) ?? null,
    };
  });
  const counts = newCheckCounts();
  const budget = new Budget(bytesInFlight);
  const states = path.join(manager.configuration.directory, stateDirectory);
  const recorded = options.deep ? openRecordedContents(states, options.notice) : null;
  let error: unknown = null;
  try {
    await check({ ...options, storages, named, databases, budget, recorded, counts });
  } catch (thrown) {
    error = thrown;
  } finally {
    recorded?.close();
  }
  const names = checked.map(({ name }) => name);
  return { storages: names, compared: databases.length > 0, counts, error };
}

/** Fails where a database cannot be read; tells what of it cannot. */
async function lookInto(database: Database, { notice }: CheckRunOptions): Promise<void> {
  await database.tables();
  const unreadable = (await database.unreadable?.()) ?? [];
  if (unreadable.length === 0) return;
  notice(
    `The user of ${database.name} may not read all of ${unreadable.join(', ')}: a blob that only they name is reported as unreferenced.`,
  );
}

async function storagesOf(manager: Manager, names: readonly string[]): Promise<Storage[]> {
  const all = names.length > 0 ? names : manager.describe().map(({ name }) => name);
  const opened = await Promise.all(all.map((name) => manager.storage(name)));
  const distinct = [...new Set(opened)].filter(
    ({ backend }) => names.length > 0 || !backend.ephemeral,
  );
  for (const { backend } of distinct) await backend.ping();
  return distinct;
}

/** Two names of one place hold the same blobs: it is looked through once, and named by both. */
async function onePerPlace(
  all: readonly Storage[],
): Promise<{ storages: Storage[]; places: Map<string, number> }> {
  const storages: Storage[] = [];
  const identities: string[] = [];
  const places = new Map<string, number>();
  for (const storage of all) {
    const { identity } = await storage.place();
    if (!identities.includes(identity)) {
      identities.push(identity);
      storages.push(storage);
    }
    places.set(storage.name, identities.indexOf(identity));
  }
  return { storages, places };
}
