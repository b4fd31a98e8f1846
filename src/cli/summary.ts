import path from 'node:path';
import type { Manager } from '../manager.js';
import type { Counts } from '../transfer/report.js';
import type { RunResult } from '../transfer/run-migration.js';
import type { Context } from './context.js';
import { counted, formatBytes } from './output.js';

/** What the command line asked for, as far as the summary says it. */
export interface Asked {
  readonly command: string;
  readonly undo: boolean;
  readonly dryRun: boolean;
  /** Whether the source was to be deleted. */
  readonly deleted: boolean;
  /** Whether it was told that a private target is meant. */
  readonly privateOk: boolean;
  /** Whether it was told to move a part of the references only. */
  readonly limited: boolean;
  /** The state file, where one was named. */
  readonly state: string | undefined;
  readonly seconds: number;
}

/** The last lines of a migration: what was done, what was not, and how to go on. */
export async function printSummary(
  context: Context,
  manager: Manager,
  result: RunResult,
  asked: Asked,
): Promise<void> {
  const { output } = context;
  const { source: from, target: to, counts } = result;
  if (output.json) {
    const { command, dryRun: dry_run } = asked;
    const seconds = Math.round(asked.seconds * 1000) / 1000;
    await output.data('', { type: 'summary', command, from, to, dry_run, ...counts, seconds });
    return;
  }
  for (const line of summaryLines(result, asked)) await output.data(line, null);
  if (context.signal.aborted)
    output.note('Interrupted. Everything is consistent: run it again to go on.');
  else if (result.error === null)
    for (const line of nextSteps(context, manager, result, asked)) output.note(line);
}

function summaryLines({ source, target, counts }: RunResult, asked: Asked): string[] {
  const { references, blobs, bytes } = counts;
  const done = asked.dryRun ? 'Would migrate' : asked.undo ? 'Turned back' : 'Migrated';
  const direction = asked.undo ? `to ${target}` : `from ${source} to ${target}`;
  const left = leftBehind(references);
  const elsewhere = references.scanned - references.migrated - left;
  const lines = [
    `${done} ${counted(references.migrated, 'reference')} ${direction} in ${asked.seconds.toFixed(1)} s.`,
    `  references: ${references.scanned} read, ${left} left as they are${because(references)}, ${elsewhere} not in ${asked.undo ? target : source}`,
    `  blobs: ${blobs.copied} ${asked.dryRun ? 'to copy' : 'copied'} (${formatBytes(bytes)}), ` +
      `${blobs.reused} already there${because(blobs)}`,
  ];
  if (blobs.copied_by_service > 0)
    lines.push(
      `  ${blobs.copied_by_service} of them copied inside the service, compared by its checksum`,
    );
  if (asked.deleted && !asked.dryRun)
    lines.push(`  deleted from ${source}: ${counted(blobs.deleted, 'blob')}`);
  return lines;
}

/** References that should have moved and did not. */
function leftBehind({ missing, changed, failed }: Counts['references']): number {
  return missing + changed + failed;
}

function because(counts: { missing: number; changed?: number; failed: number }): string {
  const { missing, changed = 0, failed } = counts;
  const reasons = [
    ...(missing > 0 ? [`${missing} missing`] : []),
    ...(changed > 0 ? [`${changed} changed meanwhile`] : []),
    ...(failed > 0 ? [`${failed} failed`] : []),
  ];
  return reasons.length === 0 ? '' : ` (${reasons.join(', ')})`;
}

function nextSteps(context: Context, manager: Manager, result: RunResult, asked: Asked): string[] {
  const { source, target, counts, stateFile } = result;
  if (asked.dryRun) {
    const steps = ['Nothing was written: this was a dry run.'];
    if (asked.deleted)
      steps.push('What --delete-source may delete shows once the references have moved.');
    return steps;
  }
  if (asked.undo) return [];
  const command = `depot${option('-c', context.config)} migrate-storage`;
  const steps: string[] = [];
  if (leftBehind(counts.references) > 0) {
    steps.push('What was left is named above; a further run tries it again.');
  }
  // After a part of them, the same command with --delete-source would move the rest too.
  if (!asked.deleted && !asked.limited && counts.references.migrated > 0) {
    steps.push(
      `${source} still has its blobs. Delete those that nothing names any more:`,
      `  ${command}${option('--from', source)}${option('--to', target)}${option('--state', asked.state)}${asked.privateOk ? ' --private-ok' : ''} --delete-source`,
    );
  }
  if (stateFile !== null && counts.references.migrated > 0) {
    const undo = option('--undo', path.relative('', stateFile));
    steps.push('Turn the references back:', `  ${command}${undo}`);
  }
  if (manager.defaultName() === source) {
    steps.push(
      `New files still go to ${source}, the default storage: make ${target} the first in the configuration.`,
    );
  }
  return steps;
}

/** An option of a command line, its value as a shell takes it for one word. */
function option(name: string, value: string | undefined): string {
  if (value === undefined) return '';
  const word = /^[\w./:#@%+,=-]+$/.test(value) ? value : `'${value.replaceAll("'", "'\\''")}'`;
  return ` ${name} ${word}`;
}
