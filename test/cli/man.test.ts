import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { exitCodes } from '../../src/errors.js';
import { done, executable, newDirectory } from './depot.js';

const page = readFileSync(path.join(executable, '../../dist/depot.1'), 'utf8');
const plain = page.replaceAll('\\-', '-').replaceAll('\\e', '\\');

test('the manual page has every command with all of its options', async () => {
  const help = await done(newDirectory(), ['--help']);
  const [, list = ''] = help.split('\nCommands:\n');
  const commands = [...list.matchAll(/^ {2}([a-z-]+)/gm)].map(([, name]) => name as string);
  expect(commands.length).toBeGreaterThan(14);
  for (const command of commands.filter((name) => name !== 'help')) {
    const [, section = ''] = plain.split(new RegExp(`^\\.SS\\n${command}\\b`, 'm'));
    expect(section, command).not.toBe('');
    const options = (await done(newDirectory(), [command, '--help'])).matchAll(
      /^ {2,}.*?(--[a-z-]+)/gm,
    );
    for (const [, option] of options) {
      if (option !== '--help' && option !== undefined)
        expect(section.split('\n.SS\n')[0]).toContain(option);
    }
  }
});

test('the manual page has every exit code', () => {
  const [, section = ''] = plain.split('.SH EXIT STATUS\n');
  const told = [...(section.split('.SH ')[0] ?? '').matchAll(/^\.B ([\d, ]+)$/gm)];
  const codes = told.flatMap(([, some]) => (some as string).split(', ').map(Number));
  expect(codes).toEqual([0, ...new Set(Object.values(exitCodes))]);
});
