import type Sqlite from 'better-sqlite3';
import type { Counts, ProblemKind } from './report.js';
import { openToRead } from './state-file.js';
import type { RunEnd, RunRecord } from './state-runs.js';

/** Rows read at a time: a run that writes meanwhile must not be held up. */
const pageRows = 500;

export interface ReportedRun {
  readonly run: number;
  readonly kind: RunRecord['kind'];
  readonly options: RunRecord['options'];
  /** `YYYY-MM-DDTHH:MM:SS.fffZ`, as all times here. */
  readonly started: string;
  /** Null where it is running, or was killed. */
  readonly ended: string | null;
  readonly outcome: RunEnd['outcome'] | null;
  readonly error: string | null;
  readonly counts: Counts | null;
}

/** A row whose text was changed; uncertain where the run was killed just then. */
interface ReportedChange {
  readonly status: 'done' | 'uncertain' | 'turned-back';
  readonly run: number;
  /** Mentions rewritten; 0 where references moved. */
  readonly mentions: number;
  readonly database: string;
  /** `files.data id=7` */
  readonly reference: string;
  readonly at: string;
}

interface ReportedCopy {
  readonly run: number;
  /** `storage/id` */
  readonly source: string;
  readonly target: string;
  readonly sha256: string;
  /** Bytes. */
  readonly length: number;
  readonly at: string;
}

export interface ReportedProblem {
  readonly status: ProblemStatus;
  /** Whether no later run has solved it, as far as the file can tell. */
  readonly open: boolean;
  readonly run: number;
  readonly kind: ProblemKind;
  readonly reference: string | null;
  readonly path: string | null;
  readonly message: string;
  readonly at: string;
}

/** In the words of the summary; `kept` are blobs that were to be deleted. */
type ProblemStatus = 'missing' | 'changed' | 'failed' | 'kept';

export interface Totals {
  readonly changes: Readonly<Record<ReportedChange['status'], number>>;
  readonly copies: { readonly count: number; readonly bytes: number };
  /** The open ones. */
  readonly problems: Readonly<Record<ProblemStatus, number>>;
  readonly solved: number;
}

/** What the runs of a state file did; everything is read page by page, as it is asked for. */
export interface StateReport {
  readonly source: string;
  readonly target: string;
  runs(): Iterable<ReportedRun>;
  changes(): Iterable<ReportedChange>;
  copies(): Iterable<ReportedCopy>;
  problems(): Iterable<ReportedProblem>;
  totals(): Totals;
  close(): void;
}

const statuses: Partial<Record<ProblemKind, ProblemStatus>> = {
  'missing-blob': 'missing',
  'reference-changed': 'changed',
  'mention-left': 'kept',
  'still-mentioned': 'kept',
  'source-replaced': 'kept',
};

const changeStatus = `CASE done WHEN 1 THEN 'done' WHEN 3 THEN 'turned-back' ELSE 'uncertain' END`;

/** Opens a state file to be reported; never changes it. */
export function openReport(file: string): StateReport {
  const handle = openToRead(file);
  const names = handle.prepare<[], { source: string; target: string }>(
    'SELECT source, target FROM runs LIMIT 1',
  );
  return {
    ...(names.get() ?? { source: '', target: '' }),
    runs: () => runsIn(handle),
    changes: () =>
      paged<ReportedChange>(
        handle,
        `SELECT change AS key, ${changeStatus} AS status, run, mentions, "database", "row" AS reference, at
         FROM changes WHERE change > @after ORDER BY change LIMIT @limit`,
      ),
    copies: () =>
      paged<ReportedCopy>(
        handle,
        `SELECT rowid AS key, run, source, target, sha256, length, at
         FROM copies WHERE rowid > @after ORDER BY rowid LIMIT @limit`,
      ),
    problems: () => problemsIn(handle),
    totals: () => totalsOf(handle),
    close: () => void handle.close(),
  };
}

function* paged<Row>(
  handle: Sqlite.Database,
  sql: string,
  values: Readonly<Record<string, number>> = {},
): Generator<Row> {
  const select = handle.prepare<[object], Row & { key: number }>(sql);
  let after = 0;
  while (true) {
    const page = select.all({ ...values, after, limit: pageRows });
    for (const { key, ...row } of page) {
      after = key;
      yield row as Row;
    }
    if (page.length < pageRows) return;
  }
}

