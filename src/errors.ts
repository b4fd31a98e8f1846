/** What went wrong, in the terms of the exit-code table. */
export type ErrorKind =
  | 'failed'
  | 'damaged'
  | 'usage'
  | 'config'
  | 'not-found'
  | 'refused'
  | 'unreachable'
  | 'problems'
  | 'interrupted'
  | 'terminated';

/** The one table of exit codes. */
export const exitCodes: Readonly<Record<ErrorKind, number>> = {
  failed: 1,
  damaged: 1,
  usage: 2,
  config: 2,
  'not-found': 3,
  refused: 4,
  unreachable: 5,
  problems: 6,
  interrupted: 130,
  terminated: 143,
};

/**
 * An error that a user can act on: `message` is one line, `<what failed>: <why>`, and `hint`,
 * where known, one line that says what to do. Neither ever holds a secret.
 */
export class DepotError extends Error {
  readonly kind: ErrorKind;
  readonly hint: string | undefined;

  constructor(kind: ErrorKind, message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.name = 'DepotError';
    this.kind = kind;
    this.hint = options.hint;
  }
}

/** True for the error that a backend or the facade throws when there is no such blob. */
export function isNotFound(error: unknown): boolean {
  return error instanceof DepotError && error.kind === 'not-found';
}

/** The message of anything that was thrown, on one line. */
export function messageOf(error: unknown): string {
  const text = error instanceof Error ? error.message || error.name : String(error);
  return text.replaceAll(/\s*\n\s*/g, ' ');
}
