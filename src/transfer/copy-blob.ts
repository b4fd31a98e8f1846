import type { BlobInfo } from '../backend.js';
import { DepotError, type ErrorKind, isNotFound, messageOf } from '../errors.js';
import { errorCode } from '../files.js';
import type { Storage } from '../storage.js';
import { consumed } from '../streams.js';
import type { Budget } from './budget.js';
import type { ProblemKind } from './report.js';

/** How blobs get from one storage to another. */
export interface CopyOptions {
  readonly source: Storage;
  readonly target: Storage;
  readonly budget: Budget;
  /** Reads every copy back, instead of comparing its length alone. */
  readonly verifyFull: boolean;
  /** Reads what would be copied, and writes nothing. */
  readonly dryRun: boolean;
  readonly signal: AbortSignal;
}

/** A blob that is in the target now, whole and durable. */
export interface Copied {
  readonly status: 'copied' | 'reused';
  readonly sha256: string;
  readonly length: number;
  /** The source's version of what was copied. */
  readonly version: string;
}

/** A blob that is not in the target, or not as it is in the source. */
export interface NotCopied {
  readonly status: 'missing' | 'failed';
  readonly kind: ProblemKind;
  readonly message: string;
}

/** One blob's way: its identifiers on both sides. */
export interface Way {
  readonly id: string;
  readonly targetId: string;
  /**
   * Whether a blob of that SHA-256 in the target is an earlier copy of this blob: then it is
   * replaced by what the source holds now.
   */
  isOurs(sha256: string): boolean;
}

/**
 * Copies a blob with its metadata. One that is in the target already is used where its SHA-256
 * equals the source's.
 */
export async function copyBlob(way: Way, options: CopyOptions): Promise<Copied | NotCopied> {
  const { source, target, budget, signal } = options;
  signal.throwIfAborted();
  try {
    const info = await fromSource(source, () => source.find(way.id));
    if (info === null) return missing(source, way.id);
    const inMemory = source.backend.holdsWholeBlobs || target.backend.holdsWholeBlobs;
    return await budget.run(inMemory ? info.contentLength : 0, async () => {
      const existing = await target.find(way.targetId);
      if (existing === null) return write(way, null, options);
      return reuse(way, { info, existing }, options);
    });
  } catch (error) {
    if (signal.aborted || stopsTheRun(error)) throw error;
    return isNotFound(error) ? missing(source, way.id) : failure(error);
  }
}

function missing(source: Storage, id: string): NotCopied {
  return { status: 'missing', kind: 'missing-blob', message: `${source.path(id)} does not exist` };
}

const kinds: Partial<Record<ErrorKind, ProblemKind>> = {
  damaged: 'damaged-blob',
  refused: 'target-differs',
};

export function failure(error: unknown): NotCopied {
  const kind = error instanceof DepotError ? kinds[error.kind] : undefined;
  return { status: 'failed', kind: kind ?? 'copy-failed', message: messageOf(error) };
}

/** Access denied to one blob of a storage that can be reached is that blob's problem alone. */
async function fromSource<T>(source: Storage, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (!(error instanceof DepotError) || error.kind !== 'unreachable') throw error;
    await source.backend.ping();
    throw new DepotError('failed', error.message, { cause: error });
  }
}

/** What would fail in the same way for every further blob: an unreachable storage, a full disk. */
export function stopsTheRun(error: unknown): boolean {
  if (!(error instanceof DepotError)) return true;
  const code = errorCode(error.cause) ?? '';
  return error.kind === 'unreachable' || ['ENOSPC', 'EDQUOT', 'SQLITE_FULL'].includes(code);
}

/** `replaced` is the version in the target that the copy takes the place of; null: there is none. */
async function write(
  { id, targetId }: Way,
  replaced: string | null,
  options: CopyOptions,
): Promise<Copied> {
  const { source, target, signal, dryRun } = options;
  if (dryRun) {
    const { info, sha256 } = await source.hash(id, signal);
    return { status: 'copied', sha256, length: info.contentLength, version: info.version };
  }
  const content = await fromSource(source, () => source.read(id));
  try {
    const { filename, contentType, contentLength: length, lastModified, version } = content.info;
    const attributes = { filename, contentType, lastModified, length, signal };
    const chunks = consumed(content.chunks);
    const { sha256 } =
      replaced === null
        ? await target.create(chunks, { ...attributes, id: targetId })
        : await target.replace(
            targetId,
            whileStill(replaced, targetId, target, chunks),
            attributes,
          );
    await verify(targetId, sha256, options);
    return { status: 'copied', sha256, length, version };
  } finally {
    await content.close();
  }
}

/** Fails behind the last chunk, so that nothing is published, where somebody else wrote meanwhile. */
async function* whileStill(
  version: string,
  id: string,
  target: Storage,
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  yield* chunks;
  if ((await target.find(id))?.version === version) return;
  throw new DepotError('refused', `${target.path(id)} was replaced while it was copied to`);
}

/** Reads the copy back, where that is asked for: every write has compared its length already. */
async function verify(
  targetId: string,
  sha256: string,
  { target, verifyFull, signal }: CopyOptions,
): Promise<void> {
  if (!verifyFull || (await target.hash(targetId, signal)).sha256 === sha256) return;
  throw new DepotError(
    'damaged',
    `the copy ${target.path(targetId)} differs from what was written`,
  );
}

async function reuse(
  way: Way,
  { info, existing }: { info: BlobInfo; existing: BlobInfo },
  options: CopyOptions,
): Promise<Copied | NotCopied> {
  const { source, target, signal } = options;
  const there = await target.hash(way.targetId, signal);
  if (existing.contentLength === info.contentLength) {
    const { info: read, sha256 } = await source.hash(way.id, signal);
    if (sha256 === there.sha256) {
      return { status: 'reused', sha256, length: read.contentLength, version: read.version };
    }
  }
  if (way.isOurs(there.sha256)) return write(way, there.info.version, options);
  const paths = [target.path(way.targetId), source.path(way.id)] as const;
  const message = `${paths[0]} exists with other content than ${paths[1]}`;
  return { status: 'failed', kind: 'target-differs', message };
}
