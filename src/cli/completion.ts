import type { Argument, Command, Option } from 'commander';

/** What may stand at the end of a command line, in the words of the shells' scripts. */
export interface Candidates {
  readonly values: readonly { readonly value: string; readonly description: string }[];
  /** 0: files too; 2: no space behind the value; 4: no files. They add up. */
  readonly directive: number;
}

const noSpace = 2;
const noFiles = 4;

const files: Candidates = { values: [], directive: 0 };
const nothing: Candidates = { values: [], directive: noFiles };

/** What completion asks of the configuration. */
export interface Completable {
  /** Names and aliases of the storages; none where the configuration cannot be read. */
  storages(config: string | undefined): Promise<readonly string[]>;
}

/** Candidates for the last of `words`, which follow the name of `program` and may be empty. */
export async function complete(
  program: Command,
  words: readonly string[],
  completable: Completable,
): Promise<Candidates> {
  const { command, rest, config } = commandOf(program, words.slice(0, -1));
  const prefix = words.at(-1) ?? '';
  const storages = (): Promise<readonly string[]> => completable.storages(config);
  const candidates = await candidatesFor(command, rest, prefix, storages);
  return {
    ...candidates,
    values: candidates.values.filter(({ value }) => value.startsWith(prefix)),
  };
}

async function candidatesFor(
  command: Command,
  rest: readonly string[],
  prefix: string,
  storages: () => Promise<readonly string[]>,
): Promise<Candidates> {
  const option = optionNamed(command, rest.at(-1));
  if (option?.required) return valuesOf(option, placeholderOf(option), storages);
  if (prefix.startsWith('-')) return { values: optionsOf(command), directive: noFiles };
  const { registeredArguments } = command;
  const given = argumentsIn(command, rest);
  const argument = registeredArguments[Math.min(given, registeredArguments.length - 1)];
  const isMore = given >= registeredArguments.length && argument?.variadic !== true;
  const subcommands = given === 0 ? visibleCommands(command) : [];
  if (argument === undefined || isMore) return { values: subcommands, directive: noFiles };
  return valuesOf(argument, argument.name(), storages);
}

/** The command that the words name, those behind its name, and the configuration that they name. */
function commandOf(
  program: Command,
  words: readonly string[],
): { command: Command; rest: readonly string[]; config: string | undefined } {
  let command = program;
  let rest: string[] = [];
  let config: string | undefined;
  for (const [index, word] of words.entries()) {
    const before = optionNamed(command, words[index - 1]);
    if (before?.attributeName() === 'config') config = word;
    const inner = before?.required
      ? undefined
      : command.commands.find((one) => [one.name(), ...one.aliases()].includes(word));
    if (inner === undefined) rest.push(word);
    else [command, rest] = [inner, []];
  }
  return { command, rest, config };
}

/** How many of the words are arguments, and neither options nor their values. */
function argumentsIn(command: Command, words: readonly string[]): number {
  return words.filter(
    (word, index) => !word.startsWith('-') && !optionNamed(command, words[index - 1])?.required,
  ).length;
}

/** An option of the command, or of those that it belongs to. */
function optionNamed(command: Command, word: string | undefined): Option | undefined {
  for (let one: Command | null = command; one !== null; one = one.parent) {
    const found = one.options.find(({ short, long }) => word === short || word === long);
    if (found !== undefined && word !== undefined) return found;
  }
  return undefined;
}

function optionsOf(command: Command): Candidates['values'] {
  const all: Option[] = [];
  for (let one: Command | null = command; one !== null; one = one.parent) all.push(...one.options);
  return all
    .filter(({ hidden, long }) => !hidden && long !== undefined)
    .map(({ long, description }) => ({ value: long as string, description }));
}

function visibleCommands(command: Command): Candidates['values'] {
  const visible = command.createHelp().visibleCommands(command);
  return visible.map((one) => ({ value: one.name(), description: one.description() }));
}

/** What stands for the value in the option's help: `storage` in `--from <storage>`. */
function placeholderOf({ flags }: Option): string {
  return /<([^>]+)>/.exec(flags)?.[1] ?? '';
}

async function valuesOf(
  { argChoices }: Option | Argument,
  placeholder: string,
  storages: () => Promise<readonly string[]>,
): Promise<Candidates> {
  const plain = (values: readonly string[]): Candidates['values'] =>
    values.map((value) => ({ value, description: '' }));
  if (argChoices !== undefined) return { values: plain(argChoices), directive: noFiles };
  if (['file', 'state', 'dest'].includes(placeholder)) return files;
  if (placeholder === 'storage') return { values: plain(await storages()), directive: noFiles };
  if (placeholder !== 'path') return nothing;
  const paths = (await storages()).map((name) => `${name}/`);
  return { values: plain(paths), directive: noFiles + noSpace };
}
