import { dumpJson, type JsonObject } from '../python/json.js';
import { formatReferenceText, parseReferenceText } from '../references/reference.js';
import type { WrittenText } from './state.js';

/** A row's text as it was before, and the changes that this turns back. */
export interface TurnedBack {
  readonly text: string;
  readonly changes: readonly number[];
}

/**
 * The text with each of its references turned back that still is as one of these changes, the last
 * first, has written it, whatever else stands in the row now: other shards' references, or what the
 * application has edited since. Null where there is none.
 */
export function turnedBack(text: string, written: readonly WrittenText[]): TurnedBack | null {
  const changes: number[] = [];
  let current = text;
  for (const { change, before, after } of written) {
    const parsed = parseReferenceText(current);
    if (parsed === null) break;
    const originals = originalsOf(before, after);
    const isOurs = (one: JsonObject): boolean => originals.has(dumpJson(one));
    if (!parsed.references.some(isOurs)) continue;
    current = formatReferenceText(parsed, (one) => originals.get(dumpJson(one)) ?? one);
    changes.push(change);
  }
  return changes.length === 0 ? null : { text: current, changes };
}

/** The references that a change has moved as they were before, by what they are behind it. */
function originalsOf(before: string, after: string): Map<string, JsonObject> {
  const [then = [], now = []] = [before, after].map((text) => parseReferenceText(text)?.references);
  const pairs = now.flatMap((reference, index) => {
    const original = then[index];
    return original === undefined ? [] : [[dumpJson(reference), original] as const];
  });
  return new Map(pairs.filter(([moved, original]) => moved !== dumpJson(original)));
}
