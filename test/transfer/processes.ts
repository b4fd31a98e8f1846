import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { Counts, Problem } from '../../src/transfer/report.js';
import type { Site } from './site.js';

const built = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

/** How a process of `depot` ended. */
export interface Ended {
  /** Null where a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly summary: (Counts & { readonly type: 'summary' }) | undefined;
  readonly problems: readonly Problem[];
  readonly stderr: string;
}

export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
}

/**
 * Starts the built `depot migrate-storage` on a site, from `dbfiles` to `localfs` unless told.
 * `program` is its executable.
 */
export function startMigration(
  site: Site,
  args: readonly string[] = [],
  program = new URL('../../bin/depot.js', import.meta.url),
): Running {
  if (!existsSync(built)) throw new Error('not built yet: npm run build');
  const way =
    args.includes('--from') || args.includes('--undo')
      ? []
      : ['--from', 'dbfiles', '--to', 'localfs'];
  const child = spawn(
    process.execPath,
    [fileURLToPath(program), '-c', site.ini, '--json', 'migrate-storage', ...way, ...args],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  return { child, ended: endOf(child) };
}

async function endOf(child: ChildProcess): Promise<Ended> {
  const [out, stderr] = await Promise.all([
    text(child.stdout as NodeJS.ReadableStream),
    text(child.stderr as NodeJS.ReadableStream),
    once(child, 'close'),
  ]);
  const lines = out.split('\n').filter((line) => line.endsWith('}'));
  const items = lines.map((line) => JSON.parse(line) as { type: string });
  return {
    code: child.exitCode,
    signal: child.signalCode,
    summary: items.find(({ type }) => type === 'summary') as Ended['summary'],
    problems: items.filter(({ type }) => type === 'problem') as unknown as Problem[],
    stderr,
  };
}

export function runMigrationProcess(site: Site, args: readonly string[] = []): Promise<Ended> {
  return startMigration(site, args).ended;
}

/**
 * Sends a signal as soon as `reached` says true, or never where the process ends before; returns
 * how it ended.
 */
export async function signalWhen(
  { child, ended }: Running,
  signal: NodeJS.Signals,
  reached: () => boolean,
): Promise<Ended> {
  let over = false;
  void ended.then(() => {
    over = true;
  });
  while (!over && !reached()) await new Promise((resolve) => setTimeout(resolve, 1));
  child.kill(signal);
  return ended;
}
