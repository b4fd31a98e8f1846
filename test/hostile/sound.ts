import { readdirSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'vitest';
import { depot, type Outcome } from '../cli/depot.js';

/** What a program says that stumbled over a value in place of judging it. */
const stumbled =
  /TypeError|RangeError|SqliteError|SyntaxError|is not a function|Cannot read prop|NaN|undefined|\[object /;

/**
 * Runs a command on hostile data, which ends by itself, with a code of the table, without a stack
 * trace, and with nothing that a terminal would obey.
 */
export async function runSound(here: string, args: readonly string[]): Promise<Outcome> {
  const ended = await depot(here, args);
  expect([0, 1, 2, 3, 4, 5, 6]).toContain(ended.code);
  for (const text of [ended.out, ended.err]) {
    expect(text).not.toMatch(/[^\P{Cc}\n]|[\u2028-\u202e\u2066-\u2069]/u);
  }
  // Names in --json may hold any word.
  if (!args.includes('--json')) {
    expect(`${ended.out}${ended.err}`.match(stumbled)).toBeNull();
  }
  return ended;
}

/** The names of all files below a directory, but those below some of its own. */
export function filesOutside(here: string, ...storages: string[]): string[] {
  return readdirSync(here, { recursive: true, encoding: 'utf8' })
    .filter((name) => !storages.includes(name.split(path.sep)[0] as string))
    .sort();
}

/** Texts where a name or a type is expected. */
export const oddTexts = [
  '',
  '.',
  '..',
  '../../etc/passwd',
  '/etc/passwd',
  'a\0b',
  '\ud800',
  '\u001b[2J\u001b]0;title\u0007',
  'a\r\nb',
  '\u202egnp.exe',
  '\u009b31m',
  '__proto__',
  '%2e%2e%2f',
  'x'.repeat(300),
] as const;
