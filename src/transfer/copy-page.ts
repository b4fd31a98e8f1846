import pMap from 'p-map';
import { messageOf } from '../errors.js';
import { type Copied, copyBlob, type NotCopied } from './copy-blob.js';
import type { MigrateContext } from './migrate.js';

/** Whether each blob is in the target; one that is not in here was not reached. */
export type Outcomes = ReadonlyMap<string, Copied | NotCopied>;

/** What ended the copying of a page before its end, other than the user. */
export interface Fatal {
  readonly error: unknown;
}

/** Copies several blobs at once and records the copies; counts each one. */
export async function copyBlobs(
  ids: ReadonlySet<string>,
  context: MigrateContext,
): Promise<{ outcomes: Outcomes; fatal: Fatal | null }> {
  const outcomes = new Map<string, Copied | NotCopied>();
  let fatal: Fatal | null = null;
  const { signal, concurrency } = context;
  const copyOne = async (id: string): Promise<void> => {
    if (signal.aborted || fatal !== null) return;
    try {
      outcomes.set(id, await copyOnce(id, context));
    } catch (error) {
      if (!signal.aborted) fatal ??= { error };
    }
  };
  await pMap(ids, copyOne, { concurrency });
  record(outcomes, context);
  return { outcomes, fatal };
}

/** A blob that several references share is copied once a run. */
async function copyOnce(id: string, context: MigrateContext): Promise<Copied | NotCopied> {
  const { source, target, state, counts, observer, samePlace } = context;
  if (samePlace) return presence(id, context);
  const known = state.copyOf(source.path(id));
  if (known !== null && known.run === state.run) {
    const info = await source.find(id);
    if (info?.version === known.version) {
      return { ...known, status: 'reused', length: info.contentLength };
    }
  }
  const isOurs = (sha256: string): boolean => known?.sha256 === sha256;
  const way = { id, targetId: target.idFor(id), isOurs };
  const outcome = await copyBlob(way, context.copyOptions);
  counts.blobs[outcome.status] += 1;
  if (outcome.status === 'copied') counts.bytes += outcome.length;
  observer.progress(counts);
  return outcome;
}

/** In one place under two names a blob is in the target as soon as it is in the source. */
async function presence(
  id: string,
  { source, counts }: MigrateContext,
): Promise<Copied | NotCopied> {
  const info = await source.find(id);
  if (info !== null) {
    return { status: 'reused', sha256: '', length: info.contentLength, version: info.version };
  }
  counts.blobs.missing += 1;
  const message = `${source.path(id)} does not exist`;
  return { status: 'missing', kind: 'missing-blob', message };
}

function record(outcomes: Outcomes, { source, target, state, samePlace }: MigrateContext): void {
  if (samePlace) return;
  const copies = [...outcomes].flatMap(([id, outcome]) => {
    if (outcome.status !== 'copied' && outcome.status !== 'reused') return [];
    const { sha256, length, version } = outcome;
    return [
      { source: source.path(id), target: target.path(target.idFor(id)), sha256, length, version },
    ];
  });
  state.recordCopies(copies);
}

/**
 * Copies those blobs again that the application has replaced since they were copied. Its writes
 * go to the target only from the moment that the reference has changed; equal text in the
 * reference did not prove equal content.
 */
export async function copyReplaced(
  done: readonly { readonly ids: ReadonlySet<string> }[],
  context: MigrateContext,
): Promise<void> {
  const { source, target, state, observer, counts, copyOptions, samePlace } = context;
  if (samePlace) return;
  const ids = new Set(done.flatMap((change) => [...change.ids]));
  for (const id of ids) {
    const known = state.copyOf(source.path(id));
    const now = await source.find(id);
    if (now === null || known === null || now.version === known.version) continue;
    const options = { ...copyOptions, signal: new AbortController().signal };
    const isOurs = (sha256: string): boolean => known.sha256 === sha256;
    const outcome = await copyBlob({ id, targetId: target.idFor(id), isOurs }, options);
    record(new Map([[id, outcome]]), context);
    if (!('kind' in outcome)) continue;
    counts.blobs.failed += 1;
    const message = `replaced while it was moved: ${messageOf(outcome.message)}`;
    observer.problem({
      kind: outcome.kind,
      reference: null,
      path: target.path(target.idFor(id)),
      message,
    });
  }
}
