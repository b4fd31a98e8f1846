import { type Command, InvalidArgumentError, Option } from 'commander';
import { DepotError, exitCodes } from '../../errors.js';
import type { CheckCounts } from '../../transfer/check.js';
import { type Fix, type FixableKind, fixableKinds } from '../../transfer/fixes.js';
import type { Problem } from '../../transfer/report.js';
import type { CheckResult } from '../../transfer/run-check.js';
import { parseCount } from '../arguments.js';
import type { Context } from '../context.js';
import { keepMemorySmall } from '../memory.js';
import { counted, formatBytes, formatLeft } from '../output.js';
import { startProgress } from '../progress.js';

interface Options {
  readonly deep?: boolean;
  readonly fix?: readonly FixableKind[];
  readonly dryRun?: boolean;
  readonly concurrency: number;
  readonly progress: boolean;
}

export function registerCheck(program: Command, start: () => Context): void {
  program
    .command('check')
    .description('compare references and blobs, and name what is missing, damaged or unreferenced')
    .argument('[storage...]', 'names or aliases (default: all)')
    .option('--deep', 'read every byte')
    .addOption(
      new Option('--fix <kind>', 'fix problems of this kind; may be given several times')
        .choices(fixableKinds)
        .argParser(collectKind),
    )
    .option('--dry-run', 'say what --fix would do, and change nothing')
    .option('--concurrency <count>', 'blobs looked at together', parseCount, 16)
    .option('--no-progress', 'no progress bar')
    .action((names: string[], options: Options) => checkStorages(start(), names, options));
}

function collectKind(text: string, earlier: readonly FixableKind[] = []): FixableKind[] {
  const kind = fixableKinds.find((one) => one === text);
  if (kind !== undefined) return [...earlier, kind];
  throw new InvalidArgumentError(
    `It must be one of ${fixableKinds.join(', ')}; docs/checking.md says what to do about others.`,
  );
}

async function checkStorages(
  context: Context,
  names: readonly string[],
  options: Options,
): Promise<void> {
  const started = Date.now();
  const { output, signal } = context;
  const { fix: kinds = [], dryRun = false } = options;
  if (dryRun && kinds.length === 0) {
    throw new DepotError(
      'usage',
      'cannot check with --dry-run alone: without --fix nothing changes',
    );
  }
  keepMemorySmall();
  const { runCheck } = await import('../../transfer/run-check.js');
  const manager = await context.manager();
  let listed: number | null = null;
  const progress = await startProgress<CheckCounts>(context, {
    bar: options.progress && !output.json,
    describe: ({ references, blobs, bytes }, seconds) =>
      `${counted(references.scanned, 'reference')} read, ${counted(blobs.checked, 'blob')} checked, ${formatBytes(bytes)}${formatLeft(blobs.checked, listed, seconds)}`,
  });
  context.exitCode = exitCodes.failed;
  let result: CheckResult;
  try {
    const { concurrency } = options;
    result = await runCheck(manager, {
      ...{ names, signal, concurrency },
      deep: options.deep === true,
      fixing: {
        ...{ kinds: new Set(kinds), dryRun },
        fixed: (fix) => progress.data(fixLine(fix), { type: 'fix', ...fix }),
      },
      notice: (text) => output.note(text),
      found: (problem) => progress.data(findingLine(problem), { type: 'problem', ...problem }),
      listed(blobs) {
        listed = blobs;
      },
      progress: (counts) => progress.progress(counts),
    });
  } finally {
    progress.stop();
  }
  await printChecked(context, result, options, (Date.now() - started) / 1000);
  if (signal.aborted) return;
  if (result.error !== null) throw result.error;
  const { problems, fixed = {} } = result.counts;
  const left = sum(problems) - (dryRun ? 0 : sum(fixed));
  context.exitCode = left > 0 ? exitCodes.problems : 0;
}

/** A problem that was looked for, as a line of data. */
function findingLine({ kind, reference, path, message }: Problem): string {
  const where = [reference, message.includes(path ?? '') ? null : path];
  return [kind, ...where.filter((one) => one !== null), message].join(': ');
}

function fixLine({ kind, status, reference, path, before, after, message }: Fix): string {
  const where = [reference, path].filter((one) => one !== null);
  return [status.replace('-', ' '), kind, ...where, message ?? `${before} → ${after}`].join(': ');
}

function sum(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((all, count) => all + count, 0);
}

function listed(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([kind, count]) => `${count} ${kind}`)
    .join(', ');
}

async function printChecked(
  { output, signal }: Context,
  result: CheckResult,
  options: Options,
  seconds: number,
): Promise<void> {
  const { storages, counts, error } = result;
  const rounded = Math.round(seconds * 1000) / 1000;
  const what = { storages, deep: options.deep === true };
  const fixing = options.fix === undefined ? {} : { dry_run: options.dryRun === true };
  await output.summary({ command: 'check', ...what, ...fixing, ...counts, seconds: rounded });
  if (output.json || output.verbosity === 'quiet') return;
  const { references, blobs, bytes, problems, fixed } = counts;
  const whole = error === null && !signal.aborted;
  const found = listed(problems);
  const outcome = whole ? found || 'no problems' : `not finished${found && `, ${found}`}`;
  const blobsChecked = `${counted(blobs.checked, 'blob')} (${formatBytes(bytes)})`;
  const fixes = fixed === undefined ? '' : ` ${fixedLine(fixed, options)}`;
  await output.data(
    `Checked ${blobsChecked} in ${storages.join(', ')} and ${counted(references.scanned, 'reference')} in ${seconds.toFixed(1)} s: ${outcome}.${fixes}`,
    null,
  );
  const remark = remarkOn(result, signal);
  if (remark !== null) output.note(remark);
}

/** What the summary's reader has to know beside it. */
function remarkOn(
  { compared, counts, error }: CheckResult,
  { aborted }: AbortSignal,
): string | null {
  if (aborted) return 'Interrupted: this is not all of it.';
  if (error !== null) return 'Stopped: this is not all of it.';
  if (!compared) return 'No database is configured: nothing was compared with references.';
  if (counts.references.scanned > 0) return null;
  return 'The databases hold no reference at all: are they the right ones?';
}

function fixedLine(fixed: NonNullable<CheckCounts['fixed']>, { dryRun }: Options): string {
  return `${dryRun === true ? 'Would fix' : 'Fixed'} ${listed(fixed) || 'nothing'}.`;
}
