import pMap from 'p-map';
import type { BlobInfo } from '../backend.js';
import { parseReferenceText } from '../references/reference.js';
import { sourceIds } from '../references/relocate.js';
import type { Storage } from '../storage.js';
import { copyBlob, smallBlob } from './copy-blob.js';
import {
  type Copied,
  failure,
  fromSource,
  missing,
  type NotCopied,
  stopsTheRun,
  tolerate,
} from './copy-outcome.js';
import { copyTogether, type SmallWay } from './copy-together.js';
import type { MigrateContext } from './migrate.js';

/** Whether each blob is in the target; one that is not in here was not reached. */
export type Outcomes = ReadonlyMap<string, Copied | NotCopied>;

/** What the source says of blobs: their infos, and why others cannot be copied. */
export interface Found {
  readonly infos: ReadonlyMap<string, BlobInfo>;
  readonly lacking: ReadonlyMap<string, NotCopied>;
}

/** What ended the copying of a page before its end, other than the user. */
export interface Fatal {
  readonly error: unknown;
}

/**
 * Copies the blobs of several references at once, and records the copies. Of a reference that
 * lacks one of its blobs, none is copied: it stays where it is, and copies would be litter.
 */
export async function copyBlobs(
  groups: readonly ReadonlySet<string>[],
  { infos, lacking }: Found,
  context: MigrateContext,
): Promise<{ outcomes: Outcomes; fatal: Fatal | null }> {
  const outcomes = new Map<string, Copied | NotCopied>();
  for (const id of new Set(groups.flatMap((ids) => [...ids]))) {
    const lack = lacking.get(id);
    if (lack !== undefined) outcomes.set(id, lack);
  }
  const complete = groups.filter((ids) => ![...ids].some((id) => outcomes.has(id)));
  const ids = new Set(complete.flatMap((some) => [...some]));
  let fatal: Fatal | null = null;
  const copyOne = async (id: string): Promise<void> => {
    if (context.signal.aborted || fatal !== null) return;
    try {
      outcomes.set(id, await copyOnce(id, infos.get(id), context));
    } catch (error) {
      if (context.signal.aborted) return;
      if (stopsTheRun(error)) fatal ??= { error };
      else outcomes.set(id, failure(error));
    }
  };
  const { concurrency } = context;
  try {
    const small = smallOnes(ids, infos, context);
    for await (const [id, copied] of copyTogether(small, concurrency, context.copyOptions)) {
      outcomes.set(id, copied);
      count(id, copied, context);
    }
    await pMap(
      [...ids].filter((id) => !outcomes.has(id)),
      copyOne,
      { concurrency },
    );
  } catch (error) {
    fatal ??= { error };
  }
  record(outcomes, context);
  for (const [id, outcome] of outcomes) countUncopied(id, outcome, context);
  return { outcomes, fatal };
}

/** Those to be copied together: none that may be in the target already, as far as is known. */
function smallOnes(
  ids: ReadonlySet<string>,
  infos: ReadonlyMap<string, BlobInfo>,
  { source, target, state, samePlace, copyOptions }: MigrateContext,
): SmallWay[] {
  const { dryRun, verifyFull } = copyOptions;
  if (!target.createsMany || samePlace || dryRun || verifyFull) return [];
  return [...ids].flatMap((id) => {
    const length = infos.get(id)?.contentLength ?? smallBlob;
    if (length > smallBlob || state.copyOf(source.path(id)) !== null) return [];
    return [{ id, targetId: target.idFor(id), length }];
  });
}

/** What the source says of each of these blobs. */
export async function lookUp(
  ids: ReadonlySet<string>,
  { source, concurrency }: MigrateContext,
): Promise<Found> {
  const infos = await infosOf(ids, source);
  const lacking = new Map<string, NotCopied>();
  const lookUpOne = async (id: string): Promise<void> => {
    const found = await fromSource(source, () => source.find(id)).catch(tolerate);
    if (found === null) lacking.set(id, missing(source, id));
    else if ('kind' in found) lacking.set(id, found);
    else infos.set(id, found);
  };
  await pMap(
    [...ids].filter((id) => !infos.has(id)),
    lookUpOne,
    { concurrency },
  );
  return { infos, lacking };
}

/**
 * The blobs to look up before any is copied: those of a reference that has several, and where that
 * costs next to nothing. Of the others reading tells what is to know.
 */
export function toLookUp(
  groups: readonly ReadonlySet<string>[],
  { source, state, samePlace, dryRun }: MigrateContext,
): Set<string> {
  const always = samePlace || dryRun || source.givesInfos;
  const known = (id: string): boolean => state.copyOf(source.path(id)) !== null;
  const asked = groups.filter((ids) => always || ids.size > 1 || [...ids].some(known));
  return new Set(asked.flatMap((ids) => [...ids]));
}

