import {
  openReport,
  type ReportedRun,
  type StateReport,
  type Totals,
} from '../transfer/state-report.js';
import type { Context } from './context.js';
import { counted, formatBytes } from './output.js';
import { formatAge } from './quantities.js';

/** Prints what the runs of a state file did: docs/state.md. */
export async function printReport(context: Context, file: string): Promise<void> {
  const report = openReport(file);
  try {
    if (context.output.json) await printObjects(context, report);
    else await printText(context, report, file);
  } finally {
    report.close();
  }
}

async function printObjects({ output }: Context, report: StateReport): Promise<void> {
  const { source: from, target: to } = report;
  let runs = 0;
  for (const { counts, ...run } of report.runs()) {
    runs += 1;
    await output.data('', { type: 'run', from, to, ...run, ...counts });
  }
  for (const change of report.changes()) await output.data('', { type: 'change', ...change });
  for (const copy of report.copies()) await output.data('', { type: 'copy', ...copy });
  for (const problem of report.problems()) await output.data('', { type: 'problem', ...problem });
  const { changes, copies, problems, solved } = report.totals();
  const { 'turned-back': turned_back, ...others } = changes;
  await output.data('', {
    ...{ type: 'summary', command: 'migrate-storage', report: true, from, to, runs },
    ...{ changes: { ...others, turned_back }, copies, problems, solved },
  });
}

async function printText({ output }: Context, report: StateReport, file: string): Promise<void> {
  const print = (line: string): Promise<void> => output.data(line, null);
  await print(`${file}: from ${report.source} to ${report.target}`);
  for (const run of report.runs()) {
    for (const line of runLines(run)) await print(line);
  }
  const totals = report.totals();
  for (const line of totalLines(totals)) await print(line);
  for (const problem of report.problems()) {
    if (!problem.open) continue;
    const where = problem.reference === null ? '' : `${problem.reference}: `;
    await print(`  ${problem.status}: ${where}${problem.message}`);
  }
}

function runLines({ run, kind, options, started, ended, ...end }: ReportedRun): string[] {
  const asked = Object.entries(options).map(optionText);
  const seconds = (Date.parse(ended ?? started) - Date.parse(started)) / 1000;
  const how =
    ended === null
      ? 'has not ended: it is running, or was killed'
      : `${end.outcome} ${end.outcome === 'finished' ? 'in' : 'after'} ${seconds} s`;
  return [
    `Run ${run}: ${[kind, ...asked].join(' ')}`,
    `  ${started.slice(0, 19)}Z, ${how}${end.error === null ? '' : `: ${end.error}`}`,
    ...(end.counts === null ? [] : [`  ${countsLine(kind, end.counts)}`]),
  ];
}

/** As the command line has it. */
function optionText([name, value]: [string, unknown]): string {
  if (value === true) return `--${name.replaceAll('_', '-')}`;
  if (name === 'keep_for') return `--keep-for ${formatAge(Number(value) * 1000)}`;
  if (name === 'modified_before') return `(stored before ${value})`;
  return `--${name.replaceAll('_', '-')} ${[value].flat().join(', ')}`;
}

function countsLine(
  kind: ReportedRun['kind'],
  { references, blobs, bytes, mentions, kept }: NonNullable<ReportedRun['counts']>,
): string {
  const [done, rewritten] =
    kind === 'undo' ? ['turned back', 'turned back'] : ['migrated', 'rewritten'];
  return [
    `${counted(references.migrated, 'reference')} ${done}`,
    `${counted(blobs.copied, 'blob')} copied (${formatBytes(bytes)})`,
    ...(mentions === undefined ? [] : [`${counted(mentions.rewritten, 'mention')} ${rewritten}`]),
    ...(blobs.deleted > 0 ? [`${blobs.deleted} deleted`] : []),
    ...(kept === undefined ? [] : [`${kept.blobs} kept for now`]),
    ...(['missing', 'changed', 'failed'] as const)
      .filter((status) => references[status] > 0)
      .map((status) => `${references[status]} ${status}`),
  ].join(', ');
}

function totalLines({ changes, copies, problems, solved }: Totals): string[] {
  const uncertain = changes.uncertain > 0 ? `, ${changes.uncertain} uncertain` : '';
  const open = Object.entries(problems).filter(([, count]) => count > 0);
  return [
    `Rows changed: ${changes.done}, turned back: ${changes['turned-back']}${uncertain}`,
    `Blobs copied: ${copies.count} (${formatBytes(copies.bytes)})`,
    ...(solved > 0 ? [`Problems solved since: ${solved}`] : []),
    open.length === 0
      ? 'Open problems: none'
      : `Open problems: ${open.map(([status, count]) => `${count} ${status}`).join(', ')}`,
  ];
}
