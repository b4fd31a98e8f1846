import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect } from 'vitest';

export const executable = fileURLToPath(new URL('../../bin/depot.js', import.meta.url));
export const fixtures = fileURLToPath(new URL('../../fixtures', import.meta.url));

/** A well-formed identifier that no storage has. */
export const absentId = '3b241101-e2bb-11e5-8b8e-0242ac110002';

const root = mkdtempSync(path.join(tmpdir(), 'depot-cli-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** How a process ended; `code` is null where a signal ended it. */
export interface Outcome {
  readonly code: number | null;
  readonly stdout: Buffer;
  readonly out: string;
  readonly err: string;
}

export interface RunOptions {
  readonly env?: Record<string, string>;
  readonly input?: string | Buffer;
}

/** A new, empty directory. */
export function newDirectory(): string {
  return mkdtempSync(path.join(root, 'here-'));
}

/** A directory with an empty local storage, `files`. */
export function newStore(): string {
  const here = newDirectory();
  const settings = ['name = files', 'backend = local', 'storage_path = %(here)s/files'];
  writeFileSync(
    path.join(here, 'depot.ini'),
    ['[depot]', ...settings.map((line) => `depot.0.${line}`), ''].join('\n'),
  );
  mkdirSync(path.join(here, 'files'));
  return here;
}

/** A copy of a real Kotti site. */
export function newSite(): string {
  const here = newDirectory();
  cpSync(path.join(fixtures, 'kotti-site'), here, { recursive: true });
  return here;
}

/** Starts a program in a directory, with nothing of this process's own settings. */
export function startProgram(
  here: string,
  [program, ...args]: readonly [string, ...string[]],
  options: RunOptions & { stdio?: SpawnOptions['stdio'] },
): ChildProcess {
  const { PATH = '', HOME = '' } = process.env;
  const child = spawn(program, args, {
    cwd: here,
    env: { PATH, HOME, TZ: 'Europe/Berlin', ...options.env },
    stdio: options.stdio ?? 'pipe',
  });
  // It need not read what it is given.
  child.stdin?.on('error', () => {});
  return child;
}

export function start(
  here: string,
  args: readonly string[],
  options: RunOptions & { stdio?: SpawnOptions['stdio'] } = {},
): ChildProcess {
  return startProgram(here, [process.execPath, executable, ...args], options);
}

/** Runs a script of bash, in which `depot` is a command. */
export function shell(here: string, script: string): Promise<Outcome> {
  const command = `depot() { "$NODE" "$DEPOT" "$@"; }\n${script}`;
  const env = { NODE: process.execPath, DEPOT: executable };
  return outcome(startProgram(here, ['bash', '-c', command], { env }));
}

/**
 * Runs depot with standard output and error on a terminal, which has as many columns as `COLUMNS` of
 * its environment says; `out` is what it shows.
 */
export function onTerminal(
  python: string,
  here: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<Outcome> {
  const script =
    'import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))';
  const sized = 'COLUMNS' in env ? ['sh', '-c', 'stty cols "$COLUMNS"; exec "$@"', 'sh'] : [];
  const command = [python, '-c', script, ...sized, process.execPath, executable, ...args] as const;
  const stdio: SpawnOptions['stdio'] = ['ignore', 'pipe', 'pipe'];
  return outcome(startProgram(here, command, { env: { TERM: 'xterm', ...env }, stdio }));
}

/** What a started process prints, and how it ends. */
export async function outcome(child: ChildProcess): Promise<Outcome> {
  const printed = collect(child.stdout);
  const said = collect(child.stderr);
  await once(child, 'close');
  const stdout = Buffer.concat(printed);
  const err = Buffer.concat(said).toString();
  return { code: child.exitCode, stdout, out: stdout.toString(), err };
}

/** What the stream gives, up to where it ends or is destroyed. */
function collect(stream: ChildProcess['stdout']): Buffer[] {
  const chunks: Buffer[] = [];
  stream?.on('data', (chunk: Buffer) => chunks.push(chunk));
  return chunks;
}

/** Runs depot to its end. */
export async function depot(
  here: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Outcome> {
  const child = start(here, args, options);
  child.stdin?.end(options.input ?? '');
  const ended = await outcome(child);
  expect(ended.err).not.toMatch(/^\s+at /m);
  return ended;
}

/** Runs depot, which must succeed and say nothing but data; returns that, without its last line end. */
export async function done(
  here: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  const { code, out, err } = await depot(here, args, options);
  expect({ args, code, err }).toEqual({ args, code: 0, err: '' });
  return out.replace(/\n$/, '');
}

/** The objects of `--json`: one a line. */
export function objects(out: string): Record<string, unknown>[] {
  return out
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** A program that may be missing here: its path, or undefined. */
export function findProgram(name: string): string | undefined {
  const directories = (process.env.PATH ?? '').split(path.delimiter);
  return directories.map((each) => path.join(each, name)).find(existsSync);
}

/** A store with files of these names, all of them `content`, and their paths in it. */
export async function newStoreWith(...names: string[]): Promise<{ here: string; paths: string[] }> {
  const here = newStore();
  for (const name of names) writeFileSync(path.join(here, name), 'content');
  const paths = (await done(here, ['put', '--', ...names])).split('\n');
  return { here, paths };
}

/** The signals that interrupt, and the exit codes that they give. */
export const interruptions = [
  { signal: 'SIGINT', code: 130 },
  { signal: 'SIGTERM', code: 143 },
] as const;

/** Waits until something is so, which a running process brings about. */
export async function until(child: ChildProcess, isSo: () => boolean): Promise<void> {
  while (!isSo()) {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error('it ended before');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Names in a directory that may not be there yet. */
export function namesIn(directory: string): string[] {
  return existsSync(directory) ? readdirSync(directory) : [];
}
