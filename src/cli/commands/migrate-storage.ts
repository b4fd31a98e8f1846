import { type Command, Option } from 'commander';
import type { Shard } from '../../databases/shard.js';
import { DepotError, exitCodes } from '../../errors.js';
import type { Manager } from '../../manager.js';
import type { Counts } from '../../transfer/report.js';
import type { MigrationOptions, RunResult } from '../../transfer/run-migration.js';
import type { Selection } from '../../transfer/selection.js';
import { collect, parseCount } from '../arguments.js';
import type { Context } from '../context.js';
import { keepMemorySmall } from '../memory.js';
import { type Progress, startProgress } from '../progress.js';
import { parseAge, parseRate, parseSize } from '../quantities.js';
import { parseShard } from '../shard.js';
import { describeCounts, printSummary } from '../summary.js';

interface Options {
  readonly from?: string;
  readonly to?: string;
  readonly fromStorage?: string;
  readonly toStorage?: string;
  readonly dryRun?: boolean;
  readonly deleteSource?: boolean;
  readonly keepFor?: number;
  readonly rewriteMentions?: boolean;
  readonly privateOk?: boolean;
  readonly references?: string[];
  readonly exclude?: string[];
  readonly where?: string;
  readonly limit?: number;
  readonly largerThan?: number;
  readonly smallerThan?: number;
  readonly olderThan?: number;
  readonly concurrency: number;
  readonly shard?: Shard;
  readonly bwlimit?: number;
  readonly tpslimit?: number;
  readonly state?: string;
  readonly verify?: string;
  readonly undo?: string;
  readonly report?: string;
  readonly progress: boolean;
}

/** The options that leave a part of the references where they are. */
const limits = [
  ...(['references', 'exclude', 'where', 'limit'] as const),
  ...(['largerThan', 'smallerThan', 'olderThan'] as const),
];

/** The options that say nothing to `--undo`; ignored, one such as `--dry-run` would do harm. */
const ofForwardRuns = [
  ...['from', 'to', 'fromStorage', 'toStorage', 'dryRun', 'deleteSource', 'privateOk'],
  ...['keepFor', 'rewriteMentions', 'state', 'shard', ...limits],
];

export function registerMigrate(program: Command, start: () => Context): void {
  program
    .command('migrate-storage')
    .alias('migrate')
    .description('move blobs to another storage and rewrite the references in the database')
    .option('--from <storage>', 'where the blobs are')
    .option('--to <storage>', 'where they go')
    .addOption(new Option('--from-storage <storage>').hideHelp().conflicts('from'))
    .addOption(new Option('--to-storage <storage>').hideHelp().conflicts('to'))
    .option('--dry-run', 'read everything, write nothing')
    .option('--delete-source', 'then delete from the source what nothing names any more')
    .option('--keep-for <age>', 'but not what moved less long ago than this, such as 7d', parseAge)
    .option('--rewrite-mentions', 'also paths and URLs of moved files in all other texts')
    .option('--private-ok', 'also to a storage whose files visitors cannot fetch by themselves')
    .option(
      '--references <table.column>',
      'only these columns; in MongoDB collection.field.path (may be repeated)',
      collect,
    )
    .option('--exclude <table.column>', 'without these columns (may be repeated)', collect)
    .option('--where <sql>', 'only rows that meet this condition')
    .option('--limit <count>', 'move at most so many references', parseCount)
    .option('--larger-than <size>', 'only files larger than this, such as 10M', parseSize)
    .option('--smaller-than <size>', 'only files smaller than this', parseSize)
    .option('--older-than <age>', 'only files stored longer ago than this, such as 7d', parseAge)
    .option(
      '--shard <i/n>',
      'only part I of N, while others move theirs; auto: as the scheduler says',
      (text) => parseShard(text),
    )
    .option('--concurrency <count>', 'blobs copied at once', parseCount, 64)
    .option('--bwlimit <size>', 'read at most so many bytes a second, such as 10M', parseRate)
    .option('--tpslimit <count>', 'read or delete at most so many blobs a second', parseCount)
    .option(
      '--state <file>',
      'where to note what was done (default: depot-state/ beside the configuration)',
    )
    .addOption(new Option('--verify <how>', 'full: read every copy back').choices(['full']))
    .addOption(
      new Option(
        '--undo <state>',
        'turn the references back that the runs of a state file moved',
      ).conflicts(ofForwardRuns),
    )
    .addOption(
      new Option('--report <state>', 'tell what the runs of a state file did').conflicts([
        ...ofForwardRuns,
        ...['undo', 'verify', 'concurrency', 'bwlimit', 'tpslimit'],
      ]),
    )
    .option('--no-progress', 'no progress bar')
    .action(async (options: Options) => {
      if (options.report === undefined) return migrateStorage(start(), options);
      const { printReport } = await import('../state-report.js');
      return printReport(start(), options.report);
    });
}

