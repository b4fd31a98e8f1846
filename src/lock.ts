import { accessSync, constants } from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import { DepotError } from './errors.js';
import { errorCode, fileError } from './files.js';

/**
 * A lock between processes that dies with its holder, also one that is killed: SQLite's own lock
 * on a small file. (A lock made of a file's existence outlives a kill -9; then somebody has to
 * guess whether it is stale.)
 */
export interface Lock {
  release(): void;
}

/**
 * The connections whose locks are held: one that nothing refers to any more would be collected,
 * and its lock given back.
 */
const held = new Set<Database.Database>();

/** Takes the lock, or returns null where another process or caller holds it. */
export function tryLock(file: string): Lock | null {
  const database = openLockFile(file);
  try {
    database.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    if (isBusy(error)) return null;
    throw lockError(error, file);
  }
  held.add(database);
  return {
    release() {
      held.delete(database);
      database.close();
    },
  };
}

/** Whether somebody holds the lock. Asking keeps nobody else from asking. */
export function isLocked(file: string): boolean {
  const database = openLockFile(file);
  try {
    // A reader's lock, which only the holder's keeps out.
    database.prepare('SELECT count(*) FROM sqlite_master').get();
    return false;
  } catch (error) {
    if (isBusy(error)) return true;
    throw fileError(error, `cannot look at the lock ${file}`);
  } finally {
    database.close();
  }
}

/** Takes the lock, waiting for whoever holds it, at most `seconds`. */
export async function waitForLock(file: string, seconds = 60): Promise<Lock> {
  const deadline = Date.now() + seconds * 1000;
  while (true) {
    const lock = tryLock(file);
    if (lock !== null) return lock;
    if (Date.now() > deadline) {
      throw new DepotError(
        'refused',
        `cannot lock ${file}: another process has held it for ${seconds} s`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

function lockError(error: unknown, file: string): DepotError {
  if (errorCode(error)?.startsWith('SQLITE_READONLY') !== true)
    return fileError(error, `cannot lock ${file}`);
  return new DepotError('unreachable', `cannot lock ${file}: it, or its directory, is read-only`, {
    hint: 'Run it as the user that may change the database.',
  });
}

function openLockFile(file: string): Database.Database {
  try {
    return new Database(file, { timeout: 0 });
  } catch (error) {
    throw fileError(whyNot(path.dirname(file)) ?? error, `cannot open the lock file ${file}`);
  }
}

/** Why no file can be written in a directory, which the driver does not say. */
function whyNot(directory: string): unknown {
  try {
    accessSync(directory, constants.W_OK | constants.X_OK);
    return null;
  } catch (error) {
    return error;
  }
}

function isBusy(error: unknown): boolean {
  return errorCode(error)?.startsWith('SQLITE_BUSY') === true;
}
