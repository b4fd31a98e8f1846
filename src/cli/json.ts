/**
 * One line of JSON. What that leaves alone and a terminal would obey is written as `\u…`, which any
 * reader takes for the same.
 */
export function jsonOf(object: unknown): string {
  return JSON.stringify(object).replaceAll(/[\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g, escaped);
}

/** `\u…`. */
export function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
