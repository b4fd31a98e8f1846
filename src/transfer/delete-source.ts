import pMap from 'p-map';
import { isNotFound, messageOf } from '../errors.js';
import type { Storage } from '../storage.js';
import { type CopyOptions, copyBlob } from './copy-blob.js';
import { stopsTheRun } from './copy-outcome.js';
import { type Findings, type MovedBlob, openFindings } from './findings.js';
import type { Limits } from './limits.js';
import { findMentions, type ProtectionOptions } from './protection.js';
import type { Counts, Observer, ProblemKind } from './report.js';
import type { State } from './state.js';

export interface DeleteOptions extends ProtectionOptions {
  readonly source: Storage;
  readonly copyOptions: CopyOptions;
  readonly counts: Counts;
  readonly observer: Observer;
  /** Blobs compared or deleted at once. */
  readonly concurrency: number;
  /** Milliseconds for which a blob is kept once its reference has moved. */
  readonly keepFor?: number | undefined;
  /** Knows when references moved. */
  readonly state: State;
  readonly limits?: Limits | undefined;
}

/** Milliseconds for which blobs are compared before those that are equal are deleted, at least. */
const leastComparing = 10_000;
/** Milliseconds for which blobs are deleted before the databases are searched again, at least. */
const leastDeleting = 1000;

/**
 * Deletes from the source the blobs that references name in the target now, that nothing mentions
 * any more, and whose copy has, byte for byte, what the source has. Comparing takes long: the
 * databases are searched again behind it, and again while blobs are deleted, each time for about as
 * long as a search takes. What has been compared is deleted before more is, so that a run that is
 * stopped early has done a part.
 */
export async function deleteSource(options: DeleteOptions): Promise<void> {
  const { source, target, counts, keepFor, signal } = options;
  const findings = openFindings();
  if (keepFor !== undefined) counts.kept = { blobs: 0, until: null };
  try {
    for await (const id of source.list()) findings.add(id, target.idFor(id));
    let searching = await timed(() => findMentions(options, findings));
    let done: string | null = '';
    while (done !== null && !signal.aborted) {
      const comparing = until(Math.max(leastComparing, 4 * searching));
      const from: string = done;
      done = await forEachMoved(findings, { from, to: null, while: comparing }, options, (blob) =>
        compare(blob, findings, options),
      );
      searching = await deleteEqual(findings, { from, to: done }, options);
    }
  } finally {
    findings.close();
  }
}

/** Deletes the blobs of a part that are equal; returns the milliseconds that a search takes. */
async function deleteEqual(
  findings: Findings,
  { from, to }: { from: string; to: string | null },
  options: DeleteOptions,
): Promise<number> {
  let searching = 0;
  let done: string | null = from;
  while (done !== null && !options.signal.aborted) {
    searching = await timed(() => findMentions(options, findings));
    const part = { from: done, to, while: until(Math.max(leastDeleting, searching)) };
    done = await forEachMoved(findings, part, options, (blob) => remove(blob, options));
  }
  return searching;
}

async function timed(action: () => Promise<void>): Promise<number> {
  const begun = performance.now();
  await action();
  return performance.now() - begun;
}

function until(milliseconds: number): () => boolean {
  const end = performance.now() + milliseconds;
  return () => performance.now() < end;
}

/** Whether the blob's reference moved too short a time ago; of what no state knows, this is noted now. */
function isKept(id: string, { source, state, counts, keepFor }: DeleteOptions): boolean {
  if (keepFor === undefined || counts.kept === undefined) return false;
  const until = state.movedAt(source.path(id)).getTime() + keepFor;
  if (until <= Date.now()) return false;
  const latest = Math.max(until, Date.parse(counts.kept.until ?? '') || 0);
  counts.kept = { blobs: counts.kept.blobs + 1, until: new Date(latest).toISOString() };
  return true;
}

/** Why a blob is kept. */
type Kept = { kind: ProblemKind; message: string };

/** Blobs behind `from`, up to `to` (null: to the end), as long as `while` says so. */
interface Part {
  readonly from: string;
  readonly to: string | null;
  while(): boolean;
}

