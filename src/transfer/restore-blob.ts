import { DepotError, isNotFound } from '../errors.js';
import { parseReferenceText } from '../references/reference.js';
import { sourceIds } from '../references/relocate.js';
import { type CopyOptions, copyBlob } from './copy-blob.js';
import { type NotCopied, tolerate } from './copy-outcome.js';
import type { Counts, Observer } from './report.js';
import type { State } from './state.js';

export interface RestoreOptions {
  /** What was migrated from and to; blobs are copied back the other way. */
  readonly copyOptions: CopyOptions;
  /** The source's name and its aliases. */
  readonly sourceNames: ReadonlySet<string>;
  readonly state: State;
  readonly counts: Counts;
  readonly observer: Observer;
}

/**
 * Sees to it that the source has what the target has, before `reference` goes back there. Returns
 * the target's version of it, empty where the target has nothing to give; or, reported, why it
 * cannot.
 */
export async function restoreBlob(
  id: string,
  reference: string | null,
  options: RestoreOptions,
): Promise<string | NotCopied> {
  const { copyOptions, state, counts, observer } = options;
  const { source, target } = copyOptions;
  const targetId = target.idFor(id);
  const way = { id: targetId, targetId: id };
  const outcome = await copyBlob(way, { ...copyOptions, source: target, target: source });
  if ('kind' in outcome) {
    const version = await versionNotNeeded(id, outcome, options).catch(tolerate);
    if (typeof version === 'string') return version;
    counts.blobs[outcome.status] += 1;
    const { kind, message } = outcome;
    observer.problem({ kind, reference, path: source.path(id), message });
    return outcome;
  }
  if (outcome.status === 'copied') {
    counts.blobs.copied += 1;
    counts.bytes += outcome.length;
  }
  for (const path of [source.path(id), target.path(targetId)]) {
    await state.recordContent(path, outcome.sha256);
  }
  return outcome.version;
}

/** The target's version where the source does without it; null where it does not. */
async function versionNotNeeded(
  id: string,
  { kind }: NotCopied,
  { copyOptions: { source, target }, state }: RestoreOptions,
): Promise<string | null> {
  if (kind === 'target-differs') {
    // Replaced in the source since, and not in the target?
    const targetId = target.idFor(id);
    const there = await target.hash(targetId);
    return state.knows(target.path(targetId), there.sha256) ? there.info.version : null;
  }
  if (kind !== 'missing-blob' && kind !== 'damaged-blob') return null;
  try {
    await source.hash(id);
    return '';
  } catch (error) {
    const unusable = error instanceof DepotError && error.kind === 'damaged';
    if (unusable || isNotFound(error)) return null;
    throw error;
  }
}

/**
 * Copies those blobs back again that the application replaced in the target before their reference
 * changed. Returns false where a later run has to look again.
 */
export async function restoreReplaced(
  versions: ReadonlyMap<string, string>,
  reference: string,
  options: RestoreOptions,
): Promise<boolean> {
  const { target } = options.copyOptions;
  let settled = true;
  for (const [id, version] of versions) {
    const now = await target.find(target.idFor(id)).catch(tolerate);
    if (now === null || ('version' in now && now.version === version)) continue;
    settled = isSettled(await restoreBlob(id, reference, options)) && settled;
  }
  return settled;
}

/** Does so for references that an earlier run may have turned back just before it was killed. */
export async function resumeRestores(options: RestoreOptions): Promise<void> {
  const { state, sourceNames } = options;
  for (const { undo, text } of state.unfinishedUndos()) {
    const references = parseReferenceText(text)?.references ?? [];
    let settled = true;
    for (const id of new Set(references.flatMap((one) => [...sourceIds(one, sourceNames)]))) {
      settled = isSettled(await restoreBlob(id, null, options)) && settled;
    }
    if (settled) state.closeUndos([undo]);
  }
}

/** Where both ends have content of their own, both stay, and that is for people to decide. */
function isSettled(restored: string | NotCopied): boolean {
  return typeof restored === 'string' || restored.kind === 'target-differs';
}
