import type { Command } from 'commander';
import type { Context } from './context.js';
import { examplesText } from './examples.js';
import { escapeControls } from './output.js';

interface CommandEntry {
  /** Its name and alias. */
  readonly names: readonly string[];
  load(): Promise<(program: Command, start: () => Context) => void>;
}

/** Every command, in the order of the help. */
const entries: readonly CommandEntry[] = [
  {
    names: ['init'],
    load: async () => (await import('./commands/init.js')).registerInit,
  },
  {
    names: ['put'],
    load: async () => (await import('./commands/put.js')).registerPut,
  },
  {
    names: ['get'],
    load: async () => (await import('./commands/get.js')).registerGet,
  },
  {
    names: ['list', 'ls'],
    load: async () => (await import('./commands/list.js')).registerList,
  },
  {
    names: ['info', 'stat'],
    load: async () => (await import('./commands/info.js')).registerInfo,
  },
  {
    names: ['du'],
    load: async () => (await import('./commands/du.js')).registerDu,
  },
  {
    names: ['replace'],
    load: async () => (await import('./commands/replace.js')).registerReplace,
  },
  {
    names: ['delete', 'rm'],
    load: async () => (await import('./commands/delete.js')).registerDelete,
  },
  {
    names: ['storages'],
    load: async () => (await import('./commands/storages.js')).registerStorages,
  },
  {
    names: ['references'],
    load: async () => (await import('./commands/references.js')).registerReferences,
  },
  {
    names: ['migrate-storage', 'migrate'],
    load: async () => (await import('./commands/migrate-storage.js')).registerMigrate,
  },
  {
    names: ['copy', 'backup'],
    load: async () => (await import('./commands/copy.js')).registerCopy,
  },
  {
    names: ['check'],
    load: async () => (await import('./commands/check.js')).registerCheck,
  },
  {
    names: ['gc'],
    load: async () => (await import('./commands/gc.js')).registerGc,
  },
  {
    names: ['serve'],
    load: async () => (await import('./commands/serve.js')).registerServe,
  },
  {
    names: ['completion', 'complete'],
    load: async () => (await import('./commands/completion.js')).registerCompletion,
  },
];

/**
 * Adds the commands that the arguments name, each imported only then; all of them where none is
 * named or help is asked for. Each makes its context when it runs.
 */
export async function registerCommands(
  program: Command,
  args: readonly string[],
  start: () => Context,
): Promise<void> {
  const named = entries.filter(({ names }) => names.some((name) => args.includes(name)));
  const all = ['help', '--help', '-h', 'complete'].some((word) => args.includes(word));
  const wanted = all || named.length === 0 ? entries : named;
  const registers = await Promise.all(wanted.map(({ load }) => load()));
  for (const register of registers) register(program, start);
  explainUsage(program, 'depot');
}

/**
 * Errors in depot's words, with where to look; a wrong option's with the options there are. Help
 * with examples.
 */
function explainUsage(command: Command, name: string): void {
  command.addHelpText('after', () => examplesText(command.name()));
  command.showHelpAfterError(`Show the usage with: ${name} --help`);
  command.configureOutput({
    outputError(text, write) {
      const message = text.replace(/^error:/, 'depot:').trimEnd();
      write(`${message.split('\n').map(escapeControls).join('\n')}\n`);
      if (text.startsWith('error: unknown option')) write(`${name} has: ${optionsOf(command)}\n`);
    },
  });
  for (const nested of command.commands) explainUsage(nested, `${name} ${nested.name()}`);
}

function optionsOf(command: Command): string {
  const options = command.options.filter(({ hidden }) => !hidden);
  return options.map(({ long, short }) => (short ? `${short}/${long}` : long)).join(' ');
}
