import type { BlobInfo } from '../backend.js';
import { DepotError, isNotFound } from '../errors.js';
import type { Storage } from '../storage.js';
import { consumed } from '../streams.js';
import type { Budget } from './budget.js';
import {
  type Copied,
  failure,
  fromSource,
  missing,
  type NotCopied,
  stopsTheRun,
} from './copy-outcome.js';

/**
 * The contents that blobs had when they were copied, at both ends. What has one of these in the
 * target is an earlier copy, and may be replaced by what the source holds now; anything else was
 * written there by the application.
 */
export interface KnownContents {
  /** `path` is `storage/id`. */
  knows(path: string, sha256: string): boolean;
  /** Before a blob becomes visible. */
  recordContent(path: string, sha256: string): Promise<void>;
  /** Of several, as pairs of path and SHA-256. */
  recordContents(contents: readonly (readonly [path: string, sha256: string])[]): void;
}

/** How blobs get from one storage to another. */
export interface CopyOptions {
  readonly source: Storage;
  readonly target: Storage;
  readonly budget: Budget;
  /** Reads every copy back, instead of comparing its length alone. */
  readonly verifyFull: boolean;
  /** Reads what would be copied, and writes nothing. */
  readonly dryRun: boolean;
  readonly contents: KnownContents;
  readonly signal: AbortSignal;
}

/** Bytes up to which a blob is small: copied together with others, or without a question. */
export const smallBlob = 256 * 1024;

/** One blob's way: its identifiers on both sides. */
export interface Way {
  readonly id: string;
  readonly targetId: string;
  /** What the target is to keep as the blob's original identifier. */
  readonly originalId?: string;
}

/**
 * Copies a blob with its metadata. One that is in the target already is used where its SHA-256
 * equals the source's. `seen` is the source's info of a moment ago, where it has been looked up.
 */
export async function copyBlob(
  way: Way,
  options: CopyOptions,
  seen?: BlobInfo,
): Promise<Copied | NotCopied> {
  return attempt(way, options, seen, async (info) => {
    // Asking first costs a small blob as much as writing it.
    const small = info.contentLength <= smallBlob && !options.dryRun;
    const copied = small ? await write(way, null, options).catch(ifTaken) : null;
    if (copied !== null) return copied;
    const existing = await options.target.find(way.targetId);
    if (existing !== null) return reuse(way, { info, existing }, options);
    try {
      return await write(way, null, options);
    } catch (error) {
      // Another shard may have copied it just now: a thumbnail that files of both share.
      const taken = error instanceof DepotError && error.kind === 'refused';
      const made = taken ? await options.target.find(way.targetId) : null;
      if (made === null) throw error;
      return reuse(way, { info, existing: made }, options);
    }
  });
}

function ifTaken(error: unknown): null {
  if (error instanceof DepotError && error.kind === 'refused') return null;
  throw error;
}

/**
 * Copies a blob with its metadata, whatever the target has under its identifier: `version` of it is
 * replaced, and nothing that somebody else writes there meanwhile; null: nothing is there.
 */
export async function mirrorBlob(
  way: Way,
  options: CopyOptions,
  seen: BlobInfo,
  version: string | null,
): Promise<Copied | NotCopied> {
  return attempt(way, options, seen, () => write(way, version, options));
}

/** Copies with the memory for it; what concerns this blob alone is told, not thrown. */
async function attempt(
  way: Way,
  { source, target, budget, signal }: CopyOptions,
  seen: BlobInfo | undefined,
  copy: (info: BlobInfo) => Promise<Copied | NotCopied>,
): Promise<Copied | NotCopied> {
  signal.throwIfAborted();
  try {
    const info = seen ?? (await fromSource(source, () => source.find(way.id)));
    if (info === null) return missing(source, way.id);
    const inMemory = source.backend.holdsWholeBlobs || target.backend.holdsWholeBlobs;
    return await budget.run(inMemory ? info.contentLength : 0, () => copy(info));
  } catch (error) {
    if (signal.aborted || stopsTheRun(error)) throw error;
    return isNotFound(error) ? missing(source, way.id) : failure(error);
  }
}

/** `replaced` is the version in the target that the copy takes the place of; null: there is none. */
async function write(
  { id, targetId, originalId }: Way,
  replaced: string | null,
  options: CopyOptions,
): Promise<Copied> {
  const { source, target, signal, dryRun, contents } = options;
  if (dryRun) {
    const { info, sha256 } = await source.hash(id, signal);
    const { contentLength: length, version } = info;
    return { status: 'copied', sha256, length, version, byService: false };
  }
  const copied = replaced === null ? await copyInside({ id, targetId }, options) : null;
  if (copied !== null) return copied;
  const content = await fromSource(source, () => source.read(id));
  try {
    const { filename, contentType, contentLength: length, lastModified, version } = content.info;
    const attributes = { filename, contentType, lastModified, length, signal, originalId };
    const chunks = endingWith(consumed(content.chunks), async () => {
      if (replaced !== null && (await target.find(targetId))?.version !== replaced) {
        const path = target.path(targetId);
        throw new DepotError('refused', `${path} was replaced while it was copied to`);
      }
      await contents.recordContent(target.path(targetId), content.sha256());
    });
    const { sha256 } =
      replaced === null
        ? await target.create(chunks, { ...attributes, id: targetId })
        : await fromSource(target, () => target.replace(targetId, chunks, attributes));
    await verify(targetId, sha256, options);
    return { status: 'copied', sha256, length, version, byService: false };
  } finally {
    await content.close();
  }
}

/**
 * Lets the service that holds both storages copy the blob by itself; null where none does. Such a
 * copy is known by its version, since nobody here has hashed it.
 */
async function copyInside({ id, targetId }: Way, options: CopyOptions): Promise<Copied | null> {
  const { source, target, contents, verifyFull, signal } = options;
  // Looked up first: what replaces it from now on has another version, and is copied again.
  const { version } = await source.info(id);
  const copy = await target.copyFrom(source, id, targetId);
  if (copy === null) return null;
  const { version: made } = await target.info(targetId);
  await contents.recordContent(target.path(targetId), asVersion(made));
  if (verifyFull) await verify(targetId, (await source.hash(id, signal)).sha256, options);
  const { length, checksum } = copy;
  return { status: 'copied', sha256: checksum, length, version, byService: true };
}

/** A content's name in the state where no hash of it is known. */
function asVersion(version: string): string {
  return `version:${version}`;
}

/** Does something behind the last chunk; where that fails, nothing becomes visible. */
async function* endingWith(
  chunks: AsyncIterable<Uint8Array>,
  action: () => Promise<void>,
): AsyncGenerator<Uint8Array> {
  yield* chunks;
  await action();
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
  const { source, target, signal, contents } = options;
  const there = await target.hash(way.targetId, signal);
  if (existing.contentLength === info.contentLength) {
    const { info: read, sha256 } = await source.hash(way.id, signal);
    if (sha256 === there.sha256) {
      const { contentLength: length, version } = read;
      return { status: 'reused', sha256, length, version, byService: false };
    }
  }
  const known = [there.sha256, asVersion(there.info.version)];
  if (known.some((one) => contents.knows(target.path(way.targetId), one)))
    return write(way, there.info.version, options);
  const paths = [target.path(way.targetId), source.path(way.id)] as const;
  const message = `${paths[0]} exists with other content than ${paths[1]}`;
  return { status: 'failed', kind: 'target-differs', message };
}
