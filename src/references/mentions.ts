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

/** Whether an identifier may stand in a text without its key: then it is looked for as it is. */
export function isOdd(id: string): boolean {
  return mentionKey(id) === null || !/^[0-9a-f-]+$/i.test(id);
}

/** Every key that a reading of a text could mention, also out of a longer run of digits. */
export function* mentionKeys(reading: string): Generator<string> {
  for (const [run] of reading.matchAll(/[0-9a-f][0-9a-f-]{22,}[0-9a-f]/gi)) {
    const digits = run.replaceAll('-', '').toLowerCase();
    for (const length of keyLengths) {
      for (let start = 0; start + length <= digits.length; start += 1) {
        yield digits.slice(start, start + length);
      }
    }
  }
}

/** How often a text may have been escaped anew: JSON in JSON, a URL in a URL's query. */
const mostEscapes = 4;

/**
 * The text as it stands, and what it says where it is JSON, then where that is HTML, then where
 * that is a URL, and so on while that is escaped again; at last without tags and invisible
 * characters, at which editors let long words break. Each counts: `%2d` may be a hyphen, or a
 * percent sign before an identifier.
 */
export function* readings(text: string): Generator<string> {
  yield text;
  let reading = text;
  for (let escapes = 0; escapes < mostEscapes; escapes += 1) {
    const before = reading;
    for (const decode of [decodeJson, decodeHtml, decodeUrl]) {
      const decoded = decode(reading);
      if (decoded === reading) continue;
      reading = decoded;
      yield reading;
    }
    if (reading === before) break;
  }
  const visible = reading.replaceAll(unseen, '');
  if (visible !== reading) yield visible;
}

/** Tags, soft hyphens, joiners, and spaces of no width. */
const unseen = /<[^<>]*>|[\u00ad\u200b-\u200d\u2060\ufeff]/g;

function decodeJson(text: string): string {
  return text.replaceAll(
    /\\(?:u[0-9a-fA-F]{4}|["\\/bfnrt])/g,
    (code) => JSON.parse(`"${code}"`) as string,
  );
}

const namedCharacters: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  nbsp: '\u00a0',
  shy: '\u00ad',
};

function decodeHtml(text: string): string {
  return text.replaceAll(
    /&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|(amp|lt|gt|quot|apos|nbsp|shy));/gi,
    (whole, decimal?: string, hexadecimal?: string, name?: string) => {
      if (name !== undefined) return namedCharacters[name.toLowerCase()] ?? whole;
      const code = decimal === undefined ? Number.parseInt(hexadecimal ?? '', 16) : Number(decimal);
      return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
    },
  );
}

function decodeUrl(text: string): string {
  return text.replaceAll(/(?:%[0-9a-f]{2})+/gi, (run) =>
    Buffer.from(run.replaceAll('%', ''), 'hex').toString(),
  );
}
