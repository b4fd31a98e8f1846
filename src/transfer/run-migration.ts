import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { Database } from '../databases/database.js';
import { formatShard, type Shard } from '../databases/shard.js';
import { DepotError } from '../errors.js';
import { errorCode, fileError } from '../files.js';
import type { Manager } from '../manager.js';
import {
  findColumns,
  namedColumns,
  type ReferenceColumn,
  withoutColumns,
} from '../references/columns.js';
import type { Storage } from '../storage.js';
import { Budget, bytesInFlight } from './budget.js';
import { changedColumns } from './changed-columns.js';
import type { CopyOptions } from './copy-blob.js';
import { countDeletable } from './count-deletable.js';
import { deleteSource } from './delete-source.js';
import { openIdentifiers } from './identifier-set.js';
import { type Limits, openLimited } from './limits.js';
import { lockDatabases } from './lock-databases.js';
import { migrate } from './migrate.js';
import { checkCondition, checkStorages } from './preflight.js';
import { checkSearchable } from './protection.js';
import { type Counts, newCounts, type Observer } from './report.js';
import { rewriteMentions } from './rewrite-mentions.js';
import { recorded, recording, recordOf } from './run-record.js';
import { isLimiting, type Selection } from './selection.js';
import { checkShard } from './sharding.js';
import { openState, type State } from './state.js';
import { type Subject, stateDirectory, subjectOf } from './state-file.js';
import type { RunRecord } from './state-runs.js';
import { undo } from './undo.js';

export interface RunOptions {
  readonly observer: Observer;
  /** Aborted: takes no new work, undoes what is half done, keeps what is done. */
  readonly signal: AbortSignal;
  /** Blobs copied at once. */
  readonly concurrency: number;
  /** Reads every copy back. */
  readonly verifyFull: boolean;
  readonly limits?: Limits | undefined;
}

export interface MigrationOptions extends RunOptions {
  /** Names or aliases of storages. */
  readonly from: string;
  readonly to: string;
  /** Reads everything and writes nothing. */
  readonly dryRun: boolean;
  /** Deletes from the source what was moved and nothing mentions any more. */
  readonly deleteSource: boolean;
  /** Milliseconds for which the source keeps what has moved. */
  readonly keepFor?: number | undefined;
  /** Rewrites the paths and URLs of what has moved in all other texts too. */
  readonly rewriteMentions: boolean;
  /** Moves references also to a storage whose blobs visitors cannot fetch. */
  readonly privateOk: boolean;
  /** TABLE.COLUMN; empty: those of the configuration, else found by looking. */
  readonly references: readonly string[];
  /** TABLE.COLUMN: of those, not these. */
  readonly exclude: readonly string[];
  readonly selection: Selection;
  /** An SQL condition that rows must meet to be moved. */
  readonly where?: string | undefined;
  /** References to move at most. */
  readonly limit?: number | undefined;
  /** Moves one part of the references, while others move theirs; no source can be deleted then. */
  readonly shard?: Shard | undefined;
  /** Where the state is kept; default: beside the configuration. */
  readonly stateFile?: string | undefined;
}

/** How a run ended; `error` is what stopped it before its end. */
export interface RunResult {
  readonly source: string;
  readonly target: string;
  readonly counts: Counts;
  readonly stateFile: string | null;
  readonly error: unknown;
}

/** Moves blobs and references between two configured storages. */
export async function runMigration(
  manager: Manager,
  options: MigrationOptions,
): Promise<RunResult> {
  checkShard(options.shard, options);
  const { source, target } = await openLimited(manager, options, options);
  await checkStorages(source, target, options);
  const columns = await columnsOf(manager, options);
  if (options.where !== undefined) await checkCondition(columns, options.where);
  // Opened before anything is moved: one that cannot be must not be found out at the end.
  const databases = await manager.allDatabases();
  if (options.deleteSource) await checkSearchable(databases, options.signal);
  const stateFile = options.dryRun
    ? null
    : (options.stateFile ?? defaultState(manager, { source, target, ...options }));
  const { signal, shard } = options;
  const record = recordOf(options);
  const subject = {
    source: source.name,
    target: target.name,
    shard: shard === undefined ? null : formatShard(shard),
  };
  return locked(databases, { stateFile, subject, record, signal, shard }, async (state) => {
    const counts = newCounts();
    const observer = recording(state, options.observer);
    if (isLimiting(options.selection)) counts.references.not_selected = 0;
    const budget = new Budget(bytesInFlight);
    const copyOptions = { ...options, source, target, budget, contents: state };
    const everything = {
      ...options,
      ...{ source, target, observer, copyOptions, counts, state, databases },
      sourceNames: namesOf(source, manager),
      targetNames: namesOf(target, manager),
      mountpoint: manager.configuration.mountpoint,
      moved: openIdentifiers(),
    };
    const error = await endOf(async () => {
      const { moved } = everything;
      await migrate({ ...everything, columns, moved: options.dryRun ? moved : undefined });
      if (options.rewriteMentions && !signal.aborted) await rewriteMentions(everything);
      if (!options.deleteSource || signal.aborted) return;
      await (options.dryRun ? countDeletable(everything) : deleteSource(everything));
    });
    everything.moved.close();
    return { source: source.name, target: target.name, counts, stateFile, error };
  });
}

