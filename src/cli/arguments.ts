import { InvalidArgumentError } from 'commander';

/** A whole number of at least 1, of an option. */
export function parseCount(text: string): number {
  const count = Number(text);
  if (/^\d+$/.test(text) && count >= 1 && Number.isSafeInteger(count)) return count;
  throw new InvalidArgumentError('It must be a whole number from 1.');
}

/** A text that is not empty, of an option. */
export function parseText(text: string): string {
  if (text !== '') return text;
  throw new InvalidArgumentError('It must not be empty.');
}

/** A content type such as `text/plain`, of an option. */
export function parseType(text: string): string {
  if (/^[^\s/]+\/[\x20-\x7e]+$/.test(text)) return text;
  throw new InvalidArgumentError('It must be a content type, such as text/plain.');
}

/** Collects the values of an option that may be given several times. */
export function collect(value: string, earlier: readonly string[] = []): string[] {
  return [...earlier, value];
}
