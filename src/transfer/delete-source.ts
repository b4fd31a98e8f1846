import { messageOf } from '../errors.js';
import { type CopyOptions, copyBlob, stopsTheRun } from './copy-blob.js';
import { findMoved, type MovedBlob, type ProtectionOptions } from './protection.js';
import type { Counts, Observer, ProblemKind } from './report.js';
import type { State } from './state.js';

export interface DeleteOptions extends ProtectionOptions {
  readonly copyOptions: CopyOptions;
  readonly state: State;
  readonly counts: Counts;
  readonly observer: Observer;
}

/**
 * Deletes from the source the blobs that references name in the target now, that nothing mentions
 * any more, and whose copy has, byte for byte, what the source has at this moment.
 */
export async function deleteSource(options: DeleteOptions): Promise<void> {
  const { source, signal, observer, counts } = options;
  const moved = await findMoved(options);
  try {
    for (const blob of moved.blobs) {
      if (signal.aborted) return;
      const kept = await deleteOne(blob, options).catch((error: unknown) => {
        if (signal.aborted || stopsTheRun(error)) throw error;
        return { kind: 'delete-failed' as const, message: messageOf(error) };
      });
      if (kept === 'deleted') counts.blobs.deleted += 1;
      else if (kept !== 'gone') {
        observer.problem({ reference: blob.mention, path: source.path(blob.id), ...kept });
      }
      observer.progress(counts);
    }
  } finally {
    moved.close();
  }
}

type Kept = { kind: ProblemKind; message: string };

async function deleteOne(
  { id, targetId, mention }: MovedBlob,
  options: DeleteOptions,
): Promise<'deleted' | 'gone' | Kept> {
  const { source, target, state, copyOptions, signal } = options;
  if (mention !== null) {
    return { kind: 'still-mentioned', message: `kept: ${mention} still mentions it` };
  }
  const info = await source.find(id);
  if (info === null) return 'gone';
  if ((await target.find(targetId)) === null) {
    return { kind: 'target-differs', message: `kept: ${target.path(targetId)} does not exist` };
  }
  const here = await source.hash(id, signal);
  const there = await target.hash(targetId, signal);
  if (here.sha256 === there.sha256) {
    // Reading took time: what was compared must be what is deleted.
    if ((await source.find(id))?.version !== here.info.version) return replaced(source.path(id));
    await source.delete(id);
    return 'deleted';
  }
  const known = state.copyOf(source.path(id));
  const isOurs = (sha256: string): boolean => known?.sha256 === sha256;
  const outcome = await copyBlob({ id, targetId, isOurs }, copyOptions);
  return 'kind' in outcome
    ? { kind: outcome.kind, message: `kept: ${outcome.message}` }
    : replaced(source.path(id));
}

function replaced(path: string): Kept {
  const message = `kept: ${path} was replaced since it was copied; its new content is copied now`;
  return { kind: 'source-replaced', message };
}
