import { Argument, type Command } from 'commander';
import { loadConfiguration } from '../../config/settings.js';
import { complete } from '../completion.js';
import { readCompletionScript, shells } from '../completion-script.js';
import type { Context } from '../context.js';

export function registerCompletion(program: Command, start: () => Context): void {
  program
    .command('completion')
    .description('print the script that completes command lines in a shell')
    .addArgument(new Argument('<shell>', 'the shell').choices(shells))
    .action((shell: string) => start().output.raw(readCompletionScript(shell)));
  program
    .command('complete', { hidden: true })
    .argument('[words...]')
    .action((words: string[]) => printCandidates(program, words, start()));
}

/** What the scripts call: a candidate a line, its description behind a tab, the directive last. */
async function printCandidates(
  program: Command,
  words: readonly string[],
  { output }: Context,
): Promise<void> {
  const { values, directive } = await complete(program, words, { storages: storageNames });
  const lines = values
    // A shell would split what it is told.
    .filter(({ value }) => /^[^\s'"\\$`;&|<>()*?[\]{}!#~]+$/u.test(value))
    .map(({ value, description }) => `${value}\t${description}`);
  await output.raw(`${[...lines, `:${directive}`].join('\n')}\n`);
}

async function storageNames(config: string | undefined): Promise<string[]> {
  const file = config ?? (process.env.DEPOT_CONFIG || 'depot.ini');
  try {
    const { storages, aliases } = await loadConfiguration({ file, env: process.env });
    return [...storages.map(({ name }) => name), ...aliases.keys()];
  } catch {
    // Whoever completes a line has not asked for errors.
    return [];
  }
}
