import { DepotError, type ErrorKind, messageOf } from '../errors.js';
import { errorCode } from '../files.js';
import type { Storage } from '../storage.js';
import type { ProblemKind } from './report.js';

/** A blob that is in the target now, whole and durable. */
export interface Copied {
  readonly status: 'copied' | 'reused';
  /** Whether the service that holds both storages has made the copy by itself. */
  readonly byService: boolean;
  /** Or, of what did not pass through here, the service's checksum: `crc32c:…`. */
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

export function missing(source: Storage, id: string): NotCopied {
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
export async function fromSource<T>(source: Storage, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (!(error instanceof DepotError) || error.kind !== 'unreachable') throw error;
    await source.backend.ping();
    throw new DepotError('failed', error.message, { cause: error });
  }
}

/** A full disk here, in SQLite, or of a PostgreSQL server. */
const fullCodes = ['ENOSPC', 'EDQUOT', 'SQLITE_FULL', '53100'];

/** What would fail in the same way for every further blob: an unreachable storage, a full disk. */
export function stopsTheRun(error: unknown): boolean {
  if (!(error instanceof DepotError)) return true;
  const code = errorCode(error.cause) ?? '';
  return error.kind === 'unreachable' || fullCodes.includes(code);
}

/** Nothing in the place of a damaged blob's info. */
export function ifDamaged(error: unknown): undefined {
  if (!(error instanceof DepotError && error.kind === 'damaged')) throw error;
}

/** What an error means for one blob; throws it on where it stops the run. */
export function tolerate(error: unknown): NotCopied {
  if (stopsTheRun(error)) throw error;
  return failure(error);
}
