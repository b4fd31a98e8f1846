import type Sqlite from 'better-sqlite3';
import type { Counts, Problem } from './report.js';

/** What a run sets out to do. */
export interface RunRecord {
  readonly kind: 'migrate' | 'undo';
  /** What it was asked for beside the storages, such as `{ limit: 7 }`. */
  readonly options: Readonly<Record<string, unknown>>;
  /** Whether it looks at every reference: what it does not report again is then solved. */
  readonly whole: boolean;
}

/** How a run came to its end; one that was killed has none. */
export interface RunEnd {
  readonly outcome: 'finished' | 'interrupted' | 'failed';
  /** What stopped it. */
  readonly error: string | null;
  readonly counts: Counts;
}

/** What a state file keeps of a run as such. */
export interface RunLog {
  /** Something that was not done as asked. */
  recordProblem(problem: Problem): void;
  recordEnd(end: RunEnd): void;
}

/** Notes that a run begins; returns its number, from 1. */
export function beginRun(
  handle: Sqlite.Database,
  source: string,
  target: string,
  { kind, options, whole }: RunRecord,
): number {
  const insert = handle.prepare(
    'INSERT INTO runs (kind, source, target, options, whole, started) VALUES (?, ?, ?, ?, ?, ?)',
  );
  const values = [kind, source, target, JSON.stringify(options), whole ? 1 : 0, now()];
  return Number(insert.run(...values).lastInsertRowid);
}

/** `YYYY-MM-DDTHH:MM:SS.fffZ`. */
export function now(): string {
  return new Date().toISOString();
}

export function runLog(handle: Sqlite.Database, run: number): RunLog {
  const insert = handle.prepare(
    `INSERT INTO problems (run, kind, reference, path, message, at) VALUES (?, ?, ?, ?, ?, ?)`,
  );
  const end = handle.prepare(
    'UPDATE runs SET ended = ?, outcome = ?, error = ?, counts = ? WHERE run = ?',
  );
  return {
    recordProblem({ kind, reference, path, message }) {
      insert.run(run, kind, reference, path, message, now());
    },
    recordEnd({ outcome, error, counts }) {
      end.run(now(), outcome, error, JSON.stringify(counts), run);
    },
  };
}
