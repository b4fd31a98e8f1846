/** Kinds of problems that can be fixed without guessing, and without losing a byte. */
export const fixableKinds = ['duplicate-blob', 'inconsistent-reference', 'leftover'] as const;

export type FixableKind = (typeof fixableKinds)[number];

/** What became of a problem that was to be fixed. */
export interface Fix {
  readonly kind: FixableKind;
  readonly status: 'fixed' | 'would-fix' | 'not-fixed';
  /** Such as `files.data id=7`; null where a blob alone is concerned. */
  readonly reference: string | null;
  /** `storage/id`. */
  readonly path: string | null;
  /** What stood there; null where it still does. */
  readonly before: string | null;
  readonly after: string | null;
  /** Why it is not fixed. */
  readonly message: string | null;
}

/** What a check is to fix. */
export interface Fixing {
  readonly kinds: ReadonlySet<FixableKind>;
  /** Says what would be fixed and changes nothing. */
  readonly dryRun: boolean;
  /** Takes each fix. */
  fixed(fix: Fix): Promise<void>;
}

/** What a problem concerns. */
export type Concern = Pick<Fix, 'kind' | 'reference' | 'path'>;

export function notFixed(concern: Concern, message: string): Fix {
  return { ...concern, status: 'not-fixed', before: null, after: null, message };
}

export function isFixed({ status }: Fix): boolean {
  return status !== 'not-fixed';
}