/** The infos that the storage gives at once. */
async function infosOf(ids: ReadonlySet<string>, storage: Storage): Promise<Map<string, BlobInfo>> {
  const infos = await storage.infos([...ids]).catch((): BlobInfo[] => []);
  return new Map(infos.map((info) => [info.id, info]));
}

/** A blob that several references lack is counted once. */
function countUncopied(
  id: string,
  outcome: Copied | NotCopied,
  { source, state, counts }: MigrateContext,
): void {
  if (!('kind' in outcome)) return;
  if (state.isFirstProblem(source.path(id))) counts.blobs[outcome.status] += 1;
}

/** A blob that several references share is copied once a run; in one place it is there already. */
async function copyOnce(
  id: string,
  info: BlobInfo | undefined,
  context: MigrateContext,
): Promise<Copied | NotCopied> {
  const { source, target, state, samePlace } = context;
  const known = state.copyOf(source.path(id));
  const targetId = target.idFor(id);
  if (info !== undefined && (samePlace || known?.run === state.run)) {
    const { contentLength: length, version } = info;
    const unchanged = version === known?.version && (await isThere(targetId, context));
    if (samePlace || unchanged)
      return { status: 'reused', sha256: known?.sha256 ?? '', length, version, byService: false };
  }
  const outcome = await copyBlob({ id, targetId }, context.copyOptions, info);
  if (!('kind' in outcome)) count(id, outcome, context);
  return outcome;
}

function count(
  id: string,
  { status, length, byService }: Copied,
  { counts, observer, source, dryRun }: MigrateContext,
): void {
  counts.blobs[status] += 1;
  if (status === 'copied') counts.bytes += length;
  if (byService) counts.blobs.copied_by_service += 1;
  if (!dryRun) observer.done?.({ action: status, path: source.path(id), bytes: length });
  observer.progress(counts);
}

/** The application may have deleted it, together with a row that shared it. */
async function isThere(id: string, { target, dryRun }: MigrateContext): Promise<boolean> {
  return dryRun || (await target.find(id)) !== null;
}

function record(outcomes: Outcomes, { source, target, state, samePlace }: MigrateContext): void {
  if (samePlace) return;
  const copies = [...outcomes].flatMap(([id, outcome]) =>
    'kind' in outcome
      ? []
      : [{ ...outcome, source: source.path(id), target: target.path(target.idFor(id)) }],
  );
  state.recordCopies(copies);
}

/**
 * Copies those blobs again that the application has replaced since they were copied. Its writes
 * go to the target only from the moment that the reference has changed; equal text in the
 * reference did not prove equal content. Returns false where a later run has to look again.
 */
export async function copyReplaced(
  ids: ReadonlySet<string>,
  context: MigrateContext,
): Promise<boolean> {
  const { source, target, observer, counts, samePlace, concurrency } = context;
  if (samePlace) return true;
  const infos = await infosOf(ids, source);
  let settled = true;
  const copyOne = async (id: string): Promise<void> => {
    const outcome = await copyAgain(id, infos.get(id), context).catch(tolerate);
    if (outcome === null || !('kind' in outcome)) return;
    // Where the target has newer content of its own, both stay, and that is for people to decide.
    settled &&= outcome.kind === 'target-differs';
    counts.blobs.failed += 1;
    const message = `replaced while it was moved: ${outcome.message}`;
    const path = target.path(target.idFor(id));
    observer.problem({ kind: outcome.kind, reference: null, path, message });
  };
  await pMap(ids, copyOne, { concurrency });
  return settled;
}

/** Null where the source still has what was copied, or has the blob no more. */
async function copyAgain(
  id: string,
  info: BlobInfo | undefined,
  context: MigrateContext,
): Promise<Copied | NotCopied | null> {
  const { source, target, state, copyOptions } = context;
  const known = state.copyOf(source.path(id));
  if (known === null || info?.version === known.version) return null;
  const now = await source.find(id);
  if (now === null || now.version === known.version) return null;
  const options = { ...copyOptions, signal: new AbortController().signal };
  const outcome = await copyBlob({ id, targetId: target.idFor(id) }, options);
  record(new Map([[id, outcome]]), context);
  return outcome;
}

/** Does the above for references that an earlier run may have changed just before it was killed. */
export async function resumeCopies(context: MigrateContext): Promise<void> {
  const { state, relocation } = context;
  for (const { change, before } of state.unfinished()) {
    const references = parseReferenceText(before)?.references ?? [];
    const ids = references.flatMap((one) => [...sourceIds(one, relocation.sources)]);
    if (await copyReplaced(new Set(ids), context)) state.closeUnfinished(change);
  }
}
