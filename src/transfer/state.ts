import { mkdirSync } from 'node:fs';
import path from 'node:path';
import Sqlite from 'better-sqlite3';
import { DepotError, messageOf } from '../errors.js';

/**
 * What a migration did: the old and new text of every reference, and every blob copied. Written
 * ahead of each change, so that a killed run can be undone too. The run itself never depends on
 * it: the references say what is left to do.
 */
export interface State {
  /** The SHA-256 and source version of the copy that we made of this blob, if we did. */
  copyOf(path: string): { sha256: string; version: string; run: number } | null;
  recordCopy(copy: CopyRecord): void;
  /** Whether nothing has been wrong with this blob in this run so far. */
  isFirstProblem(path: string): boolean;
  /** Before the references change. */
  recordIntent(changes: readonly ChangeRecord[]): void;
  /** After those of them have that were `made`, and their blobs are known to be current. */
  recordDone(changes: readonly ChangeRecord[], made: readonly boolean[]): void;
  /** The old texts of changes that an earlier run meant to make and may have made. */
  unfinished(): string[];
  /** Says that those have been seen to. */
  closeUnfinished(): void;
  /** The columns in which references changed. */
  columns(): { database: string; column: string }[];
  /** What stood in that row, or in any of its column, before it became `text`; else null. */
  before(row: { database: string; column: string; row: string; text: string }): string | null;
  /** The texts that were written into that row. */
  texts(row: { database: string; row: string }): string[];
  /** Number of this run among those of the file, from 1. */
  readonly run: number;
  readonly source: string;
  readonly target: string;
  close(): void;
}

interface CopyRecord {
  /** `storage/id` in the source and in the target. */
  readonly source: string;
  readonly target: string;
  readonly sha256: string;
  /** Bytes. */
  readonly length: number;
  /** The source's version. */
  readonly version: string;
}

/** A reference's text before and after, in the row that `row` names. */
export interface ChangeRecord {
  /** The database's name, as in messages. */
  readonly database: string;
  /** TABLE.COLUMN */
  readonly column: string;
  /** `files.data id=7` */
  readonly row: string;
  readonly before: string;
  readonly after: string;
}

const schema = `
  CREATE TABLE IF NOT EXISTS runs (
    run INTEGER PRIMARY KEY, source TEXT NOT NULL, target TEXT NOT NULL, started TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS copies (
    source TEXT PRIMARY KEY, target TEXT NOT NULL, sha256 TEXT NOT NULL, length INTEGER NOT NULL,
    version TEXT NOT NULL, run INTEGER NOT NULL, at TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS changes (
    change INTEGER PRIMARY KEY, "database" TEXT NOT NULL, "column" TEXT NOT NULL,
    "row" TEXT NOT NULL, before TEXT NOT NULL, after TEXT NOT NULL,
    -- 0 meant, 1 done, 2 meant by a run that was stopped then: may be done
    done INTEGER NOT NULL DEFAULT 0, run INTEGER NOT NULL, at TEXT NOT NULL);
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

/** Opens or makes a state file, for a run between these storages; null keeps it in memory. */
export function openState(file: string | null, source: string, target: string): State {
  const handle = open(file);
  const first = handle
    .prepare<[], { source: string; target: string }>('SELECT * FROM runs LIMIT 1')
    .get();
  if (first !== undefined && (first.source !== source || first.target !== target)) {
    handle.close();
    throw new DepotError(
      'refused',
      `${file} is the state of a run from ${first.source} to ${first.target}`,
      {
        hint: 'Name another file with --state.',
      },
    );
  }
  const now = (): string => new Date().toISOString();
  const run = Number(
    handle
      .prepare('INSERT INTO runs (source, target, started) VALUES (?, ?, ?)')
      .run(source, target, now()).lastInsertRowid,
  );
  const selectCopy = handle.prepare<[string], NonNullable<ReturnType<State['copyOf']>>>(
    'SELECT sha256, version, run FROM copies WHERE source = ?',
  );
  const insertCopy = handle.prepare('INSERT OR REPLACE INTO copies VALUES (?, ?, ?, ?, ?, ?, ?)');
  const insertChange = handle.prepare(
    `INSERT INTO changes ("database", "column", "row", before, after, run, at)
     VALUES (?, ?, ?, ?, ?, ?, ?)`,
  );
  const insertProblem = handle.prepare('INSERT OR IGNORE INTO problems VALUES (?)');
  const ofChange = `done = 0 AND after = ? AND "database" = ? AND "row" = ?`;
  const finishChange = handle.prepare(`UPDATE changes SET done = 1 WHERE ${ofChange}`);
  const dropChange = handle.prepare(`DELETE FROM changes WHERE ${ofChange}`);
  return {
    run,
    source,
    target,
    copyOf: (path) => selectCopy.get(path) ?? null,
    recordCopy({ source, target, sha256, length, version }) {
      // Survives a kill; the next intent makes it survive a power cut too.
      handle.pragma('synchronous = NORMAL');
      insertCopy.run(source, target, sha256, length, version, run, now());
      handle.pragma('synchronous = FULL');
    },
    isFirstProblem: (path) => insertProblem.run(path).changes === 1,
    recordIntent: handle.transaction((changes: readonly ChangeRecord[]) => {
      for (const one of changes) {
        insertChange.run(one.database, one.column, one.row, one.before, one.after, run, now());
      }
    }),
    recordDone: handle.transaction((changes: readonly ChangeRecord[], made: readonly boolean[]) => {
      for (const [index, one] of changes.entries()) {
        const statement = made[index] ? finishChange : dropChange;
        statement.run(one.after, one.database, one.row);
      }
    }),
    unfinished: () =>
      handle.prepare<[], string>('SELECT before FROM changes WHERE done = 0').pluck().all(),
    closeUnfinished: () => void handle.exec('UPDATE changes SET done = 2 WHERE done = 0'),
    columns: () =>
      handle
        .prepare<[], { database: string; column: string }>(
          'SELECT DISTINCT "database", "column" FROM changes',
        )
        .all(),
    before: ({ database, column, row, text }) =>
      handle
        .prepare<string[], string>(
          `SELECT before FROM changes WHERE after = ? AND "database" = ? AND "column" = ?
           ORDER BY "row" = ? DESC, change DESC LIMIT 1`,
        )
        .pluck()
        .get(text, database, column, row) ?? null,
    texts: ({ database, row }) =>
      handle
        .prepare<string[], string>('SELECT after FROM changes WHERE "row" = ? AND "database" = ?')
        .pluck()
        .all(row, database),
    close: () => void handle.close(),
  };
}

function open(file: string | null): Sqlite.Database {
  try {
    if (file !== null) mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
    const handle = new Sqlite(file ?? ':memory:');
    handle.pragma('journal_mode = WAL');
    handle.pragma('synchronous = FULL');
    handle.exec(schema);
    return handle;
  } catch (error) {
    throw new DepotError(
      'unreachable',
      `cannot write the state file ${file}: ${messageOf(error)}`,
      {
        hint: 'Name a file that can be written with --state.',
        cause: error,
      },
    );
  }
}
