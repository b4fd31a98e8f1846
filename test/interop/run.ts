import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { buffer, text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

const executable = fileURLToPath(new URL('../../bin/depot.js', import.meta.url));

/** How a program ended; `code` is null where a signal ended it. */
interface Outcome {
  code: number | null;
  stdout: Buffer;
  stderr: string;
}

/**
 * Starts a program whose local time is that of `timeZone`, an IANA name.
 * The Python side must not leave compiled files in the checkout.
 */
export function start(program: string, args: string[], timeZone: string) {
  return spawn(program, args, {
    env: { ...process.env, TZ: timeZone, PYTHONDONTWRITEBYTECODE: '1' },
  });
}

/** Runs a program to its end, `input` on its standard input. */
export async function run(
  program: string,
  args: string[],
  timeZone: string,
  input: string | Buffer = '',
): Promise<Outcome> {
  const child = start(program, args, timeZone);
  child.stdin.end(input);
  const [stdout, stderr] = await Promise.all([
    buffer(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]);
  return { code: child.exitCode, stdout, stderr };
}

/** Runs the built `depot` in UTC: any other time zone can only come from its configuration. */
export function depot(args: string[], input?: string | Buffer): Promise<Outcome> {
  return run(process.execPath, [executable, ...args], 'UTC', input);
}
