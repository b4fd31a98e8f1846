import path from 'node:path';
import type { Shard } from '../databases/shard.js';
import type { Manager } from '../manager.js';
import { leftBehind } from '../transfer/report.js';
import type { RunResult } from '../transfer/run-migration.js';
import type { Context } from './context.js';

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
  readonly shard: Shard | undefined;
  /** The state file, where one was named. */
  readonly state: string | undefined;
  readonly seconds: number;
}

/** What is due after a run that came to its end, as lines for the user: docs/migrating.md. */
export async function nextSteps(
  context: Context,
  manager: Manager,
  result: RunResult,
  asked: Asked,
): Promise<string[]> {
  if (asked.dryRun) return afterRehearsal(result, asked);
  if (asked.undo) return afterUndo(manager, result);
  const { source, counts, stateFile } = result;
  const command = `depot${option('-c', context.config)} migrate-storage`;
  const steps: string[] = [];
  if (leftBehind(counts.references) > 0) {
    steps.push('What was left is named above; a further run tries it again.');
  }
  steps.push(...towardsDeletion(command, manager, result, asked));
  if (counts.blobs.deleted > 0) steps.push(...(await reclaiming(manager, source)));
  const rewritten = counts.mentions?.rewritten ?? 0;
  if (stateFile !== null && counts.references.migrated + rewritten > 0) {
    const undo = option('--undo', path.relative('', stateFile));
    steps.push('Turn the references back:', `  ${command}${undo}`);
  }
  return steps;
}

function afterRehearsal({ target, counts }: RunResult, { deleted }: Asked): string[] {
  const steps = ['Nothing was written: this was a dry run.'];
  if (deleted)
    steps.push('Each blob is compared with its copy before it is deleted; one that differs stays.');
  if (counts.references.migrated > 0) {
    steps.push(`If the site was started before ${target} was configured, restart it first.`);
  }
  return steps;
}

/** `source` is what references were turned back from. */
function afterUndo(manager: Manager, { source, target, counts }: RunResult): string[] {
  const steps: string[] = [];
  if (leftBehind(counts.references) > 0)
    steps.push('What was left is named above; a further run tries it again.');
  if (manager.defaultName() === source)
    steps.push(
      `New files still go to ${source}, the default storage: make ${target} the first, and restart.`,
    );
  if (counts.references.migrated > 0)
    steps.push(`${source} keeps its copies: a later migration uses them again.`);
  return steps;
}

/** New files must have ceased to come into the source before it is worth emptying. */
function towardsDeletion(
  command: string,
  manager: Manager,
  { source, target }: RunResult,
  { deleted, limited, shard, state, privateOk }: Asked,
): string[] {
  if (manager.defaultName() === source) {
    return [
      `New files still go to ${source}, the default storage: make ${target} the first in the configuration,`,
      '  restart the site, and run this once more for what came in between.',
    ];
  }
  // After a part of them, the same command with --delete-source would move the rest too.
  if (deleted || limited) return [];
  const once = shard === undefined ? '' : `, once all ${shard.count} shards are done,`;
  // A shard's state is of no use to a run of the whole.
  const kept = shard === undefined ? option('--state', state) : '';
  const names = `${option('--from', source)}${option('--to', target)}${kept}`;
  return [
    `${source} keeps its blobs until you${once} delete those that have moved and nothing names any more:`,
    `  ${command}${names}${privateOk ? ' --private-ok' : ''} --delete-source`,
  ];
}

async function reclaiming(manager: Manager, source: string): Promise<string[]> {
  const { reclaim } = (await manager.storage(source)).backend;
  if (reclaim === undefined) return [];
  return [`The database keeps their room for new rows; to give it back to the machine: ${reclaim}`];
}

/** An option of a command line, its value as a shell takes it for one word. */
function option(name: string, value: string | undefined): string {
  if (value === undefined) return '';
  const word = /^[\w./:#@%+,=-]+$/.test(value) ? value : `'${value.replaceAll("'", "'\\''")}'`;
  return ` ${name} ${word}`;
}