/** Turns the references back that the runs of a state file moved. */
export async function runUndo(
  manager: Manager,
  stateFile: string,
  options: RunOptions,
): Promise<RunResult> {
  const subject = subjectOf(stateFile);
  const ends = { from: subject.source, to: subject.target };
  const { source, target } = await openLimited(manager, ends, options);
  const databases = await manager.allDatabases();
  const record: RunRecord = { kind: 'undo', options: {}, whole: true };
  const { signal } = options;
  return locked(databases, { stateFile, subject, record, signal }, async (state) => {
    const columns = await changedColumns(manager, state);
    const counts = newCounts();
    const observer = recording(state, options.observer);
    const copyOptions: CopyOptions = {
      ...options,
      source,
      target,
      dryRun: false,
      budget: new Budget(bytesInFlight),
      contents: state,
    };
    const [sourceNames, targetNames] = [namesOf(source, manager), namesOf(target, manager)];
    const { mountpoint } = manager.configuration;
    const error = await endOf(() =>
      undo({
        ...{ ...options, observer, copyOptions, sourceNames, targetNames, columns, state, counts },
        mountpoint,
      }),
    );
    return { source: target.name, target: source.name, counts, stateFile, error };
  });
}

/** As references may call it. */
function namesOf({ name }: Storage, manager: Manager): Set<string> {
  return new Set([name, ...manager.aliasesOf(name)]);
}

/** The columns to work on: named by the user, else by the configuration, else found. */
async function columnsOf(
  manager: Manager,
  { references: named, exclude }: Pick<MigrationOptions, 'references' | 'exclude'>,
): Promise<ReferenceColumn[]> {
  const { references } = manager.configuration;
  manager.checkDatabases();
  const opened = await manager.referenceDatabases();
  const names = named.length > 0 ? named : references.map(({ value }) => value);
  const columns = await (names.length > 0 ? namedColumns(opened, names) : findColumns(opened));
  if (exclude.length === 0) return columns;
  return withoutColumns(columns, await namedColumns(opened, exclude));
}

function defaultState(
  { configuration }: Manager,
  { source, target, shard }: { source: Storage; target: Storage; shard?: Shard | undefined },
): string {
  const name = `${source.name}-to-${target.name}`.replaceAll(/[^\w.-]/g, '_');
  const part = shard === undefined ? '' : `.shard-${shard.index}-of-${shard.count}`;
  return path.join(configuration.directory, stateDirectory, `${name}${part}.sqlite`);
}

interface LockedRun {
  readonly stateFile: string | null;
  readonly subject: Subject;
  readonly record: RunRecord;
  readonly signal: AbortSignal;
  readonly shard?: Shard | undefined;
}

/** Keeps off all other runs that change the same references in one of these databases. */
async function locked(
  databases: readonly Database[],
  { stateFile, subject, record, signal, shard }: LockedRun,
  run: (state: State) => Promise<RunResult>,
): Promise<RunResult> {
  const lock = stateFile === null ? null : await lockDatabases(databases, shard ?? null);
  try {
    if (stateFile !== null) await makeDirectory(path.dirname(stateFile));
    const state = openState(stateFile, subject, record);
    try {
      return await recorded(state, signal, () => run(state));
    } finally {
      state.close();
    }
  } finally {
    lock?.release();
  }
}

async function makeDirectory(directory: string): Promise<void> {
  // Not its parents too: below /proc Node tries that for ever.
  await mkdir(directory, { mode: 0o700 }).catch((error: unknown) => {
    if (errorCode(error) === 'EEXIST') return;
    const parent = path.dirname(directory);
    const what =
      errorCode(error) === 'ENOENT'
        ? `cannot make ${directory}: ${parent} does not exist`
        : fileError(error, `cannot make ${directory}`).message;
    throw new DepotError('unreachable', what, {
      hint: 'Name a state file in a directory that can be written with --state.',
    });
  });
}

/** Runs to the end or to an error, which is returned, so that the counts are not lost with it. */
async function endOf(run: () => Promise<void>): Promise<unknown> {
  try {
    await run();
    return null;
  } catch (error) {
    return error;
  }
}
