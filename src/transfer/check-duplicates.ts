import { messageOf } from '../errors.js';
import type { Storage } from '../storage.js';
import { stopsTheRun } from './copy-outcome.js';
import { type Concern, type Fix, type Fixing, notFixed } from './fixes.js';
import type { Problem } from './report.js';

interface DuplicateCheck {
  readonly fixing: Fixing;
  /** Takes each problem. */
  found(problem: Problem): Promise<void>;
}

/** Reports a blob that a storage has shown more than once. */
export async function checkDuplicate(
  storage: Storage,
  id: string,
  { fixing, found }: DuplicateCheck,
): Promise<void> {
  const concern = { kind: 'duplicate-blob', reference: null, path: storage.path(id) } as const;
  await found({ ...concern, message: 'it is there more than once' });
  if (!fixing.kinds.has('duplicate-blob')) return;
  const fix = await merge(storage, id, concern, fixing).catch((error: unknown) => {
    if (stopsTheRun(error)) throw error;
    return notFixed(concern, messageOf(error));
  });
  await fixing.fixed(fix);
}

async function merge(
  { backend }: Storage,
  id: string,
  concern: Concern,
  { dryRun }: Fixing,
): Promise<Fix> {
  const merged = await backend.mergeDuplicates?.(id, { dryRun });
  if (merged === undefined) return notFixed(concern, 'its storage cannot compare them');
  const { entries, obstacle } = merged;
  if (obstacle !== null) return notFixed(concern, obstacle);
  if (entries.length < 2) return notFixed(concern, 'it is there only once by now');
  const [before, after] = [entries.join(', '), entries[0] ?? ''];
  return { ...concern, status: dryRun ? 'would-fix' : 'fixed', before, after, message: null };
}
