/** What Python's `int` skips around a number; JavaScript's `\s` is another set. */
const NON_ASCII_SPACE = /[\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/g;
const NON_ASCII_DIGIT = /(?![0-9])\p{Nd}/gu;
const PLAIN = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const HEXADECIMAL = /^[\t\n\v\f\r ]*\+?(?:0x_?)?([0-9a-f]+(?:_[0-9a-f]+)*)[\t\n\v\f\r ]*$/i;

/**
 * True for every text that Python's `uuid.UUID('{' + text + '}')` takes: beside the usual forms also
 * hyphens and `urn:uuid:` anywhere, braces, and whatever `int(…, 16)` reads in 32 characters.
 */
export function acceptsUuid(text: string): boolean {
  return canonicalUuid(text) !== null;
}

/**
 * The 32 lower-case hexadecimal digits of the UUID that Python reads from a text, or null where it
 * reads none. Equal for all spellings of one UUID.
 */
export function canonicalUuid(text: string): string | null {
  // As all programs write them; the rest takes twenty times as long.
  if (PLAIN.test(text)) return text.replaceAll('-', '');
  const spelled = `{${text}}`
    .replaceAll('urn:', '')
    .replaceAll('uuid:', '')
    .replaceAll(/^[{}]+|(?<![{}])[{}]+$/g, '')
    .replaceAll('-', '');
  if ([...spelled].length !== 32) return null;
  const number = spelled.replaceAll(NON_ASCII_SPACE, ' ').replaceAll(NON_ASCII_DIGIT, asciiDigit);
  const digits = HEXADECIMAL.exec(number)?.[1]?.replaceAll('_', '');
  return digits?.toLowerCase().padStart(32, '0') ?? null;
}

/** Decimal digits stand in Unicode in unbroken runs of ten (or tens) that begin with a zero. */
function asciiDigit(digit: string): string {
  const codePoint = digit.codePointAt(0) ?? 0;
  let first = codePoint;
  while (/\p{Nd}/u.test(String.fromCodePoint(first - 1))) first--;
  return String((codePoint - first) % 10);
}
