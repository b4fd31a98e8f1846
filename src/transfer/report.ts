/** What a command counts and reports, in the words of its `--json` output. */

export type ProblemKind =
  | 'missing-blob'
  | 'damaged-blob'
  | 'target-differs'
  | 'broken-reference'
  | 'reference-too-long'
  | 'no-primary-key'
  | 'unchangeable'
  | 'reference-changed'
  | 'mention-left'
  | 'still-mentioned'
  | 'source-replaced'
  | 'copy-failed'
  | 'delete-failed'
  | 'unknown-storage'
  | 'inconsistent-reference'
  | 'unreferenced-blob'
  | 'duplicate-blob'
  | 'wrong-length'
  | 'unreadable-blob'
  | 'leftover';

/** An item that was not done as asked. */
export interface Problem {
  readonly kind: ProblemKind;
  /** Such as `files.data id=7`; null where a blob alone is concerned. */
  readonly reference: string | null;
  /** `storage/id`. */
  readonly path: string | null;
  readonly message: string;
}

export interface Counts {
  readonly references: {
    scanned: number;
    migrated: number;
    missing: number;
    changed: number;
    failed: number;
    /** Left where they are as asked; absent where all were asked for. */
    not_selected?: number;
  };
  readonly blobs: {
    copied: number;
    /** Those of `copied` that a service has made by itself, compared by its own checksum. */
    copied_by_service: number;
    reused: number;
    missing: number;
    failed: number;
    deleted: number;
  };
  /** Of the blobs copied. */
  bytes: number;
  /** What --keep-for leaves in the source; absent without it. */
  kept?: {
    blobs: number;
    /** When the last of them may go, `YYYY-MM-DDTHH:MM:SS.fffZ`; null where there is none. */
    until: string | null;
  };
  /** Absent where none were to be rewritten. */
  mentions?: {
    rewritten: number;
    /** Rows and blobs whose mention stays. */
    left: number;
  };
}

export function newCounts(): Counts {
  return {
    references: { scanned: 0, migrated: 0, missing: 0, changed: 0, failed: 0 },
    blobs: { copied: 0, copied_by_service: 0, reused: 0, missing: 0, failed: 0, deleted: 0 },
    bytes: 0,
  };
}

/** References that should have moved and did not. */
export function leftBehind({ missing, changed, failed }: Counts['references']): number {
  return missing + changed + failed;
}

/** Something that was done. */
interface Done {
  readonly action: 'copied' | 'replaced' | 'reused' | 'deleted' | 'migrated' | 'turned back';
  /** `storage/id` of a blob: of the source, if it was copied. */
  readonly path?: string;
  /** Such as `files.data id=7`. */
  readonly reference?: string;
  /** How many references that row holds that were changed. */
  readonly references?: number;
  /** Of a blob that was copied. */
  readonly bytes?: number;
}

/** Who wants to know how a transfer goes. */
export interface Observer<C = Counts> {
  problem(problem: Problem): void;
  /** Called whenever the counts have changed. */
  progress(counts: C): void;
  /** Takes each thing that was done. */
  done?(item: Done): void;
}