function* runsIn(handle: Sqlite.Database): Generator<ReportedRun> {
  type Row = Omit<ReportedRun, 'options' | 'counts'> & { options: string; counts: string | null };
  const rows = paged<Row>(
    handle,
    `SELECT run AS key, run, kind, options, started, ended, outcome, error, counts
     FROM runs WHERE run > @after ORDER BY run LIMIT @limit`,
  );
  for (const { options, counts, ...run } of rows) {
    yield {
      ...run,
      options: JSON.parse(options) as ReportedRun['options'],
      counts: counts === null ? null : (JSON.parse(counts) as Counts),
    };
  }
}

/** What is said of a blob in the source at the end, once references have moved. */
const ofDeletion = `(reference IS NULL OR kind IN ('still-mentioned', 'source-replaced', 'delete-failed'))`;

/** Of a problem that several runs met the last is told. */
const isLast = `NOT EXISTS (SELECT 1 FROM problems AS later
  WHERE later.reference IS problems.reference AND later.path IS problems.path
    AND (later.run > problems.run
      OR (later.kind = problems.kind AND later.problem > problems.problem)))`;

/**
 * A problem is solved once a later run that looked at everything has ended without it, or once its
 * row has changed so that it no longer names the blob.
 */
const isOpen = `(
  run >= CASE WHEN (SELECT kind FROM runs WHERE runs.run = problems.run) = 'undo' THEN @undone
    WHEN kind = 'mention-left' THEN @rewritten WHEN ${ofDeletion} THEN @deleted ELSE @migrated END
  AND NOT EXISTS (SELECT 1 FROM changes
    WHERE "row" = problems.reference AND run > problems.run AND done IN (1, 3)
      AND (problems.path IS NULL
        OR (instr(before, problems.path) > 0 AND instr(after, problems.path) = 0))))`;

/** The last runs that came to their end having looked at everything, of each kind. */
function lastWhole(
  handle: Sqlite.Database,
): Record<'migrated' | 'undone' | 'deleted' | 'rewritten', number> {
  const last = (condition: string): number =>
    handle
      .prepare<[], number>(
        `SELECT coalesce(max(run), 0) FROM runs WHERE outcome = 'finished' AND ${condition}`,
      )
      .pluck()
      .get() ?? 0;
  return {
    migrated: last(`kind = 'migrate' AND whole = 1`),
    undone: last(`kind = 'undo' AND whole = 1`),
    rewritten: last(`json_extract(options, '$.rewrite_mentions')`),
    deleted: last(`json_extract(options, '$.delete_source')`),
  };
}

function* problemsIn(handle: Sqlite.Database): Generator<ReportedProblem> {
  const rows = paged<Omit<ReportedProblem, 'open' | 'status'> & { open: number }>(
    handle,
    `SELECT problem AS key, ${isOpen} AS open, run, kind, reference, path, message, at
     FROM problems WHERE problem > @after AND ${isLast} ORDER BY problem LIMIT @limit`,
    lastWhole(handle),
  );
  for (const { open, ...problem } of rows) {
    yield { status: statuses[problem.kind] ?? 'failed', open: open === 1, ...problem };
  }
}

function totalsOf(handle: Sqlite.Database): Totals {
  const changes = { done: 0, uncertain: 0, 'turned-back': 0 };
  const byStatus = handle.prepare<[], { status: ReportedChange['status']; count: number }>(
    `SELECT ${changeStatus} AS status, count(*) AS count FROM changes GROUP BY status`,
  );
  for (const { status, count } of byStatus.iterate()) changes[status] = count;
  const problems = { missing: 0, changed: 0, failed: 0, kept: 0 };
  let solved = 0;
  const byKind = handle.prepare<[object], { kind: ProblemKind; open: number; count: number }>(
    `SELECT kind, ${isOpen} AS open, count(*) AS count FROM problems WHERE ${isLast} GROUP BY kind, open`,
  );
  for (const { kind, open, count } of byKind.iterate(lastWhole(handle))) {
    if (open === 1) problems[statuses[kind] ?? 'failed'] += count;
    else solved += count;
  }
  const copies = handle
    .prepare<[], Totals['copies']>(
      'SELECT count(*) AS count, coalesce(sum(length), 0) AS bytes FROM copies',
    )
    .get() ?? { count: 0, bytes: 0 };
  return { changes, copies, problems, solved };
}
