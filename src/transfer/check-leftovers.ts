import type { Leftover } from '../backend.js';
import { DepotError, messageOf } from '../errors.js';
import type { Storage } from '../storage.js';
import { formatIso } from '../time.js';
import { stopsTheRun } from './copy-outcome.js';
import { type Concern, type Fix, type Fixing, notFixed } from './fixes.js';
import type { Problem } from './report.js';

/** Milliseconds after which nobody is at work on it any more. */
const leftAfter = 24 * 60 * 60 * 1000;

export interface LeftoverCheck {
  readonly storage: Storage;
  readonly fixing: Fixing;
  readonly signal: AbortSignal;
  /** Takes each problem. */
  found(problem: Problem): Promise<void>;
  /** Takes what is worth telling the user. */
  notice(text: string): void;
}

/** Reports what killed writers have left in a storage more than a day ago. */
export async function checkLeftovers(check: LeftoverCheck): Promise<void> {
  const { storage, fixing, signal, found } = check;
  const before = new Date(Date.now() - leftAfter);
  for await (const leftover of leftoversOf(check)) {
    if (signal.aborted) return;
    if (leftover.since >= before) continue;
    const path = leftover.id === null ? null : storage.path(leftover.id);
    const concern = { kind: 'leftover', reference: null, path } as const;
    const since = formatIso(leftover.since);
    await found({ ...concern, message: `${leftover.description}: unfinished since ${since}` });
    if (fixing.kinds.has('leftover')) await fixing.fixed(await fix(leftover, concern, check));
  }
}

/** Not all who may read a storage may look for them: the rest of a check goes on. */
async function* leftoversOf({ storage, notice, signal }: LeftoverCheck): AsyncGenerator<Leftover> {
  try {
    yield* storage.backend.leftovers?.(signal) ?? [];
  } catch (error) {
    if (!(error instanceof DepotError)) throw error;
    notice(`Leftovers in ${storage.name} are not all looked for: ${error.message}`);
  }
}

/** A leftover with an identifier may be all that there is of a file that something names. */
async function fix(
  { id, description, remove }: Leftover,
  concern: Concern,
  { storage, fixing: { dryRun } }: LeftoverCheck,
): Promise<Fix> {
  if (id !== null) {
    const gc = `depot gc ${storage.name} --older-than 1d`;
    return notFixed(
      concern,
      `it may be all that there is of a file; where nothing names it: ${gc}`,
    );
  }
  try {
    if (!dryRun) await remove();
  } catch (error) {
    if (stopsTheRun(error)) throw error;
    return notFixed(concern, messageOf(error));
  }
  const change = { before: description, after: 'removed', message: null };
  return { ...concern, status: dryRun ? 'would-fix' : 'fixed', ...change };
}
