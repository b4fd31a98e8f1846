import { type Command, Option } from 'commander';
import { DepotError, exitCodes } from '../../errors.js';
import type { CopyCounts } from '../../transfer/copy-storage.js';
import type { CopyResult } from '../../transfer/run-copy.js';
import { parseCount } from '../arguments.js';
import type { Context } from '../context.js';
import { keepMemorySmall } from '../memory.js';
import { counted, formatBytes, formatRate } from '../output.js';
import { startProgress } from '../progress.js';
import { parseRate } from '../quantities.js';

/** Blobs that are deleted at most, where nobody says how many. */
const defaultMaxDelete = 100;

interface Options {
  readonly from?: string;
  readonly to?: string;
  readonly delete?: boolean;
  readonly maxDelete?: number;
  readonly checksum?: boolean;
  readonly dryRun?: boolean;
  readonly verify?: string;
  readonly concurrency: number;
  readonly bwlimit?: number;
  readonly tpslimit?: number;
  readonly progress: boolean;
}

export function registerCopy(program: Command, start: () => Context): void {
  program
    .command('copy')
    .alias('backup')
    .description('copy what is new or changed to another storage; touches no reference')
    .option('--from <storage>', 'where the blobs are')
    .option('--to <storage>', 'where the copies go')
    .option('--delete', 'then delete from there what the source does not have')
    .option(
      '--max-delete <count>',
      `with --delete: delete nothing where it would be more (default: ${defaultMaxDelete})`,
      parseCount,
    )
    .option('--checksum', 'compare SHA-256 in place of length and time, reading both sides')
    .option('--dry-run', 'read everything, write nothing')
    .addOption(new Option('--verify <how>', 'full: read every copy back').choices(['full']))
    .option('--concurrency <count>', 'blobs copied at once', parseCount, 64)
    .option('--bwlimit <size>', 'read at most so many bytes a second, such as 10M', parseRate)
    .option('--tpslimit <count>', 'read or delete at most so many blobs a second', parseCount)
    .option('--no-progress', 'no progress bar')
    .action((options: Options) => copy(start(), options));
}

async function copy(context: Context, options: Options): Promise<void> {
  const started = Date.now();
  const { from, to } = options;
  if (from === undefined || to === undefined) {
    throw new DepotError('usage', 'copy needs --from STORAGE and --to STORAGE', {
      hint: 'Show the configured storages with: depot storages',
    });
  }
  if (options.maxDelete !== undefined && options.delete !== true) {
    throw new DepotError(
      'usage',
      'copy deletes nothing without --delete, whatever --max-delete is',
    );
  }
  keepMemorySmall();
  const { runCopy } = await import('../../transfer/run-copy.js');
  const manager = await context.manager();
  const progress = await startProgress<CopyCounts>(context, {
    bar: options.progress && !context.output.json,
    describe: ({ blobs, bytes }, seconds) =>
      `${counted(blobs.copied + blobs.replaced, 'blob')} copied, ${formatBytes(bytes)}${formatRate(bytes, seconds)}, ${blobs.unchanged} unchanged`,
  });
  context.exitCode = exitCodes.failed;
  let result: CopyResult;
  try {
    result = await runCopy(manager, {
      ...{ from, to, observer: progress, signal: context.signal },
      concurrency: options.concurrency,
      limits: { bytesPerSecond: options.bwlimit, operationsPerSecond: options.tpslimit },
      dryRun: options.dryRun === true,
      checksum: options.checksum === true,
      verifyFull: options.verify === 'full',
      maxDelete: options.delete === true ? (options.maxDelete ?? defaultMaxDelete) : null,
    });
  } finally {
    progress.stop();
  }
  await printCopied(context, result, options, (Date.now() - started) / 1000);
  if (result.error !== null && !context.signal.aborted) throw result.error;
  if (progress.problems === 0 && !context.signal.aborted) context.exitCode = 0;
}

async function printCopied(
  { output, signal }: Context,
  { source, target, counts, error }: CopyResult,
  options: Options,
  seconds: number,
): Promise<void> {
  const { blobs, bytes } = counts;
  const dryRun = options.dryRun === true;
  const ends = { from: source, to: target, dry_run: dryRun };
  const rounded = Math.round(seconds * 1000) / 1000;
  await output.summary({ command: 'copy', ...ends, ...counts, seconds: rounded });
  if (output.json || output.verbosity === 'quiet') return;
  const changed = blobs.copied + blobs.replaced;
  await output.data(
    `${dryRun ? 'Would copy' : 'Copied'} ${counted(changed, 'blob')} (${formatBytes(bytes)}) from ${source} to ${target} in ${seconds.toFixed(1)} s.`,
    null,
  );
  await output.data(
    `  ${blobs.copied} new, ${blobs.replaced} changed, ${blobs.unchanged} unchanged, ${blobs.failed} failed`,
    null,
  );
  if (options.delete === true && error === null) {
    const deleted = counted(blobs.deleted, 'blob');
    await output.data(`  ${dryRun ? 'to delete' : 'deleted'} from ${target}: ${deleted}`, null);
  }
  if (signal.aborted) output.note('Interrupted. Everything is consistent: run it again to go on.');
  else if (dryRun) output.note('Nothing was written: this was a dry run.');
  else if (options.delete === true && blobs.failed > 0)
    output.note(`Nothing was deleted from ${target}, since not all was copied.`);
}
