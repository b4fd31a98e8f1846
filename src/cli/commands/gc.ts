import type { Command } from 'commander';
import { exitCodes } from '../../errors.js';
import type { Garbage, GcCounts } from '../../transfer/gc.js';
import type { GcResult } from '../../transfer/run-gc.js';
import { parseCount } from '../arguments.js';
import type { Context } from '../context.js';
import { keepMemorySmall } from '../memory.js';
import { counted, formatBytes } from '../output.js';
import { startProgress } from '../progress.js';
import { parseAge } from '../quantities.js';

interface Options {
  readonly olderThan: number;
  readonly yes?: boolean;
  readonly concurrency: number;
  readonly progress: boolean;
}

export function registerGc(program: Command, start: () => Context): void {
  program
    .command('gc')
    .description('delete blobs that nothing names, and what killed writers left')
    .argument('<storage>', 'name or alias')
    .requiredOption('--older-than <age>', 'only what was last changed so long ago', parseAge)
    .option('--yes', 'delete; without it they are only listed')
    .option('--concurrency <count>', 'blobs looked at together', parseCount, 16)
    .option('--no-progress', 'no progress bar')
    .action((storage: string, options: Options) => collect(start(), storage, options));
}

async function collect(context: Context, name: string, options: Options): Promise<void> {
  const started = Date.now();
  const { output, signal } = context;
  keepMemorySmall();
  const { runGc } = await import('../../transfer/run-gc.js');
  const manager = await context.manager();
  const progress = await startProgress<GcCounts>(context, {
    bar: options.progress && !output.json,
    describe: ({ blobs }) =>
      `${counted(blobs.listed, 'blob')} listed, ${blobs.unreferenced} unreferenced`,
  });
  const deleting = options.yes === true;
  context.exitCode = exitCodes.failed;
  let result: GcResult;
  try {
    result = await runGc(manager, {
      ...{ name, deleting, signal, observer: progress },
      concurrency: options.concurrency,
      before: new Date(started - options.olderThan),
      found: (garbage) => progress.data(lineOf(garbage), { ...garbage, deleted: deleting }),
    });
  } finally {
    progress.stop();
  }
  await printCollected(context, result, { deleting, seconds: (Date.now() - started) / 1000 });
  if (signal.aborted) return;
  if (result.error !== null) throw result.error;
  if (progress.problems === 0) context.exitCode = 0;
}

function lineOf(garbage: Garbage): string {
  return garbage.type === 'blob' ? garbage.path : garbage.description;
}

async function printCollected(
  { output, signal }: Context,
  { storage, counts, error }: GcResult,
  { deleting, seconds }: { deleting: boolean; seconds: number },
): Promise<void> {
  const rounded = Math.round(seconds * 1000) / 1000;
  const what = { storage, dry_run: !deleting };
  await output.summary({ command: 'gc', ...what, ...counts, seconds: rounded });
  if (output.json || error !== null) return;
  const { blobs, leftovers, bytes } = counts;
  const found = `${counted(blobs.unreferenced, 'blob')} (${formatBytes(bytes)}) and ${counted(leftovers.found, 'leftover')}`;
  output.note(
    `${deleting ? 'Deleted' : 'Would delete'} ${found} of ${storage}, of ${counted(blobs.listed, 'blob')} listed, ${blobs.young} too young.`,
  );
  if (signal.aborted) output.note('Interrupted: run it again to go on.');
  else if (!deleting && blobs.unreferenced + leftovers.found > 0)
    output.note('Nothing was deleted: run it with --yes to delete them.');
}
