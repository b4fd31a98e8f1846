import type { Manager } from '../../src/manager.js';
import type { Problem } from '../../src/transfer/report.js';
import {
  type MigrationOptions,
  type RunOptions,
  type RunResult,
  runMigration,
  runUndo,
} from '../../src/transfer/run-migration.js';
import { type Site, withManager } from './site.js';

/** What a run did, and what it said. */
export interface Outcome extends RunResult {
  readonly problems: readonly Problem[];
}

export interface Options extends Partial<MigrationOptions> {
  /** Called with the manager before the run starts, to hook into its storages. */
  readonly prepare?: (manager: Manager) => Promise<void>;
  /** Called whenever the counts have changed. */
  readonly progress?: () => void;
}

/** Migrates from `dbfiles` to `localfs`, unless the options say otherwise. */
export function migrate(site: Site, options: Options = {}): Promise<Outcome> {
  return watched(site, options, (manager, common) =>
    runMigration(manager, {
      from: 'dbfiles',
      to: 'localfs',
      dryRun: false,
      deleteSource: false,
      rewriteMentions: false,
      privateOk: false,
      references: [],
      exclude: [],
      selection: {},
      ...options,
      ...common,
    }),
  );
}

/** Turns back what the runs did whose state is in `stateFile`. */
export function undo(
  site: Site,
  stateFile: string | null,
  options: Options = {},
): Promise<Outcome> {
  return watched(site, options, (manager, common) => runUndo(manager, stateFile as string, common));
}

async function watched(
  site: Site,
  options: Options,
  run: (manager: Manager, common: RunOptions) => Promise<RunResult>,
): Promise<Outcome> {
  const problems: Problem[] = [];
  return withManager(site, async (manager) => {
    await options.prepare?.(manager);
    const result = await run(manager, {
      concurrency: options.concurrency ?? 4,
      verifyFull: options.verifyFull ?? false,
      signal: options.signal ?? new AbortController().signal,
      observer: {
        problem: (problem) => void problems.push(problem),
        progress: () => options.progress?.(),
      },
    });
    return { ...result, problems };
  });
}
