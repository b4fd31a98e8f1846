import type { BlobInfo } from '../backend.js';
import type { Database } from '../databases/database.js';
import type { Storage } from '../storage.js';
import { type CopyOptions, mirrorBlob, type Way } from './copy-blob.js';
import { failure, fromSource, ifDamaged, type NotCopied, stopsTheRun } from './copy-outcome.js';
import { eachAtOnce } from './each-at-once.js';
import { type IdentifierSet, openIdentifiers } from './identifier-set.js';
import { deleteSurplus } from './mirror-delete.js';
import type { Observer } from './report.js';

/** What a copy of a storage has done, in the words of its `--json` output. */
export interface CopyCounts {
  readonly blobs: {
    copied: number;
    /** In the target already, with other content or metadata. */
    replaced: number;
    unchanged: number;
    failed: number;
    deleted: number;
  };
  /** Of the blobs copied and replaced. */
  bytes: number;
}

export interface CopyStorageOptions {
  readonly copyOptions: CopyOptions;
  /** Added to as it goes. */
  readonly counts: CopyCounts;
  readonly observer: Observer<CopyCounts>;
  readonly signal: AbortSignal;
  /** Blobs copied at once. */
  readonly concurrency: number;
  /** Compares SHA-256, reading both sides, in place of length and time. */
  readonly checksum: boolean;
  /** How many blobs that only the target has are deleted there at most; null: none is. */
  readonly maxDelete: number | null;
  /** What is named there is not deleted. */
  readonly databases: readonly Database[];
}

export function newCopyCounts(): CopyCounts {
  return { blobs: { copied: 0, replaced: 0, unchanged: 0, failed: 0, deleted: 0 }, bytes: 0 };
}

/**
 * Copies what is new or changed in the source to the target, under the identifiers that it has
 * there, and touches no reference. With `maxDelete` the target becomes a mirror: what the source
 * has no more is deleted there, unless anything failed before, or a database names it.
 */
export async function copyStorage(options: CopyStorageOptions): Promise<void> {
  const { copyOptions, counts, signal, observer, maxDelete } = options;
  const { source, target } = copyOptions;
  const kept = maxDelete === null ? null : openIdentifiers();
  try {
    const copyOne = async (id: string): Promise<void> => {
      kept?.add(target.idFor(id));
      const failed = await bringOver(id, kept, options).catch(
        (error: unknown): NotCopied | null => {
          if (signal.aborted) return null;
          if (stopsTheRun(error)) throw error;
          return failure(error);
        },
      );
      observer.progress(counts);
      if (failed === null) return;
      counts.blobs.failed += 1;
      const { kind, message } = failed;
      observer.problem({ kind, reference: null, path: source.path(id), message });
    };
    await eachAtOnce(source.list(), copyOne, options);
    if (signal.aborted) return;
    if (kept !== null && counts.blobs.failed === 0) await deleteSurplus(kept, options);
  } finally {
    kept?.close();
  }
}

/**
 * Copies a blob where that is needed; null where the target has it now, or the source no more. What
 * it is called there is added to `kept`.
 */
async function bringOver(
  id: string,
  kept: IdentifierSet | null,
  options: CopyStorageOptions,
): Promise<NotCopied | null> {
  const { copyOptions, counts } = options;
  const { source, target } = copyOptions;
  const info = await fromSource(source, () => source.find(id));
  if (info === null) return null;
  const targetId = target.idForCopy(info);
  kept?.add(targetId);
  const there = await findCopy(targetId, target);
  if (there && (await isUnchanged(info, there, options))) {
    counts.blobs.unchanged += 1;
    return null;
  }
  const { originalId = id } = info;
  const isToldBy = [targetId, source.idFor(targetId)].includes(originalId);
  const way = { id, targetId, ...(isToldBy ? {} : { originalId }) };
  if (there === undefined) await makeRoom(way, copyOptions);
  const outcome = await mirrorBlob(way, copyOptions, info, there?.version ?? null);
  if (!('kind' in outcome)) {
    const action = there === null ? 'copied' : 'replaced';
    const { length: bytes } = outcome;
    counts.blobs[action] += 1;
    counts.bytes += bytes;
    if (!copyOptions.dryRun) options.observer.done?.({ action, path: source.path(id), bytes });
    return null;
  }
  if (outcome.status === 'missing') return null;
  if (outcome.kind !== 'target-differs' || !(await isThereNow(info, targetId, options)))
    return outcome;
  counts.blobs.unchanged += 1;
  return null;
}

/** Null where there is none, undefined where it is damaged. */
function findCopy(id: string, target: Storage): Promise<BlobInfo | null | undefined> {
  return fromSource(target, () => target.find(id)).catch(ifDamaged);
}

/** Whether another run has made the same copy meanwhile. */
async function isThereNow(
  info: BlobInfo,
  targetId: string,
  options: CopyStorageOptions,
): Promise<boolean> {
  const there = await findCopy(targetId, options.copyOptions.target);
  return there ? isUnchanged(info, there, options) : false;
}

/** Deletes what is damaged in the target, once the source has been read and is whole. */
async function makeRoom(
  { id, targetId }: Way,
  { source, target, signal, dryRun }: CopyOptions,
): Promise<void> {
  await fromSource(source, () => source.hash(id, signal));
  if (dryRun || (await findCopy(targetId, target)) !== undefined) return;
  await target.delete(targetId);
}

/**
 * Whether the target has this content: by length and time (in seconds, as the storages keep it),
 * or, where one of the times is not known or it is asked for, by SHA-256. What is not as long as it
 * says is copied again: from the source that fails, in the target it mends. So is what a killed replace
 * has left there.
 */
async function isUnchanged(
  here: BlobInfo,
  there: BlobInfo,
  { copyOptions, checksum }: Pick<CopyStorageOptions, 'copyOptions' | 'checksum'>,
): Promise<boolean> {
  if (here.contentLength !== there.contentLength || isCut(here) || isCut(there)) return false;
  if (there.halfReplaced) return false;
  const [changed, copied] = [here.lastModified, there.lastModified];
  if (!checksum && changed !== null && copied !== null)
    return isSameTime(changed, copied, copyOptions);
  const { source, target, signal } = copyOptions;
  const { sha256 } = await fromSource(source, () => source.hash(here.id, signal));
  const copy = await target.hash(there.id, signal).catch(ifDamaged);
  return sha256 === copy?.sha256;
}

function isCut({ contentLength, storedLength = contentLength }: BlobInfo): boolean {
  return storedLength !== contentLength;
}

/** Whether one of the times is what its storage makes of the other. */
function isSameTime(here: Date, there: Date, { source, target }: CopyOptions): boolean {
  const seconds = (time: Date): number => Math.floor(time.getTime() / 1000);
  const kept = (time: Date, { backend }: Storage): number =>
    seconds(backend.keptTime?.(time) ?? time);
  return kept(here, target) === seconds(there) || seconds(here) === kept(there, source);
}
