import type Sqlite from 'better-sqlite3';
import type { KnownContents } from './copy-blob.js';
import { cannotWrite, closeStateFile, openStateFile, type Subject } from './state-file.js';
import { historyIn, undosIn } from './state-history.js';
import { beginRun, now, type RunLog, type RunRecord, runLog } from './state-runs.js';

/**
 * What a migration did: the old and new text of every reference, and every blob copied. Written
 * ahead of each change, so that a killed run can be undone too. The run itself never depends on
 * it: the references say what is left to do.
 */
export interface State extends KnownContents, RunLog {
  /** The SHA-256 and source version of the copy that we made of this blob, if we did. */
  copyOf(path: string): { sha256: string; version: string; run: number } | null;
  /** Their contents are known at both ends from then on. */
  recordCopies(copies: readonly CopyRecord[]): void;
  /** Whether nothing has been wrong with this blob in this run so far. */
  isFirstProblem(path: string): boolean;
  /** Before the references change. */
  recordIntent(changes: readonly ChangeRecord[]): void;
  /** After those of them have that were `made`, and their blobs are known to be current. */
  recordDone(changes: readonly ChangeRecord[], made: readonly boolean[]): void;
  /** The changes that an earlier run meant to make and may have made. */
  unfinished(): { change: number; before: string }[];
  /** Says that such a one has been seen to. */
  closeUnfinished(change: number): void;
  /** Before references get these texts back; returns numbers by which to close them. */
  recordUndos(texts: readonly string[]): number[];
  /** The texts that an earlier run meant to give back and may have given back. */
  unfinishedUndos(): { undo: number; text: string }[];
  /** Says that such ones have been seen to. */
  closeUndos(undos: readonly number[]): void;
  /** The columns whose texts changed, and whether mentions were rewritten there. */
  columns(): { database: string; column: string; mentions: number }[];
  /** What stood in that row, or in any of its column, before it became `text`; else null. */
  before(row: {
    database: string;
    column: string;
    row: string;
    text: string;
  }): { change: number; text: string; mentions: number } | null;
  /** After references got back the texts that stood there before such changes. */
  recordUndone(changes: readonly number[]): void;
  /** When a reference to that blob of the source moved; what is not known is noted as moving now. */
  movedAt(path: string): Date;
  /** What was written into that row, the last first. */
  writtenInto(row: { database: string; row: string }): WrittenText[];
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
  /** How many mentions were rewritten; absent where references moved. */
  readonly mentions?: number;
  /** The blobs whose references move: `storage/id` in the source. */
  readonly moved?: readonly string[];
}

/** A change that was made, or may have been. */
export interface WrittenText {
  readonly change: number;
  readonly before: string;
  readonly after: string;
}

/** Opens or makes a state file, for a run of this subject; null: one that is soon gone. */
export function openState(file: string | null, subject: Subject, record: RunRecord): State {
  const { source, target } = subject;
  const handle = openStateFile(file, subject);
  const writing = writer(file);
  const run = writing(() => beginRun(handle, source, target, record))();
  const log = runLog(handle, run);
  return {
    run,
    source,
    target,
    ...copiesIn(handle, run, writing),
    ...changesIn(handle, run, writing),
    ...undosIn(handle, writing),
    ...historyIn(handle, writing),
    recordProblem: writing(log.recordProblem),
    recordEnd: writing(log.recordEnd),
    close: () => closeStateFile(handle),
  };
}

export type Writing = <A extends unknown[], R>(action: (...all: A) => R) => (...all: A) => R;

/** Makes writing fail with an error that names the file. */
function writer(file: string | null): Writing {
  return (action) =>
    (...all) => {
      try {
        return action(...all);
      } catch (error) {
        throw cannotWrite(file, error, 'failed');
      }
    };
}

type KnownCopies = keyof KnownContents | 'copyOf' | 'recordCopies' | 'isFirstProblem';

