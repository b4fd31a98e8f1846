import { pMapIterable } from 'p-map';
import { type CopyOptions, smallBlob, type Way } from './copy-blob.js';
import { type Copied, stopsTheRun } from './copy-outcome.js';

/** Bytes of blobs that are in memory together. */
const bytesTogether = 8 * 1024 * 1024;

/** A blob to copy, and the bytes that it may have. */
export interface SmallWay extends Way {
  readonly length: number;
}

/**
 * Copies small blobs that the target does not have yet, many at once: each is read whole, and all
 * become durable and visible together, which costs a fraction of what each would by itself. Gives
 * those that were copied; of the others `copyBlob` tells what is the matter with them.
 */
export async function* copyTogether(
  ways: readonly SmallWay[],
  atOnce: number,
  options: CopyOptions,
): AsyncGenerator<readonly [id: string, copied: Copied]> {
  let fatal: { error: unknown } | null = null;
  // What stops the run does so when the other batch is done; anything else is one blob's, and is
  // told when that is copied.
  const ofNone = (error: unknown): never[] => {
    if (stopsTheRun(error)) fatal ??= { error };
    return [];
  };
  const copy = async (batch: readonly SmallWay[]): Promise<[string, Copied][]> => {
    if (options.signal.aborted || fatal !== null) return [];
    const bytes = batch.reduce((sum, { length }) => sum + length, 0);
    return options.budget.run(bytes, () => copyBatch(batch, options)).catch(ofNone);
  };
  // While one batch waits for the disk, the other is read and written.
  const both = batches(ways, Math.ceil(atOnce / 2));
  for await (const copied of pMapIterable(both, copy, { concurrency: 2 })) yield* copied;
  rethrow(fatal);
}

function rethrow(fatal: { readonly error: unknown } | null): void {
  if (fatal !== null) throw fatal.error;
}

function* batches(ways: readonly SmallWay[], atOnce: number): Generator<SmallWay[]> {
  let batch: SmallWay[] = [];
  let bytes = 0;
  for (const way of ways) {
    const full = batch.length === atOnce || bytes + way.length > bytesTogether;
    if (full && batch.length > 0) {
      yield batch;
      [batch, bytes] = [[], 0];
    }
    batch.push(way);
    bytes += way.length;
  }
  if (batch.length > 0) yield batch;
}

async function copyBatch(
  batch: readonly SmallWay[],
  { source, target, contents, signal }: CopyOptions,
): Promise<[string, Copied][]> {
  const targets = new Map(batch.map(({ id, targetId }) => [id, targetId]));
  const read = await source.readMany([...targets.keys()], smallBlob);
  const blobs = read.map(({ info, bytes, sha256 }) => {
    const { id, filename, contentType, lastModified, version } = info;
    return {
      ...{
        id: targets.get(id) as string,
        bytes,
        metadata: { filename, contentType, lastModified },
      },
      ...{ sourceId: id, sha256, version },
    };
  });
  if (signal.aborted || blobs.length === 0) return [];
  contents.recordContents(blobs.map(({ id, sha256 }) => [target.path(id), sha256]));
  const created = await target.createMany(blobs);
  return blobs.flatMap(({ sourceId, sha256, version, bytes: { byteLength: length } }, index) => {
    if (created[index] !== true) return [];
    return [[sourceId, { status: 'copied', byService: false, sha256, length, version }]];
  });
}
