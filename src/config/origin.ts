import path from 'node:path';

/** Where a value was written, for error messages. */
export interface Origin {
  /** Absolute path of the file; empty for a value from the environment. */
  file: string;
  /** Counted from 1; null for a value that nobody wrote: a default, or one from the environment. */
  line: number | null;
  section: string | null;
  /** As written; the variable's name for a value from the environment. */
  key: string;
}

/** A value as it is to be used (interpolated), and where it was written. */
export interface Setting {
  value: string;
  origin: Origin;
}

/**
 * `production.ini line 31 [app:kotti] kotti.depot.1.storage_path`; for a value from the environment
 * the variable's name.
 */
export function describeOrigin(origin: Origin): string {
  if (origin.file === '') return origin.key;
  const parts = [describePlace(origin.file, origin.line)];
  if (origin.section !== null) parts.push(`[${origin.section}]`);
  if (origin.key !== '') parts.push(origin.key);
  return parts.join(' ');
}

/** `production.ini line 31`: a file below the current directory is named relative to it. */
export function describePlace(file: string, line: number | null = null): string {
  const relative = path.relative(process.cwd(), file);
  const outside = relative === '' || relative.startsWith('..') || path.isAbsolute(relative);
  const name = outside ? file : relative;
  return line === null ? name : `${name} line ${line}`;
}
