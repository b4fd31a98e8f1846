/** What Python's `str.isspace` takes for white space; JavaScript's `\s` differs in six characters. */
const space =
  '[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]';
const leading = new RegExp(`^${space}+`);
const trailing = new RegExp(`(?<!${space})${space}+$`);

/** Python's `str.lstrip()`. */
export function stripStart(text: string): string {
  return text.replace(leading, '');
}

/** Python's `str.rstrip()`. */
export function stripEnd(text: string): string {
  return text.replace(trailing, '');
}

/** Python's `str.strip()`. */
export function strip(text: string): string {
  return stripEnd(stripStart(text));
}

/** Python's `str.split()`: the words between white space. */
export function splitWords(text: string): string[] {
  return text.split(new RegExp(`${space}+`)).filter((word) => word !== '');
}

/** Python's `int(text)`: `1`, `-1`, `+01`, ` 1_000 `, digits of any script; undefined for anything else. */
export function parseInteger(text: string): bigint | undefined {
  const match = /^([+-]?)(\p{Nd}+(?:_\p{Nd}+)*)$/u.exec(strip(text));
  if (match === null) return undefined;
  const [, sign, digits = ''] = match;
  const value = BigInt([...digits.replaceAll('_', '')].map(digitValue).join(''));
  return sign === '-' ? -value : value;
}

/** Unicode keeps the ten digits of a script in one run from zero to nine. */
function digitValue(digit: string): number {
  const codePoint = digit.codePointAt(0) ?? 0;
  let before = 0;
  while (/^\p{Nd}$/u.test(String.fromCodePoint(codePoint - before - 1))) before += 1;
  return before % 10;
}

/** Python's `urllib.parse.unquote`: percent-encoded UTF-8; what is no valid escape stays. */
export function unquote(text: string): string {
  return text.replaceAll(/(?:%[0-9a-f]{2})+/gi, (run) =>
    Buffer.from(run.replaceAll('%', ''), 'hex').toString('utf8'),
  );
}