/**
 * Does something with the moved blobs of a part, several at once, and reports those that are kept
 * for a reason. Returns the last of them where it stopped before the end, else null.
 */
async function forEachMoved(
  findings: Findings,
  part: Part,
  { source, signal, observer, counts, concurrency, limits }: DeleteOptions,
  action: (blob: MovedBlob) => Promise<Kept | null>,
): Promise<string | null> {
  let stoppedAt: string | null = null;
  function* blobs(): Generator<MovedBlob> {
    for (const blob of findings.blobs(part.from)) {
      if (part.to !== null && blob.id > part.to) return;
      yield blob;
      if (part.while()) continue;
      stoppedAt = blob.id;
      return;
    }
  }
  const one = async (blob: MovedBlob): Promise<void> => {
    if (signal.aborted) return;
    const kept = await action(blob).catch((error: unknown): Kept => {
      if (signal.aborted || stopsTheRun(error)) throw error;
      return { kind: 'delete-failed', message: messageOf(error) };
    });
    if (kept !== null) {
      observer.problem({ reference: blob.mention, path: source.path(blob.id), ...kept });
    }
    observer.progress(counts);
  };
  // Those that wait for a limit would be deleted long after the databases were searched.
  const atOnce = Math.min(concurrency, limits?.operationsPerSecond ?? concurrency);
  await pMap(blobs(), one, { concurrency: atOnce });
  return stoppedAt === part.to ? null : stoppedAt;
}

async function compare(
  { id, targetId, mention }: MovedBlob,
  findings: Findings,
  options: DeleteOptions,
): Promise<Kept | null> {
  if (mention !== null) return stillMentioned(options.source.path(id));
  if (isKept(id, options)) return null;
  const { source, target, copyOptions, signal } = options;
  const info = await source.find(id);
  if (info === null) return null;
  const inMemory = source.backend.holdsWholeBlobs || target.backend.holdsWholeBlobs;
  const [here, there] = await copyOptions.budget.run(
    inMemory ? info.contentLength : 0,
    async () => [await source.hash(id, signal), await hashOf(target, targetId, signal)] as const,
  );
  if (there === null)
    return { kind: 'target-differs', message: `kept: ${target.path(targetId)} does not exist` };
  if (here.sha256 === there.sha256) {
    findings.equal(id, here.info.version, there.info.version);
    return null;
  }
  const outcome = await copyBlob({ id, targetId }, copyOptions, here.info);
  if ('kind' in outcome) return { kind: outcome.kind, message: `kept: ${outcome.message}` };
  return replaced(`${source.path(id)} was replaced since it was copied; it is copied now`);
}

async function hashOf(
  storage: Storage,
  id: string,
  signal: AbortSignal,
): Promise<Awaited<ReturnType<Storage['hash']>> | null> {
  return storage.hash(id, signal).catch((error: unknown) => {
    if (isNotFound(error)) return null;
    throw error;
  });
}

/** What was compared must be what is deleted, and what stays. */
async function remove(
  { id, targetId, mention, equal }: MovedBlob,
  { source, target, counts, observer }: DeleteOptions,
): Promise<Kept | null> {
  if (equal === null) return null;
  if (mention !== null) return stillMentioned(source.path(id));
  for (const [storage, blob, version] of [
    [source, id, equal.sourceVersion],
    [target, targetId, equal.targetVersion],
  ] as const) {
    const now = await storage.find(blob);
    if (now?.version !== version)
      return replaced(`${storage.path(blob)} was changed or deleted just now`);
  }
  await source.delete(id);
  counts.blobs.deleted += 1;
  observer.done?.({ action: 'deleted', path: source.path(id) });
  return null;
}

/** The problem names the place itself. */
export function stillMentioned(blob: string): Kept {
  return { kind: 'still-mentioned', message: `still mentions ${blob}, which is kept` };
}

function replaced(message: string): Kept {
  return { kind: 'source-replaced', message: `not deleted: ${message}` };
}