async function migrateStorage(context: Context, options: Options): Promise<void> {
  checkKeepFor(options);
  const started = Date.now();
  keepMemorySmall();
  const names = options.undo === undefined ? storageNames(options) : null;
  const manager = await context.manager();
  const progress = await startProgress(context, {
    bar: options.progress && !context.output.json,
    describe: describeCounts,
  });
  // Until all of it is done, also where nobody reads the output any more.
  context.exitCode = exitCodes.failed;
  let result: RunResult;
  try {
    result = await run(manager, names, options, { context, progress });
  } finally {
    progress.stop();
  }
  await printSummary(context, manager, result, {
    command: 'migrate-storage',
    undo: options.undo !== undefined,
    dryRun: options.dryRun === true,
    deleted: options.deleteSource === true,
    privateOk: options.privateOk === true,
    limited: limits.some((limit) => options[limit] !== undefined),
    shard: options.shard,
    state: options.state,
    seconds: (Date.now() - started) / 1000,
  });
  if (result.error !== null && !context.signal.aborted) throw result.error;
  if (progress.problems === 0 && !context.signal.aborted) context.exitCode = 0;
}

/** What would be ignored is refused, as one may count on it. */
function checkKeepFor({ keepFor, deleteSource }: Options): void {
  if (keepFor === undefined || deleteSource === true) return;
  throw new DepotError('usage', '--keep-for says nothing without --delete-source', {
    hint: 'Without --delete-source the source keeps everything.',
  });
}

function storageNames(options: Options): Pick<MigrationOptions, 'from' | 'to'> {
  const from = options.from ?? options.fromStorage;
  const to = options.to ?? options.toStorage;
  if (from !== undefined && to !== undefined) return { from, to };
  throw new DepotError('usage', 'migrate-storage needs --from STORAGE and --to STORAGE', {
    hint: 'Show the configured storages with: depot storages',
  });
}

function selectionOf({ largerThan, smallerThan, olderThan }: Options): Selection {
  if (largerThan !== undefined && smallerThan !== undefined && largerThan + 1 >= smallerThan) {
    throw new DepotError(
      'usage',
      `no file is larger than ${largerThan} and smaller than ${smallerThan} bytes`,
    );
  }
  const modifiedBefore = olderThan === undefined ? undefined : new Date(Date.now() - olderThan);
  return { largerThan, smallerThan, modifiedBefore };
}

async function run(
  manager: Manager,
  names: Pick<MigrationOptions, 'from' | 'to'> | null,
  options: Options,
  { context, progress }: { context: Context; progress: Progress<Counts> },
): Promise<RunResult> {
  const { runMigration, runUndo } = await import('../../transfer/run-migration.js');
  const common = {
    observer: progress,
    signal: context.signal,
    concurrency: options.concurrency,
    limits: { bytesPerSecond: options.bwlimit, operationsPerSecond: options.tpslimit },
    verifyFull: options.verify === 'full',
  };
  if (names === null) return runUndo(manager, options.undo as string, common);
  return runMigration(manager, {
    ...common,
    ...names,
    dryRun: options.dryRun === true,
    deleteSource: options.deleteSource === true,
    keepFor: options.keepFor,
    rewriteMentions: options.rewriteMentions === true,
    privateOk: options.privateOk === true,
    references: options.references ?? [],
    exclude: options.exclude ?? [],
    selection: selectionOf(options),
    where: options.where,
    limit: options.limit,
    shard: options.shard,
    stateFile: options.state,
  });
}
