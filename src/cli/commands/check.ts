import type { Command } from 'commander';
import { exitCodes } from '../../errors.js';
import type { CheckCounts } from '../../transfer/check.js';
import type { Problem } from '../../transfer/report.js';
import type { CheckResult } from '../../transfer/run-check.js';
import { parseCount } from '../arguments.js';
import type { Context } from '../context.js';
import { keepMemorySmall } from '../memory.js';
import { counted, formatBytes } from '../output.js';
import { startProgress } from '../progress.js';

interface Options {
  readonly deep?: boolean;
  readonly concurrency: number;
  readonly progress: boolean;
}

export function registerCheck(program: Command, start: () => Context): void {
  program
    .command('check')
    .description('compare references and blobs, and name what is missing, damaged or unreferenced')
    .argument('[storage...]', 'names or aliases (default: all)')
    .option('--deep', 'read every byte')
    .option('--concurrency <count>', 'blobs looked at together', parseCount, 16)
    .option('--no-progress', 'no progress bar')
    .action((names: string[], options: Options) => checkStorages(start(), names, options));
}

async function checkStorages(
  context: Context,
  names: readonly string[],
  options: Options,
): Promise<void> {
  const started = Date.now();
  const { output, signal } = context;
  keepMemorySmall();
  const { runCheck } = await import('../../transfer/run-check.js');
  const manager = await context.manager();
  const progress = await startProgress<CheckCounts>(context, {
    bar: options.progress && !output.json,
    describe: ({ references, blobs, bytes }) =>
      `${counted(references.scanned, 'reference')} read, ${counted(blobs.checked, 'blob')} checked, ${formatBytes(bytes)}`,
  });
  context.exitCode = exitCodes.failed;
  let result: CheckResult;
  try {
    const { concurrency } = options;
    result = await runCheck(manager, {
      ...{ names, signal, concurrency },
      deep: options.deep === true,
      found: (problem) => progress.data(findingLine(problem), { type: 'problem', ...problem }),
      progress: (counts) => progress.progress(counts),
    });
  } finally {
    progress.stop();
  }
  await printChecked(context, result, options, (Date.now() - started) / 1000);
  if (signal.aborted) return;
  if (result.error !== null) throw result.error;
  const found = Object.keys(result.counts.problems).length > 0;
  context.exitCode = found ? exitCodes.problems : 0;
}

/** A problem that was looked for, as a line of data. */
function findingLine({ kind, reference, path, message }: Problem): string {
  const where = [reference, message.includes(path ?? '') ? null : path];
  return [kind, ...where.filter((one) => one !== null), message].join(': ');
}

async function printChecked(
  { output, signal }: Context,
  { storages, compared, counts, error }: CheckResult,
  options: Options,
  seconds: number,
): Promise<void> {
  if (output.json) {
    const rounded = Math.round(seconds * 1000) / 1000;
    const what = { storages, deep: options.deep === true };
    const object = { type: 'summary', command: 'check', ...what, ...counts, seconds: rounded };
    return output.data('', object);
  }
  if (output.verbosity === 'quiet') return;
  const { references, blobs, bytes, problems } = counts;
  const kinds = Object.entries(problems).map(([kind, count]) => `${count} ${kind}`);
  const whole = error === null && !signal.aborted;
  const none = whole ? 'no problems' : 'no problems so far';
  const blobsChecked = `${counted(blobs.checked, 'blob')} (${formatBytes(bytes)})`;
  await output.data(
    `Checked ${blobsChecked} in ${storages.join(', ')} and ${counted(references.scanned, 'reference')} in ${seconds.toFixed(1)} s: ${kinds.join(', ') || none}.`,
    null,
  );
  if (!whole) output.note('Interrupted: this is not all of it.');
  else if (!compared)
    output.note('No database is configured: nothing was compared with references.');
}
