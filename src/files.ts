import { closeSync, fsync, openSync } from 'node:fs';
import { type FileHandle, mkdir, open, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import type { Place } from './backend.js';
import { DepotError, type ErrorKind, messageOf } from './errors.js';

/** The code of a file system error, such as `ENOENT`; else undefined. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}

const reasons: Readonly<Record<string, { kind: ErrorKind; why: string; hint?: string }>> = {
  ENOENT: { kind: 'not-found', why: 'it does not exist' },
  ENOTDIR: { kind: 'failed', why: 'it is not a directory' },
  EISDIR: { kind: 'failed', why: 'it is a directory' },
  EEXIST: { kind: 'refused', why: 'it exists already' },
  EACCES: { kind: 'unreachable', why: 'permission denied' },
  EPERM: { kind: 'unreachable', why: 'permission denied' },
  EROFS: { kind: 'unreachable', why: 'the file system is read-only' },
  ENOSPC: {
    kind: 'failed',
    why: 'no space left on the disk',
    hint: 'Nothing half written was kept. Free some space, then run it again.',
  },
  EDQUOT: { kind: 'failed', why: 'the disk quota is used up' },
  ENAMETOOLONG: { kind: 'failed', why: 'the name is too long for the file system' },
};

/** Says what a file system error means; passes a DepotError on as it is. */
export function fileError(error: unknown, what: string): DepotError {
  if (error instanceof DepotError) return error;
  const reason = reasons[errorCode(error) ?? ''];
  if (reason === undefined) {
    return new DepotError('failed', `${what}: ${messageOf(error)}`, { cause: error });
  }
  const hint = reason.hint === undefined ? {} : { hint: reason.hint };
  return new DepotError(reason.kind, `${what}: ${reason.why}`, { cause: error, ...hint });
}

/** Makes an open file or directory durable. */
export const synchronize = promisify(fsync);

const syncing = new Map<string, { running: Promise<void>; next: Promise<void> | null }>();

/**
 * Makes the names in a directory durable, as far as the system can. Callers that come while one
 * synchronization runs share the next one.
 */
export async function syncDirectory(directory: string): Promise<void> {
  const current = syncing.get(directory);
  if (current === undefined) return startSync(directory);
  current.next ??= current.running.catch(() => {}).then(() => startSync(directory));
  return current.next;
}

function startSync(directory: string): Promise<void> {
  const running = syncNow(directory);
  const entry = { running, next: null };
  syncing.set(directory, entry);
  const done = (): void => {
    if (syncing.get(directory) === entry && entry.next === null) syncing.delete(directory);
  };
  running.then(done, done);
  return running;
}

async function syncNow(directory: string): Promise<void> {
  let handle: number;
  try {
    handle = openSync(directory, 'r');
  } catch (error) {
    // Windows has no handle on a directory; its renames are journaled.
    if (errorCode(error) === 'EISDIR' || process.platform === 'win32') return;
    throw error;
  }
  try {
    await synchronize(handle);
  } finally {
    closeSync(handle);
  }
}

/**
 * Writes a new file and makes its content durable; returns its bytes as the file system counts
 * them. An existing one fails.
 */
export async function writeDurably(
  file: string,
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<number> {
  const handle = await open(file, 'wx', 0o666);
  try {
    for await (const chunk of chunks) await writeAll(handle, chunk);
    await handle.sync();
    return (await handle.stat()).size;
  } finally {
    await handle.close();
  }
}

/** Writes all of it, however much the system takes at once. */
async function writeAll(handle: FileHandle, chunk: Uint8Array): Promise<void> {
  let written = 0;
  while (written < chunk.byteLength) {
    written += (await handle.write(chunk, written)).bytesWritten;
  }
}

/**
 * Makes a directory that only its owner may look into, and those above it as far as they are
 * missing; leaves an existing one as it is. (Below /proc Node's own `recursive` never ends.)
 */
export async function makePrivateDirectory(directory: string): Promise<void> {
  try {
    await mkdir(directory, { mode: 0o700 });
  } catch (error) {
    const code = errorCode(error);
    if (code === 'EEXIST' && (await stat(directory)).isDirectory()) return;
    if (code !== 'ENOENT' || path.dirname(directory) === directory) throw error;
    await makePrivateDirectory(path.dirname(directory));
    await mkdir(directory, { mode: 0o700 });
  }
}

/** The place of a file or directory, also of one that does not exist yet. */
export function placeOf(file: string): Promise<Place> {
  return findPlace(file).catch((error: unknown) => {
    throw fileError(error, `cannot find the place of ${file}`);
  });
}

async function findPlace(file: string): Promise<Place> {
  const missing: string[] = [];
  let existing = path.resolve(file);
  while (!(await exists(existing))) {
    missing.unshift(path.basename(existing));
    existing = path.dirname(existing);
  }
  const real = await realpath(existing);
  const within: string[] = [];
  for (let at = real; ; at = path.dirname(at)) {
    within.push(await inodeOf(at));
    if (at === path.dirname(at)) break;
  }
  const description = path.join(real, ...missing);
  if (missing.length === 0)
    return { identity: within[0] as string, within: within.slice(1), description };
  return { identity: [within[0], ...missing].join('/'), within, description };
}

async function exists(file: string): Promise<boolean> {
  return stat(file).then(
    () => true,
    (error: unknown) => errorCode(error) !== 'ENOENT' && errorCode(error) !== 'ENOTDIR',
  );
}

async function inodeOf(file: string): Promise<string> {
  const { dev, ino } = await stat(file, { bigint: true });
  return `${dev}:${ino}`;
}
