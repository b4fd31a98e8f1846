import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { buffer } from 'node:stream/consumers';
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

/** Starts depot in a directory, with nothing of this process's own settings. */
export function start(
  here: string,
  args: readonly string[],
  options: RunOptions & { stdio?: SpawnOptions['stdio'] } = {},
): ChildProcess {
  const { PATH = '', HOME = '' } = process.env;
  return spawn(process.execPath, [executable, ...args], {
    cwd: here,
    env: { PATH, HOME, TZ: 'Europe/Berlin', ...options.env },
    stdio: options.stdio ?? 'pipe',
  });
}

/** What a started process prints, and how it ends. */
export async function outcome(child: ChildProcess): Promise<Outcome> {
  const bytesOf = (stream: ChildProcess['stdout']) =>
    stream === null ? Promise.resolve(Buffer.alloc(0)) : buffer(stream);
  const [stdout, stderr] = await Promise.all([
    bytesOf(child.stdout),
    bytesOf(child.stderr),
    once(child, 'close'),
  ]);
  return { code: child.exitCode, stdout, out: stdout.toString(), err: stderr.toString() };
}

/** Runs depot to its end. */
export async function depot(
  here: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Outcome> {
  const child = start(here, args, options);
  // It need not read what it is given.
  child.stdin?.on('error', () => {});
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
