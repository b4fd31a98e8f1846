import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { readdir, realpath } from 'node:fs/promises';
import path from 'node:path';
import { isLocked, type Lock, tryLock } from '../lock.js';
import { alreadyRunning, formatHolder, type Holder, parseHolder, thisProcess } from './holder.js';
import { exclude, type Shard } from './shard.js';

/**
 * Locks a database for a run, by files beside it, so that every configuration that names it finds
 * the same ones. Taken first and looked around then: of two runs that exclude each other, one at
 * least sees the other.
 */
export async function lockMigrations(file: string, shard: Shard | null): Promise<Lock> {
  const common = `${await realpath(file)}-depot-lock`;
  const own = `${common}${shard === null ? '' : `-${shard.index}-of-${shard.count}`}`;
  const lock = tryLock(own);
  if (lock === null) throw alreadyRunning(file, readHolder(own));
  noteHolder(own);
  const release = (): void => {
    rmSync(holderFile(own), { force: true });
    lock.release();
  };
  for (const other of await locksBeside(common)) {
    if (other.file === own || !exclude(shard, other.shard) || !isLocked(other.file)) continue;
    release();
    throw alreadyRunning(file, readHolder(other.file));
  }
  return { release };
}

/** The lock files that there are, held or not. */
async function locksBeside(common: string): Promise<{ file: string; shard: Shard | null }[]> {
  const directory = path.dirname(common);
  const files = (await readdir(directory)).map((name) => path.join(directory, name));
  return files
    .filter((file) => file.startsWith(common))
    .flatMap((file) => {
      const match = /^(?:-(\d+)-of-(\d+))?$/.exec(file.slice(common.length));
      if (match === null) return [];
      const [, index, count] = match;
      const shard = index === undefined ? null : { index: Number(index), count: Number(count) };
      return [{ file, shard }];
    });
}

function holderFile(lockFile: string): string {
  return `${lockFile}-holder`;
}

/** The lock says whether it is held; this says by whom, and one that nobody removed is old. */
function noteHolder(lockFile: string): void {
  try {
    writeFileSync(holderFile(lockFile), `${formatHolder(thisProcess())}\n`);
  } catch {
    // It is for people; where it cannot be written, they are told less.
  }
}

function readHolder(lockFile: string): Holder | null {
  try {
    return parseHolder(readFileSync(holderFile(lockFile), 'utf8'));
  } catch {
    return null;
  }
}