function copiesIn(
  handle: Sqlite.Database,
  run: number,
  writing: Writing,
): Pick<State, KnownCopies> {
  const select = handle.prepare<[string], NonNullable<ReturnType<State['copyOf']>>>(
    'SELECT sha256, version, run FROM copies WHERE source = ?',
  );
  const insert = handle.prepare('INSERT OR REPLACE INTO copies VALUES (?, ?, ?, ?, ?, ?, ?)');
  const selectContent = handle.prepare(`SELECT 1 FROM contents WHERE path = ?1 AND sha256 = ?2
    UNION ALL SELECT 1 FROM copies WHERE source = ?1 AND sha256 = ?2`);
  const insertContent = handle.prepare('INSERT OR IGNORE INTO contents VALUES (?, ?)');
  const insertProblem = handle.prepare('INSERT OR IGNORE INTO blobs_with_problems VALUES (?)');
  const recordCopies = handle.transaction((copies: readonly CopyRecord[]) => {
    for (const { source, target, sha256, length, version } of copies) {
      insert.run(source, target, sha256, length, version, run, now());
      insertContent.run(target, sha256);
    }
  });
  const insertContents = handle.transaction((contents: Contents) => {
    for (const content of contents) insertContent.run(...content);
  });
  const recordContents = writing((contents: Contents) => insertContents(contents));
  return {
    copyOf: (path) => select.get(path) ?? null,
    recordCopies: writing((copies: readonly CopyRecord[]) => recordCopies(copies)),
    knows: (path, sha256) => selectContent.get({ 1: path, 2: sha256 }) !== undefined,
    recordContent: together(recordContents),
    recordContents,
    isFirstProblem: (path) => insertProblem.run(path).changes === 1,
  };
}

type Contents = Parameters<KnownContents['recordContents']>[0];

/** Writes what is given in one turn of the event loop in one transaction. */
function together(write: (contents: Contents) => void): State['recordContent'] {
  let waiting: { contents: [string, string][]; written: Promise<void> } | null = null;
  return (path, sha256) => {
    if (waiting === null) {
      const contents: [string, string][] = [];
      const turn = new Promise((resolve) => setImmediate(resolve));
      const written = turn.then(() => {
        waiting = null;
        write(contents);
      });
      waiting = { contents, written };
    }
    waiting.contents.push([path, sha256]);
    return waiting.written;
  };
}

function changesIn(
  handle: Sqlite.Database,
  run: number,
  writing: Writing,
): Pick<State, 'recordIntent' | 'recordDone' | 'unfinished' | 'closeUnfinished'> {
  const insert = handle.prepare(
    `INSERT INTO changes ("database", "column", "row", before, after, mentions, run, at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const insertMove = handle.prepare('INSERT OR REPLACE INTO moves VALUES (?, ?)');
  const ofChange = `done = 0 AND after = ? AND "database" = ? AND "row" = ?`;
  const finish = handle.prepare(`UPDATE changes SET done = 1 WHERE ${ofChange}`);
  const drop = handle.prepare(`DELETE FROM changes WHERE ${ofChange}`);
  const selectMeant = handle.prepare<[], { change: number; before: string }>(
    'SELECT change, before FROM changes WHERE done = 0',
  );
  const close = handle.prepare('UPDATE changes SET done = 2 WHERE change = ?');
  const insertAll = handle.transaction((changes: readonly ChangeRecord[]) => {
    for (const one of changes) {
      const { mentions = 0, moved = [] } = one;
      const at = now();
      insert.run(one.database, one.column, one.row, one.before, one.after, mentions, run, at);
      for (const path of moved) insertMove.run(path, at);
    }
  });
  const recordIntent = (changes: readonly ChangeRecord[]): void => {
    // What was written before survives a kill; from here on it survives a power cut too.
    handle.pragma('synchronous = FULL');
    insertAll(changes);
    handle.pragma('synchronous = NORMAL');
  };
  const recordDone = handle.transaction(
    (changes: readonly ChangeRecord[], made: readonly boolean[]) => {
      for (const [index, one] of changes.entries()) {
        (made[index] ? finish : drop).run(one.after, one.database, one.row);
      }
    },
  );
  return {
    recordIntent: writing((changes: readonly ChangeRecord[]) => recordIntent(changes)),
    recordDone: writing((changes: readonly ChangeRecord[], made: readonly boolean[]) =>
      recordDone(changes, made),
    ),
    unfinished: () => selectMeant.all(),
    closeUnfinished: writing((change: number) => void close.run(change)),
  };
}
