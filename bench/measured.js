// Runs programs and measures their time and peak resident memory.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';

/**
 * Runs a program to its end. `shown` is its command as it is printed: without machine paths.
 * Memory is what Linux counts of that process alone; elsewhere it is not known.
 *
 * @returns {Promise<{ shown: string, seconds: number, megabytes: number }>}
 */
export async function measured(shown, [program, ...args], { cwd, env = {} }) {
  const started = process.hrtime.bigint();
  const child = spawn(program, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let errors = '';
  child.stderr.on('data', (text) => {
    errors = (errors + text).slice(-2000);
  });
  let kilobytes = 0;
  const look = () => {
    kilobytes = Math.max(kilobytes, peakOf(child.pid));
  };
  const timer = setInterval(look, 10);
  const code = await new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  }).finally(() => clearInterval(timer));
  const seconds = Number(process.hrtime.bigint() - started) / 1e9;
  if (code !== 0) throw new Error(`${shown}: exit code ${code}: ${errors}`);
  return { shown, seconds, megabytes: (kilobytes * 1024) / 1e6 };
}

/** Kilobytes; none where the process is gone or the system has no /proc. */
function peakOf(pid) {
  try {
    return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
  } catch {
    return 0;
  }
}
