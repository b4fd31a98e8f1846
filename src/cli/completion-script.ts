import { readFileSync } from 'node:fs';

/** Shells that the package has a script for. */
export const shells = ['bash', 'zsh', 'fish'] as const;

/** The script that asks `depot complete -- WORDS` for candidates, in one of these shells. */
export function readCompletionScript(shell: string): string {
  // The same way from the sources and from what is built of them.
  return readFileSync(new URL(`../../completions/depot.${shell}`, import.meta.url), 'utf8');
}
