import pMap from 'p-map';
import { isNotFound, messageOf } from '../errors.js';
import type { Storage } from '../storage.js';
import { type CopyOptions, copyBlob } from './copy-blob.js';
import { stopsTheRun } from './copy-outcome.js';
import { type Findings, type MovedBlob, openFindings } from './findings.js';
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
}

/**
 * Deletes from the source the blobs that references name in the target now, that nothing mentions
 * any more, and whose copy has, byte for byte, what the source has. Comparing takes long: the
 * databases are searched again behind it, and then nothing is left to do but to delete.
 */
export async function deleteSource(options: DeleteOptions): Promise<void> {
  const { source, target, counts, keepFor } = options;
  const findings = openFindings();
  if (keepFor !== undefined) counts.kept = { blobs: 0, until: null };
  try {
    for await (const id of source.list()) findings.add(id, target.idFor(id));
    await findMentions(options, findings);
    await forEachMoved(findings, options, (blob) => compare(blob, findings, options));
    if (options.signal.aborted) return;
    await findMentions(options, findings);
    await forEachMoved(findings, options, (blob) => remove(blob, options));
  } finally {
    findings.close();
  }
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

/** Does something with the moved blobs, several at once, and reports those that are kept for a reason. */
async function forEachMoved(
  findings: Findings,
  { source, signal, observer, counts, concurrency }: DeleteOptions,
  action: (blob: MovedBlob) => Promise<Kept | null>,
): Promise<void> {
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
  await pMap(findings.blobs(), one, { concurrency });
}

async function compare(
  { id, targetId, mention }: MovedBlob,
  findings: Findings,
  options: DeleteOptions,
): Promise<Kept | null> {
  if (mention !== null) return mentioned(options.source.path(id));
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
  { source, target, counts }: DeleteOptions,
): Promise<Kept | null> {
  if (equal === null) return null;
  if (mention !== null) return mentioned(source.path(id));
  for (const [storage, blob, version] of [
    [source, id, equal.sourceVersion],
    [target, targetId, equal.targetVersion],
  ] as const) {
    const now = await storage.find(blob);
    if (now?.version !== version) return replaced(`${storage.path(blob)} was changed just now`);
  }
  await source.delete(id);
  counts.blobs.deleted += 1;
  return null;
}

/** The problem names the place itself. */
function mentioned(blob: string): Kept {
  return { kind: 'still-mentioned', message: `still mentions ${blob}, which is kept` };
}

function replaced(message: string): Kept {
  return { kind: 'source-replaced', message: `kept: ${message}` };
}
