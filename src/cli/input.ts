import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { addAbortSignal } from 'node:stream';
import { DepotError } from '../errors.js';
import { fileError } from '../files.js';

/** Content that a user gives. */
export interface Input {
  readonly chunks: AsyncIterable<Uint8Array>;
  /** Its own name; undefined for standard input. */
  readonly filename: string | undefined;
  /** Bytes, where the file system tells. */
  readonly length: number | undefined;
}

/** The file, or standard input for `-`; ends in an error when `signal` is aborted. */
export async function openInput(file: string, signal: AbortSignal): Promise<Input> {
  if (file === '-') {
    // One that stalls would keep an interrupted process alive.
    const chunks = addAbortSignal(signal, process.stdin);
    return { chunks, filename: undefined, length: undefined };
  }
  const what = `cannot read ${file || 'a file without a name'}`;
  try {
    const found = await stat(file);
    if (found.isDirectory()) throw new DepotError('usage', `${what}: it is a directory`);
    // A pipe or device has no length of its own, and a file of the system claims to be empty.
    const length = found.isFile() && found.size > 0 ? found.size : undefined;
    const chunks = readFile(file, what, { length, signal });
    return { chunks, filename: path.basename(file), length };
  } catch (error) {
    throw fileError(error, what);
  }
}

async function* readFile(
  file: string,
  what: string,
  { length, signal }: { length: number | undefined; signal: AbortSignal },
): AsyncGenerator<Uint8Array> {
  // One that grows meanwhile, such as a log, is taken as it was.
  const end = length === undefined ? undefined : length - 1;
  try {
    yield* createReadStream(file, { highWaterMark: 1024 * 1024, end, signal });
  } catch (error) {
    throw fileError(error, what);
  }
}

/** Refuses arguments that would read standard input twice. */
export function checkStandardInput(args: readonly string[]): void {
  if (args.filter((argument) => argument === '-').length < 2) return;
  throw new DepotError('usage', 'standard input (-) can be read only once');
}

/** The arguments, with the lines of standard input in place of a `-`. */
export async function* expandPaths(
  args: readonly string[],
  signal: AbortSignal,
): AsyncGenerator<string> {
  for (const argument of args) {
    if (argument !== '-') yield argument;
    else yield* nonEmptyLines(signal);
  }
}

async function* nonEmptyLines(signal: AbortSignal): AsyncGenerator<string> {
  const { createInterface } = await import('node:readline');
  const lines = createInterface({ input: process.stdin, signal });
  for await (const line of lines) if (line !== '') yield line;
}
