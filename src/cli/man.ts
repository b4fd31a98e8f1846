import type { Argument, Command } from 'commander';
import { registerCommands } from './commands.js';
import { examplesOf } from './examples.js';
import { createProgram } from './program.js';
import { readVersion } from './version.js';

/** Of the table in errors.ts. */
const exitStatus: readonly (readonly [code: string, meaning: string])[] = [
  ['0', 'done, all of it'],
  ['1', 'failed, or done in part: each item that failed is named on standard error'],
  ['2', 'wrong usage or configuration; nothing was done'],
  ['3', 'no such file, storage or column'],
  ['4', 'refused: another run holds the lock, the target exists, or it is not safe as asked'],
  ['5', 'a storage or database cannot be reached, or denies access'],
  ['6', 'check found problems'],
  ['130, 143', 'interrupted, terminated: everything is consistent, run it again to go on'],
];

const environment: readonly (readonly [name: string, meaning: string])[] = [
  ['DEPOT_CONFIG', 'the configuration, where -c names none'],
  ['DEPOT_STORAGE_OPTION', "an option of a storage, both in upper case, before the file's"],
  ['DEPOT_DEBUG', 'set to 1: stack traces with errors'],
  ['NO_COLOR', 'set: no colours'],
];

const files: readonly (readonly [name: string, meaning: string])[] = [
  ['depot.ini', 'the configuration in the current directory, where none is named'],
  ['depot-state/', 'what migrations did, beside the configuration'],
];

/** The manual page in the language of roff(7), from what `--help` says. */
export async function manualPage(): Promise<string> {
  const program = createProgram();
  await registerCommands(program, ['--help'], () => {
    throw new Error('nothing is run');
  });
  const lines = [
    `.TH DEPOT 1 "" "depot ${readVersion()}" "User commands"`,
    ...['.SH NAME', `depot \\- ${lower(program.description())}`],
    ...['.SH SYNOPSIS', '.B depot', text('[-c FILE[#APP]] [--json] [-q | -v] COMMAND …')],
    '.SH OPTIONS',
    ...program.options.flatMap(({ flags, description }) => term(flags, description)),
    '.SH COMMANDS',
    ...program.commands.flatMap((command) => commandLines(command, '')),
    '.SH EXIT STATUS',
    ...exitStatus.flatMap(([code, meaning]) => term(code, meaning)),
    '.SH ENVIRONMENT',
    ...environment.flatMap(([name, meaning]) => term(name, meaning)),
    '.SH FILES',
    ...files.flatMap(([name, meaning]) => term(name, meaning)),
  ];
  return `${lines.join('\n')}\n`;
}

function commandLines(command: Command, parent: string): string[] {
  const name = `${parent}${command.name()}`;
  const words = [name, ...command.registeredArguments.map(argumentWord)];
  const aliases = command.aliases().map((alias) => `Also: ${alias}.`);
  const shown = command.options.filter(({ hidden }) => !hidden);
  return [
    ...['.SS', text(words.join(' '))],
    ...[text(sentence(command.description())), ...aliases.map(text)],
    ...shown.flatMap(({ flags, description }) => term(flags, description)),
    ...exampleLines(name),
    ...command.commands.flatMap((nested) => commandLines(nested, `${name} `)),
  ];
}

function exampleLines(name: string): string[] {
  const shown = examplesOf(name).flatMap(([line, does]) => [text(`# ${does}`), text(line)]);
  return shown.length === 0 ? [] : ['.PP', '.EX', ...shown, '.EE'];
}

function argumentWord(argument: Argument): string {
  const word = `${argument.name()}${argument.variadic ? '…' : ''}`;
  return argument.required ? `<${word}>` : `[${word}]`;
}

function term(name: string, description: string): string[] {
  return ['.TP', `.B ${text(name)}`, text(description)];
}

function lower(description: string): string {
  return text(description.replace(/^./, (first) => first.toLowerCase()).replace(/\.$/, ''));
}

function sentence(description: string): string {
  return `${description.replace(/^./, (first) => first.toUpperCase())}.`;
}

/** Backslashes, hyphens that are to stay such, and signs that begin a request. */
function text(words: string): string {
  return words
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/^(?=[.'])/, '\\&');
}
