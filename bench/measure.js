// What the benchmarks share: running depot, timing, peak memory, temporary directories.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const depot = fileURLToPath(new URL('../bin/depot.js', import.meta.url));
const peakMemory = fileURLToPath(new URL('peak-memory.js', import.meta.url));

/** Runs Node, which may end with one of these codes: its wall-clock seconds and its peak resident memory in MB. */
export function runNode(args, { codes = [0], ...options } = {}) {
  const started = process.hrtime.bigint();
  const { status, stderr } = spawnSync(process.execPath, ['--import', peakMemory, ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
    encoding: 'utf8',
    ...options,
  });
  const seconds = Number(process.hrtime.bigint() - started) / 1e9;
  const [, kilobytes] = /peak memory: (\d+)\n$/.exec(stderr) ?? [];
  if (!codes.includes(status) || kilobytes === undefined)
    throw new Error(`${args.join(' ')}: ${stderr}`);
  return { seconds, megabytes: (Number(kilobytes) * 1024) / 1e6 };
}

/** Seconds of each of several commands, run in turn, so that a busy machine slows all alike. */
export function interleaved(commands, rounds) {
  const times = commands.map(() => []);
  for (let round = 0; round < rounds; round += 1) {
    for (const [index, { args, cwd }] of commands.entries()) {
      const started = process.hrtime.bigint();
      const { status } = spawnSync(process.execPath, args, { cwd, stdio: 'ignore' });
      if (status !== 0) throw new Error(`${args.join(' ')} failed`);
      times[index].push(Number(process.hrtime.bigint() - started) / 1e9);
    }
  }
  return times.map(median);
}

function median(values) {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)];
}

/** Runs `action` in a fresh directory and removes it afterwards. */
export async function inDirectory(action) {
  const directory = mkdtempSync(path.join(tmpdir(), 'depot-bench-'));
  try {
    return await action(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** Prints a result, and whether it is within its limit; a limit that is passed fails the run. */
export function report(name, value, unit, limit) {
  const verdict =
    limit === undefined ? '' : `  (limit ${limit}${value <= limit ? '' : ': EXCEEDED'})`;
  console.log(`${name.padEnd(58)} ${value.toFixed(2).padStart(8)} ${unit}${verdict}`);
  if (limit !== undefined && value > limit) process.exitCode = 1;
}
