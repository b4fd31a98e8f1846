import { accessSync, closeSync, constants, openSync, statSync } from 'node:fs';
import Sqlite from 'better-sqlite3';
import { DepotError, messageOf } from '../errors.js';
import { errorCode, fileError } from '../files.js';

/** The directory beside a configuration where state files are, unless they are named. */
export const stateDirectory = 'depot-state';

/** Of the schema, kept in the file as SQLite's `user_version`. */
const version = 2;

/** docs/state.md tells what it means. */
const schema = `
  CREATE TABLE IF NOT EXISTS runs (
    run INTEGER PRIMARY KEY, kind TEXT NOT NULL, source TEXT NOT NULL, target TEXT NOT NULL,
    options TEXT NOT NULL, whole INTEGER NOT NULL, started TEXT NOT NULL,
    ended TEXT, outcome TEXT, error TEXT, counts TEXT);
  CREATE TABLE IF NOT EXISTS problems (
    problem INTEGER PRIMARY KEY, run INTEGER NOT NULL, kind TEXT NOT NULL, reference TEXT,
    path TEXT, message TEXT NOT NULL, at TEXT NOT NULL);
  CREATE INDEX IF NOT EXISTS problems_by_subject ON problems (reference, path, kind);
  CREATE TABLE IF NOT EXISTS copies (
    source TEXT PRIMARY KEY, target TEXT NOT NULL, sha256 TEXT NOT NULL, length INTEGER NOT NULL,
    version TEXT NOT NULL, run INTEGER NOT NULL, at TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS contents (
    path TEXT, sha256 TEXT, PRIMARY KEY (path, sha256)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS changes (
    change INTEGER PRIMARY KEY, "database" TEXT NOT NULL, "column" TEXT NOT NULL,
    "row" TEXT NOT NULL, before TEXT NOT NULL, after TEXT NOT NULL,
    mentions INTEGER NOT NULL DEFAULT 0,
    -- 0 meant, 1 done, 2 meant by a run that was stopped then: may be done, 3 turned back
    done INTEGER NOT NULL DEFAULT 0, run INTEGER NOT NULL, at TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS moves (source TEXT PRIMARY KEY, at TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS undos (undo INTEGER PRIMARY KEY, text TEXT NOT NULL);
  CREATE INDEX IF NOT EXISTS changes_by_text ON changes (after);
  CREATE INDEX IF NOT EXISTS changes_by_row ON changes ("row");
  CREATE INDEX IF NOT EXISTS changes_meant ON changes (done) WHERE done = 0;
  CREATE TEMP TABLE blobs_with_problems (path TEXT PRIMARY KEY);
  PRAGMA user_version = ${version};`;

/** What all runs of a state file have in common. */
export interface Subject {
  /** Names of storages. */
  readonly source: string;
  readonly target: string;
  /** `2/8`, where it is the state of a shard. */
  readonly shard: string | null;
}

/** What the runs of an existing state file have in common. */
export function subjectOf(file: string): Subject {
  const handle = openToRead(file);
  try {
    const subject = subjectIn(handle);
    if (subject !== undefined) return subject;
  } finally {
    handle.close();
  }
  throw new DepotError('not-found', `the state file ${file} knows of no run`);
}

/** Opens an existing state file without ever changing it; a run may be writing it. */
export function openToRead(file: string): Sqlite.Database {
  let handle: Sqlite.Database | undefined;
  try {
    accessSync(file, constants.R_OK);
    if (!statSync(file).isFile()) throw notState(file);
    handle = new Sqlite(file, { readonly: true, fileMustExist: true });
    if (isEmpty(handle, file)) throw notState(file);
    return handle;
  } catch (error) {
    handle?.close();
    if (errorCode(error) === 'SQLITE_NOTADB') throw notState(file);
    throw fileError(error, `cannot read the state file ${file}`);
  }
}

/** Opens or makes the state file of such runs; null: one that is gone when it is closed. */
export function openStateFile(file: string | null, subject: Subject): Sqlite.Database {
  try {
    if (file !== null) refuseOther(file, subject);
    // An empty name is a temporary file that SQLite removes itself.
    const handle = new Sqlite(file ?? '');
    handle.pragma('journal_mode = WAL');
    handle.pragma('synchronous = NORMAL');
    handle.transaction(() => handle.exec(schema))();
    return handle;
  } catch (error) {
    if (error instanceof DepotError) throw error;
    if (file !== null && errorCode(error) === 'SQLITE_NOTADB') throw notState(file);
    throw cannotWrite(file, error, 'unreachable');
  }
}

/** Makes the file for its owner's eyes alone; an existing one must be a state file or empty. */
function refuseOther(file: string, { source, target, shard }: Subject): void {
  if (statSync(file, { throwIfNoEntry: false })?.isFile() === false) throw notState(file);
  closeSync(openSync(file, 'a', 0o600));
  const handle = new Sqlite(file, { readonly: true });
  try {
    const first = isEmpty(handle, file) ? undefined : subjectIn(handle);
    if (first === undefined) return;
    if (first.source === source && first.target === target && first.shard === shard) return;
    const part = first.shard === null ? 'without --shard' : `with --shard ${first.shard}`;
    throw new DepotError(
      'refused',
      `${file} is the state of a run from ${first.source} to ${first.target}${first.shard === shard ? '' : ` ${part}`}`,
      { hint: 'Name another file with --state.' },
    );
  } finally {
    handle.close();
  }
}

function subjectIn(handle: Sqlite.Database): Subject | undefined {
  const shard = `json_extract(options, '$.shard') AS shard`;
  return handle.prepare<[], Subject>(`SELECT source, target, ${shard} FROM runs LIMIT 1`).get();
}

/** Whether it holds no table yet; fails with `usage` for what is no state file that we know. */
function isEmpty(handle: Sqlite.Database, file: string): boolean {
  const tables = handle
    .prepare("SELECT name FROM sqlite_schema WHERE type = 'table'")
    .pluck()
    .all();
  if (tables.length === 0) return true;
  if (!tables.includes('runs') || !tables.includes('copies')) throw notState(file);
  const found = handle.pragma('user_version', { simple: true });
  if (found === version) return false;
  throw new DepotError(
    'usage',
    `${file} is a state file of version ${found}: known here is ${version}`,
    {
      hint: 'Use the depot that wrote it, or name another file.',
    },
  );
}

function notState(file: string): DepotError {
  return new DepotError('usage', `${file} is no state file of a migration`, {
    hint: 'Name another file: a migration says at its end where its state is.',
  });
}

/** Leaves one file behind, which can be read where nothing can be written beside it. */
export function closeStateFile(handle: Sqlite.Database): void {
  try {
    handle.pragma('busy_timeout = 0');
    handle.pragma('journal_mode = DELETE');
  } catch {
    // Somebody reads it: it stays as it is, and complete.
  }
  handle.close();
}

export function cannotWrite(
  file: string | null,
  error: unknown,
  kind: DepotError['kind'],
): DepotError {
  const isFull = errorCode(error) === 'SQLITE_FULL';
  return new DepotError(kind, `cannot write the state file ${file}: ${messageOf(error)}`, {
    hint: isFull
      ? 'Free some space there, then run it again with the same file.'
      : 'Name a file that can be written with --state.',
    cause: error,
  });
}
