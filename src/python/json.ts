/**
 * JSON as Python's `json` module reads and writes it. Unlike JSON.parse it keeps the order of all
 * keys (also of those like "10"), the digits of every number, and reads NaN and Infinity.
 */

/** A number as it was written: `1.0`, `1e-07`, `12345678901234567890`, `NaN`, `-Infinity`. */
export class JsonNumber {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** Keys in their order. A repeated key keeps its first position and its last value. */
export type JsonObject = Map<string, JsonValue>;

export type JsonValue = string | boolean | null | JsonNumber | JsonValue[] | JsonObject;

/** Python's recursion limit, which `json.loads` and `json.dumps` run into a few levels earlier. */
const MAX_DEPTH = 1000;

/** Python refuses to convert longer integers (`sys.int_info.default_max_str_digits`). */
const MAX_INTEGER_DIGITS = 4300;

const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|-?Infinity|NaN/y;
const WHITESPACE = new Set([' ', '\t', '\n', '\r']);

interface Cursor {
  readonly text: string;
  /** Index of the next character, in UTF-16 units. */
  at: number;
}

/**
 * The value of a JSON text, for the texts that Python's `json.loads` accepts.
 * @throws SyntaxError with the line and column (in characters, from 1) of the first mistake.
 */
export function parseJson(text: string): JsonValue {
  const cursor = { text, at: 0 };
  skipWhitespace(cursor);
  const value = readValue(cursor, 0);
  skipWhitespace(cursor);
  if (cursor.at < text.length) throw mistake(cursor, 'text after the end of the value');
  return value;
}

function readValue(cursor: Cursor, depth: number): JsonValue {
  if (depth > MAX_DEPTH) throw mistake(cursor, `more than ${MAX_DEPTH} levels of nesting`);
  switch (cursor.text[cursor.at]) {
    case '"':
      return readString(cursor);
    case '[':
      return readArray(cursor, depth);
    case '{':
      return readObject(cursor, depth);
    case 't':
      return readWord(cursor, 'true', true);
    case 'f':
      return readWord(cursor, 'false', false);
    case 'n':
      return readWord(cursor, 'null', null);
    default:
      return readNumber(cursor);
  }
}

function readArray(cursor: Cursor, depth: number): JsonValue[] {
  const items: JsonValue[] = [];
  cursor.at++;
  skipWhitespace(cursor);
  if (skip(cursor, ']')) return items;
  do {
    skipWhitespace(cursor);
    items.push(readValue(cursor, depth + 1));
    skipWhitespace(cursor);
  } while (skip(cursor, ','));
  if (!skip(cursor, ']')) throw mistake(cursor, "expected ',' or ']'");
  return items;
}

function readObject(cursor: Cursor, depth: number): JsonObject {
  const object: JsonObject = new Map();
  cursor.at++;
  skipWhitespace(cursor);
  if (skip(cursor, '}')) return object;
  do {
    skipWhitespace(cursor);
    if (cursor.text[cursor.at] !== '"') throw mistake(cursor, 'expected a key in double quotes');
    const key = readString(cursor);
    skipWhitespace(cursor);
    if (!skip(cursor, ':')) throw mistake(cursor, "expected ':'");
    skipWhitespace(cursor);
    object.set(key, readValue(cursor, depth + 1));
    skipWhitespace(cursor);
  } while (skip(cursor, ','));
  if (!skip(cursor, '}')) throw mistake(cursor, "expected ',' or '}'");
  return object;
}

function readString(cursor: Cursor): string {
  const { text, at: start } = cursor;
  let end = start + 1;
  while (end < text.length && text[end] !== '"') end += text[end] === '\\' ? 2 : 1;
  if (end >= text.length) throw mistake(cursor, 'a string without its closing quote');
  cursor.at = end + 1;
  try {
    // Within a string, both languages take the same escapes and refuse the same characters.
    return JSON.parse(text.slice(start, cursor.at)) as string;
  } catch {
    const wrong = { text, at: start };
    throw mistake(wrong, 'a string with an unknown escape or an unescaped control character');
  }
}

function readNumber(cursor: Cursor): JsonNumber {
  NUMBER.lastIndex = cursor.at;
  const text = NUMBER.exec(cursor.text)?.[0];
  if (text === undefined) throw mistake(cursor, 'expected a value');
  const digits = text.startsWith('-') ? text.length - 1 : text.length;
  if (digits > MAX_INTEGER_DIGITS && !/[.eE]/.test(text)) {
    throw mistake(cursor, `an integer of more than ${MAX_INTEGER_DIGITS} digits`);
  }
  cursor.at += text.length;
  return new JsonNumber(text);
}

function readWord<Value>(cursor: Cursor, word: string, value: Value): Value {
  if (!cursor.text.startsWith(word, cursor.at)) throw mistake(cursor, 'expected a value');
  cursor.at += word.length;
  return value;
}

function skip(cursor: Cursor, character: string): boolean {
  const found = cursor.text[cursor.at] === character;
  if (found) cursor.at++;
  return found;
}

function skipWhitespace(cursor: Cursor): void {
  while (WHITESPACE.has(cursor.text[cursor.at] ?? '')) cursor.at++;
}

function mistake({ text, at }: Cursor, why: string): SyntaxError {
  const before = text.slice(0, at).split('\n');
  const column = [...(before.at(-1) ?? '')].length + 1;
  return new SyntaxError(`line ${before.length}, column ${column}: ${why}`);
}

const SHORT_ESCAPES: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
};

/** The text that Python's `json.dumps(value)` gives, pure ASCII; numbers stay as written. */
export function dumpJson(value: JsonValue): string {
  if (value === null || typeof value === 'boolean') return String(value);
  if (typeof value === 'string') return dumpString(value);
  if (value instanceof JsonNumber) return value.text;
  if (Array.isArray(value)) return `[${value.map(dumpJson).join(', ')}]`;
  const members = Array.from(value, ([key, member]) => `${dumpString(key)}: ${dumpJson(member)}`);
  return `{${members.join(', ')}}`;
}

function dumpString(text: string): string {
  return `"${text.replaceAll(/["\\]|[^ -~]/g, escapeUnit)}"`;
}

function escapeUnit(unit: string): string {
  return SHORT_ESCAPES[unit] ?? `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
