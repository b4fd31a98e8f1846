import { type JsonValue, parseJson } from '../python/json.js';
import { type BlobFinder, type NamedBlob, replaceNames } from './named-blobs.js';
import { parseReferenceText } from './reference.js';
import { facts, sourceIds } from './relocate.js';

/** A text with the mentions in it exchanged, and those that had to stay. */
export interface Rewritten {
  readonly text: string;
  readonly count: number;
}

/**
 * The text with the blobs' names that `rename` has others for, and nothing else changed. References
 * are left as they are: the text stays as a whole while one in it names the source, or where one is
 * hidden in it that cannot be read.
 */
export function rewriteText(
  text: string,
  find: BlobFinder,
  sources: ReadonlySet<string>,
  rename: (name: NamedBlob) => string | null,
): Rewritten {
  const unchanged = { text, count: 0 };
  const names = find(text);
  if (names.length === 0 || hasReferenceIn(text, sources)) return unchanged;
  const kept = text.includes('depot_name') ? factsIn(text) : [];
  const changes = names.flatMap((name) => {
    if (kept.some(({ start, end }) => name.start >= start && name.end <= end)) return [];
    const by = rename(name);
    return by === null ? [] : [{ start: name.start, end: name.end, by }];
  });
  const after = replaceNames(text, changes);
  // Two keys of one object that become equal are one value less.
  if (countKeys(text) !== countKeys(after)) return unchanged;
  return { text: after, count: changes.length };
}

/** Whether it holds a reference that names one of these storages, or one that nobody can read. */
function hasReferenceIn(text: string, storages: ReadonlySet<string>): boolean {
  const marks = text.split('depot_name').length - 1;
  if (marks === 0) return false;
  const references = parseReferenceText(text)?.references ?? [];
  return references.length !== marks || references.some((one) => sourceIds(one, storages).size > 0);
}

/** Where a reference says what its upload was called, in the text of a reference. */
function factsIn(text: string): { start: number; end: number }[] {
  const fact = new RegExp(`"(?:${[...facts].join('|')})"\\s*:\\s*"(?:[^"\\\\]|\\\\.)*"`, 'g');
  return [...text.matchAll(fact)].map(({ 0: whole, index }) => ({
    start: index,
    end: index + whole.length,
  }));
}

/** The number of keys of all objects in a JSON text; 0 for other texts. */
function countKeys(text: string): number {
  if (!/^\s*[{[]/.test(text)) return 0;
  const count = (value: JsonValue): number => {
    const parts = value instanceof Map ? [...value.values()] : Array.isArray(value) ? value : [];
    const own = value instanceof Map ? value.size : 0;
    return parts.reduce<number>((sum, part) => sum + count(part), own);
  };
  try {
    return count(parseJson(text));
  } catch {
    return 0;
  }
}
