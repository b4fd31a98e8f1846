import { dumpJson } from '../python/json.js';
import { canonicalUuid } from '../python/uuid.js';

/**
 * Finding identifiers in any text: references, rich text, URLs, in any spelling. What is found
 * protects a blob, so a hit too many is fine and one too few is not.
 */

/** Hexadecimal digits of a UUID and of an ObjectId. */
const keyLengths = [32, 24];

/**
 * The form in which all spellings of one UUID or ObjectId are equal: lower-case hexadecimal digits
 * alone; null for an identifier that is neither.
 */
export function mentionKey(id: string): string | null {
  const digits = id.replaceAll('-', '').toLowerCase();
  if (/^[0-9a-f]+$/.test(digits) && keyLengths.includes(digits.length)) return digits;
  return canonicalUuid(id);
}

/** The texts to look for where an identifier is spelled in a way that its digits do not show. */
export function literalMentions(id: string): string[] {
  if (mentionKey(id) !== null && /^[0-9a-f-]+$/i.test(id)) return [];
  const escaped = id.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
  const forms = [id, percentEncoded(id), dumpJson(id).slice(1, -1), escaped];
  return [...new Set(forms.map((form) => form.toLowerCase()))];
}

/** Every key that a text could mention, also out of a longer run of digits. */
export function* mentionKeys(text: string): Generator<string> {
  const plain = text.includes('%') ? text.replaceAll(/%2d/gi, '-') : text;
  for (const [run] of plain.matchAll(/[0-9a-f][0-9a-f-]{22,}[0-9a-f]/gi)) {
    const digits = run.replaceAll('-', '').toLowerCase();
    for (const length of keyLengths) {
      for (let start = 0; start + length <= digits.length; start += 1) {
        yield digits.slice(start, start + length);
      }
    }
  }
}

function percentEncoded(id: string): string {
  try {
    return encodeURIComponent(id);
  } catch {
    // A lone surrogate has no UTF-8 form.
    return id;
  }
}
