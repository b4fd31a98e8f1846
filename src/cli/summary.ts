import { formatShard } from '../databases/shard.js';
import type { Manager } from '../manager.js';
import { type Counts, leftBehind } from '../transfer/report.js';
import type { RunResult } from '../transfer/run-migration.js';
import type { Context } from './context.js';
import { type Asked, nextSteps } from './next-steps.js';
import { counted, formatBytes, formatRate } from './output.js';

/** The last lines of a migration: what was done, what was not, and how to go on. */
export async function printSummary(
  context: Context,
  manager: Manager,
  result: RunResult,
  asked: Asked,
): Promise<void> {
  const { output } = context;
  const { source: from, target: to, counts } = result;
  const { command, dryRun: dry_run } = asked;
  const shard = asked.shard === undefined ? {} : { shard: formatShard(asked.shard) };
  const ways = {
    ...(asked.undo && { undo: true }),
    ...(context.signal.aborted && { interrupted: true }),
  };
  const seconds = Math.round(asked.seconds * 1000) / 1000;
  await output.summary({ command, from, to, ...shard, ...ways, dry_run, ...counts, seconds });
  if (output.json) return;
  for (const line of summaryLines(result, asked)) await output.data(line, null);
  if (context.signal.aborted)
    output.note('Interrupted. Everything is consistent: run it again to go on.');
  else if (result.error === null)
    for (const line of await nextSteps(context, manager, result, asked)) output.note(line);
}

/** How far a migration has come, on a line. */
export function describeCounts({ references, blobs, bytes }: Counts, seconds: number): string {
  const rate = formatRate(bytes, seconds);
  const copied = `${counted(blobs.copied, 'blob')} copied, ${formatBytes(bytes)}${rate}`;
  return `${counted(references.migrated, 'reference')} migrated, ${copied}`;
}

function summaryLines(result: RunResult, asked: Asked): string[] {
  const { source, target, counts } = result;
  const { references, blobs, bytes, mentions } = counts;
  const done = asked.dryRun ? 'Would migrate' : asked.undo ? 'Turned back' : 'Migrated';
  const direction = asked.undo ? `to ${target}` : `from ${source} to ${target}`;
  const part = asked.shard === undefined ? '' : `, shard ${formatShard(asked.shard)},`;
  const left = leftBehind(references);
  const { not_selected: unselected } = references;
  const elsewhere = references.scanned - references.migrated - left - (unselected ?? 0);
  const lines = [
    `${done} ${counted(references.migrated, 'reference')} ${direction}${part} in ${asked.seconds.toFixed(1)} s.`,
    `  references: ${references.scanned} read, ${left} left as they are${because(references)}, ${unselected === undefined ? '' : `${unselected} not selected, `}${elsewhere} ${asked.undo ? 'not moved by these runs, or back already' : `not in ${source}`}`,
    `  blobs: ${blobs.copied} ${asked.dryRun ? 'to copy' : 'copied'} (${formatBytes(bytes)}), ` +
      `${blobs.reused} already there${because(blobs)}`,
  ];
  if (blobs.copied_by_service > 0)
    lines.push(
      `  ${blobs.copied_by_service} of them copied inside the service, compared by its checksum`,
    );
  if (mentions !== undefined) {
    const what = asked.undo ? 'turned back' : asked.dryRun ? 'to rewrite' : 'rewritten';
    lines.push(`  mentions: ${mentions.rewritten} ${what}, ${mentions.left} left as they are`);
  }
  if (asked.deleted) lines.push(deletedLine(result, asked));
  return lines;
}

function deletedLine({ source, counts: { blobs, kept } }: RunResult, { dryRun }: Asked): string {
  const deleted = counted(blobs.deleted, 'blob');
  if (dryRun) return `  to delete from ${source}: at most ${deleted}`;
  const until = kept === undefined || kept.until === null ? null : kept.until.slice(0, 19);
  const waiting = until === null ? '' : `, ${kept?.blobs} kept, the last until ${until}Z`;
  return `  deleted from ${source}: ${deleted}${waiting}`;
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
