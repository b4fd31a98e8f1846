import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
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

/** The file, or standard input for `-`. */
export async function openInput(file: string): Promise<Input> {
  if (file === '-') return { chunks: process.stdin, filename: undefined, length: undefined };
  const what = `cannot read ${file}`;
  try {
    const found = await stat(file);
    if (found.isDirectory()) throw new DepotError('usage', `${what}: it is a directory`);
    const chunks = readFile(file, what);
    // A pipe or device has no length of its own.
    const length = found.isFile() ? found.size : undefined;
    return { chunks, filename: path.basename(file), length };
  } catch (error) {
    throw fileError(error, what);
  }
}

async function* readFile(file: string, what: string): AsyncGenerator<Uint8Array> {
  try {
    yield* createReadStream(file, { highWaterMark: 1024 * 1024 });
  } catch (error) {
    throw fileError(error, what);
  }
}

/** The arguments, with the lines of standard input in place of a `-`. */
export async function* expandPaths(args: readonly string[]): AsyncGenerator<string> {
  for (const argument of args) {
    if (argument !== '-') yield argument;
    else yield* nonEmptyLines();
  }
}

async function* nonEmptyLines(): AsyncGenerator<string> {
  for await (const line of createInterface({ input: process.stdin })) if (line !== '') yield line;
}
