import type { TextRow } from '../databases/database.js';
import { dumpJson, type JsonObject } from '../python/json.js';
import { type ReferenceColumn, rowName } from '../references/columns.js';
import {
  type Candidate,
  candidatesOf,
  groupsOf,
  isMovable,
  remaining,
  textAfter,
} from './candidates.js';
import { copyBlobs, copyReplaced, type Found, type Outcomes } from './copy-page.js';
import type { MigrateContext } from './migrate.js';
import {
  asStored,
  changeEach,
  ownAttempts,
  type RowChange,
  readAgain,
  recordOf,
  reportRefused,
} from './row-change.js';
import { lookUpFiles, select } from './selection.js';

/** Copies the blobs of a page of rows, then changes its references in one short transaction. */
export async function migratePage(
  column: ReferenceColumn,
  rows: readonly TextRow[],
  context: MigrateContext,
): Promise<void> {
  let rest = rows;
  const files = await lookUpFiles(rows, context);
  // What a limit leaves out of the page may be wanted after all, where others could not move.
  while (rest.length > 0 && remaining(context) > 0 && !context.signal.aborted) {
    const { candidates, rest: behind } = candidatesOf(column, rest, context, { count: true });
    await moveAll(column, candidates, files, context);
    rest = behind;
  }
}

async function moveAll(
  column: ReferenceColumn,
  all: readonly Candidate[],
  first: Found | null,
  context: MigrateContext,
): Promise<void> {
  const reported = new Set<string>();
  // Each shard changes a row once, unless somebody else does too.
  const attempts = ownAttempts + Math.max(0, ...all.map(({ others }) => others));
  let candidates = all;
  for (let attempt = 1; candidates.length > 0; attempt += 1) {
    const files =
      attempt === 1
        ? first
        : await lookUpFiles(
            candidates.map(({ row }) => row),
            context,
          );
    const { selected, found } = await select(candidates, files, context, { count: attempt === 1 });
    const movable = selected.filter((one) => isMovable(column, one, context));
    const { outcomes, fatal } = await copyBlobs(groupsOf(movable), found, context);
    const changes = plan(column, movable, { outcomes, reported }, context);
    const lost = await changeReferences(column, changes, context);
    // What had been copied has its references now; what stopped the copying stops the run.
    if (fatal !== null) throw fatal.error;
    if (attempt === attempts) return giveUp(column, lost, attempts, context);
    const again = await readAgain(column, lost);
    candidates = candidatesOf(column, again, context, { count: false }).candidates;
  }
}

/** A row to change, the references that move in it and their blobs. */
interface Change extends RowChange {
  readonly references: number;
  readonly ids: ReadonlySet<string>;
}

interface Copies {
  readonly outcomes: Outcomes;
  /** What earlier attempts at these rows have reported; added to. */
  readonly reported: Set<string>;
}

/** The rows to change: references whose blobs are all in the target; the others are reported. */
function plan(
  column: ReferenceColumn,
  candidates: readonly Candidate[],
  { outcomes, reported }: Copies,
  context: MigrateContext,
): Change[] {
  const changes: Change[] = [];
  const failed: string[] = [];
  let room = remaining(context);
  for (const candidate of candidates) {
    const { row, moves } = candidate;
    const moving: JsonObject[] = [];
    for (const [reference, ids] of moves) {
      if (moving.length < room && isComplete(ids, outcomes)) moving.push(reference);
      const key = `${rowName(column, row)} ${dumpJson(reference)}`;
      if (!reported.has(key) && report(column, row, ids, outcomes, context)) failed.push(key);
    }
    if (moving.length === 0) continue;
    room -= moving.length;
    changes.push({
      row,
      after: textAfter(candidate, new Set(moving), context),
      references: moving.length,
      ids: new Set(moving.flatMap((reference) => [...(moves.get(reference) ?? [])])),
    });
  }
  for (const key of failed) reported.add(key);
  return changes;
}

function isComplete(ids: ReadonlySet<string>, outcomes: Outcomes): boolean {
  return [...ids].every((id) => {
    const outcome = outcomes.get(id);
    return outcome !== undefined && !('kind' in outcome);
  });
}

/** Names the blobs that keep a reference where it is; says whether there are any. */
function report(
  column: ReferenceColumn,
  row: TextRow,
  ids: ReadonlySet<string>,
  outcomes: Outcomes,
  { counts, observer, source }: MigrateContext,
): boolean {
  const statuses = new Set<string>();
  for (const id of ids) {
    const outcome = outcomes.get(id);
    if (outcome === undefined || !('kind' in outcome)) continue;
    const { kind, message, status } = outcome;
    statuses.add(status);
    observer.problem({ kind, reference: rowName(column, row), path: source.path(id), message });
  }
  if (statuses.has('missing')) counts.references.missing += 1;
  else if (statuses.has('failed')) counts.references.failed += 1;
  return statuses.size > 0;
}

/** Changes the rows in one transaction; returns those that somebody else had changed before. */
async function changeReferences(
  column: ReferenceColumn,
  planned: readonly Change[],
  context: MigrateContext,
): Promise<readonly Change[]> {
  const { counts, state, observer, dryRun, source, target, moved: movedIds } = context;
  const changes = await asStored(column, planned);
  const moved = (made: readonly Change[]): void => {
    for (const { row, references, ids } of made) {
      counts.references.migrated += references;
      const reference = rowName(column, row);
      if (!dryRun) observer.done?.({ action: 'migrated', reference, references });
      for (const id of ids) movedIds?.add(target.idFor(id));
    }
    observer.progress(counts);
  };
  if (changes.length === 0) return [];
  if (dryRun) {
    moved(changes);
    return [];
  }
  const records = changes.map((change) => ({
    ...recordOf(column, change),
    moved: [...change.ids].map((id) => source.path(id)),
  }));
  state.recordIntent(records);
  const { made, lost, refused } = await changeEach(column, changes);
  reportRefused(column, refused, context);
  const done = changes.filter((_, index) => made[index]);
  moved(done);
  const settled = await copyReplaced(new Set(done.flatMap(({ ids }) => [...ids])), context);
  if (settled) state.recordDone(records, made);
  return lost;
}

function giveUp(
  column: ReferenceColumn,
  lost: readonly Change[],
  attempts: number,
  context: MigrateContext,
): void {
  for (const { row, references } of lost) {
    context.counts.references.changed += references;
    context.observer.problem({
      kind: 'reference-changed',
      reference: rowName(column, row),
      path: null,
      message: `another process kept changing it; it was read ${attempts} times`,
    });
  }
}
