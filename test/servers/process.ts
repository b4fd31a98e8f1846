import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';

/** A server's process; `output` is what it has said so far. */
export interface ServerProcess {
  readonly output: () => string;
  stop(): Promise<void>;
  /** Ends it with a signal, and waits for that. */
  kill(signal: NodeJS.Signals): Promise<void>;
}

interface User {
  readonly uid: number;
  readonly gid: number;
}

/** The path of an installed program, or null. */
export function findProgram(name: string, directories: readonly string[] = []): string | null {
  const candidates = [...(process.env.PATH ?? '').split(path.delimiter), ...directories];
  const found = candidates.find((directory) => existsSync(path.join(directory, name)));
  return found === undefined ? null : path.join(found, name);
}

/** Where Debian keeps PostgreSQL's programs, which are not in the path. */
export function postgresDirectories(): string[] {
  const root = '/usr/lib/postgresql';
  if (!existsSync(root)) return [];
  const versions = readdirSync(root).sort((one, other) => Number(other) - Number(one));
  return versions.map((version) => path.join(root, version, 'bin'));
}

/** Databases refuse to run as root: the user to run one as; null where we are not root. */
export function userFor(name: string): User | null {
  if (process.getuid?.() !== 0) return null;
  const number = (flag: string): number =>
    Number(execFileSync('id', [flag, name], { encoding: 'utf8' }));
  return { uid: number('-u'), gid: number('-g') };
}

/** Starts a server; its output goes to `log`. */
export function startProcess(
  program: string,
  args: readonly string[],
  options: { log: string; user?: User | null; env?: Record<string, string>; cwd?: string },
): ServerProcess {
  const log = openSync(options.log, 'a');
  const child = spawn(program, args, {
    stdio: ['ignore', log, log],
    env: { ...process.env, ...options.env },
    cwd: options.cwd ?? path.dirname(options.log),
    ...(options.user ?? {}),
  });
  closeSync(log);
  return {
    output: () => readFileSync(options.log, 'utf8').slice(-2000),
    stop: () => stop(child),
    async kill(signal) {
      const exit = once(child, 'exit');
      child.kill(signal);
      await exit;
    },
  };
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGINT');
  const timeout = AbortSignal.timeout(10_000);
  timeout.addEventListener('abort', () => child.kill('SIGKILL'));
  await exit;
}

/** Runs a program that makes something, such as a database's directory, to its end. */
export function runToEnd(
  program: string,
  args: readonly string[],
  user: User | null,
  cwd: string,
): void {
  execFileSync(program, args, { stdio: ['ignore', 'pipe', 'pipe'], cwd, ...(user ?? {}) });
}

/** Waits until `attempt` succeeds, for a minute at most. */
export async function untilReady(
  name: string,
  server: ServerProcess,
  attempt: () => Promise<unknown>,
): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (true) {
    try {
      await attempt();
      return;
    } catch (error) {
      if (Date.now() > deadline) {
        await server.stop();
        throw new Error(`${name} does not answer: ${String(error)}\n${server.output()}`);
      }
      await setTimeout(100);
    }
  }
}
