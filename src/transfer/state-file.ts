import { closeSync, openSync } from 'node:fs';
import Sqlite from 'better-sqlite3';
import { DepotError, type ErrorKind, messageOf } from '../errors.js';

const schema = `
  CREATE TABLE IF NOT EXISTS runs (
    run INTEGER PRIMARY KEY, source TEXT NOT NULL, target TEXT NOT NULL, started TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS copies (
    source TEXT PRIMARY KEY, target TEXT NOT NULL, sha256 TEXT NOT NULL, length INTEGER NOT NULL,
    version TEXT NOT NULL, run INTEGER NOT NULL, at TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS contents (
    path TEXT, sha256 TEXT, PRIMARY KEY (path, sha256)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS changes (
    change INTEGER PRIMARY KEY, "database" TEXT NOT NULL, "column" TEXT NOT NULL,
    "row" TEXT NOT NULL, before TEXT NOT NULL, after TEXT NOT NULL,
    -- 0 meant, 1 done, 2 meant by a run that was stopped then: may be done
    done INTEGER NOT NULL DEFAULT 0, run INTEGER NOT NULL, at TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS undos (undo INTEGER PRIMARY KEY, text TEXT NOT NULL);
  CREATE INDEX IF NOT EXISTS changes_by_text ON changes (after);
  CREATE INDEX IF NOT EXISTS changes_by_row ON changes ("row");
  CREATE INDEX IF NOT EXISTS changes_meant ON changes (done) WHERE done = 0;
  CREATE TEMP TABLE problems (path TEXT PRIMARY KEY);`;

/** The storages between which the runs of an existing state file went. */
export function storagesOf(file: string): { source: string; target: string } {
  let handle: Sqlite.Database | undefined;
  try {
    handle = new Sqlite(file, { readonly: true, fileMustExist: true });
    const run = handle
      .prepare<[], { source: string; target: string }>('SELECT source, target FROM runs LIMIT 1')
      .get();
    if (run !== undefined) return run;
  } catch (error) {
    throw new DepotError('not-found', `cannot read the state file ${file}: ${messageOf(error)}`, {
      hint: 'A migration says at its end where its state is.',
    });
  } finally {
    handle?.close();
  }
  throw new DepotError('not-found', `the state file ${file} knows of no run`);
}

/** Opens or makes a state file; null: one in memory. */
export function openStateFile(file: string | null): Sqlite.Database {
  try {
    if (file !== null) refuseOther(file);
    const handle = new Sqlite(file ?? ':memory:');
    handle.pragma('journal_mode = WAL');
    handle.pragma('synchronous = NORMAL');
    handle.exec(schema);
    return handle;
  } catch (error) {
    if (error instanceof DepotError) throw error;
    throw cannotWrite(file, error, 'unreachable');
  }
}

/** Makes the file for its owner's eyes alone; an existing one must be a state file or empty. */
function refuseOther(file: string): void {
  closeSync(openSync(file, 'a', 0o600));
  const handle = new Sqlite(file, { readonly: true });
  try {
    const tables = handle
      .prepare("SELECT name FROM sqlite_schema WHERE type = 'table'")
      .pluck()
      .all();
    if (tables.length === 0 || (tables.includes('runs') && tables.includes('copies'))) return;
  } finally {
    handle.close();
  }
  throw new DepotError('refused', `${file} is a database, and no state file`, {
    hint: 'Name another file with --state.',
  });
}

export function cannotWrite(file: string | null, error: unknown, kind: ErrorKind): DepotError {
  return new DepotError(kind, `cannot write the state file ${file}: ${messageOf(error)}`, {
    hint: 'Name a file that can be written with --state.',
    cause: error,
  });
}
