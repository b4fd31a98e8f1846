import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { dumpJson, JsonNumber, type JsonValue, parseJson } from '../../src/python/json.js';

const fixtures = join(import.meta.dirname, '../../fixtures');

function fixture(path: string): string {
  return readFileSync(join(fixtures, path), 'utf8');
}

function rewritten(text: string): string {
  return dumpJson(parseJson(text));
}

function accepts(parse: (json: string) => unknown, json: string): boolean {
  try {
    parse(json);
    return true;
  } catch (error) {
    expect(error).toBeInstanceOf(SyntaxError);
    return false;
  }
}

describe('texts that Python wrote come back byte for byte', () => {
  const { kotti_site, other_kinds } = JSON.parse(fixture('references.json')) as Record<
    'kotti_site' | 'other_kinds',
    { raw: string | null }[]
  >;
  const references = [...kotti_site, ...other_kinds]
    .map(({ raw }) => raw)
    .filter((raw) => raw !== null && raw !== '');

  test('there are references to try', () => expect(references.length).toBeGreaterThan(50));

  test.each(references)('%s', (raw) => expect(rewritten(raw as string)).toBe(raw));

  test.each(readdirSync(join(fixtures, 'local/store')))('metadata of %s', (id) => {
    const text = fixture(`local/store/${id}/metadata.json`);
    expect(rewritten(text)).toBe(text);
  });

  test.each([
    ['numbers', '[1.0, 1e-07, 1e+22, -0.0, -0, 12345678901234567890, NaN, Infinity, -Infinity]'],
    ['keys that look like indexes', '{"10": 1, "9": 2, "": 3, "__proto__": 4}'],
    ['short escapes', '"\\"\\\\\\b\\f\\n\\r\\t"'],
    ['long escapes', '"\\u0000\\u001f\\u007f\\u0080\\u00e9\\u2028\\u2029\\ufeff\\uffff"'],
    ['a surrogate pair, lone and swapped ones', '"\\ud83d\\ude00 \\ud800 \\ude00\\ud83d"'],
    ['what JSON may escape, but need not', '"/<>&\'"'],
    ['empty containers', '{"a": [], "b": {}, "c": ""}'],
  ])('%s', (_what, text) => expect(rewritten(text)).toBe(text));
});

describe('other texts that Python reads', () => {
  test.each([
    ['{"a": 1, "b": 2, "a": 3}', '{"a": 3, "b": 2}'],
    ['{"a": 1, "\\u0061": 2}', '{"a": 2}'],
    [' \t\r\n[ 1 ,\n2 ]\r\n', '[1, 2]'],
    ['{"a":[true,false,null]}', '{"a": [true, false, null]}'],
    ['"\\/\\u00E9ä😀\u2028\u007f"', '"/\\u00e9\\u00e4\\ud83d\\ude00\\u2028\\u007f"'],
    ['1E5', '1E5'],
    ['1e400', '1e400'],
    ['1'.repeat(4300), '1'.repeat(4300)],
    [`${'1'.repeat(4301)}.0`, `${'1'.repeat(4301)}.0`],
  ])('%j', (text, dumped) => expect(rewritten(text)).toBe(dumped));

  test('a number keeps its text, a string its lone surrogate', () => {
    const value = parseJson('{"n": 1.50, "s": "\\ud800"}');
    expect(value).toEqual(
      new Map<string, JsonValue>([
        ['n', new JsonNumber('1.50')],
        ['s', '\ud800'],
      ]),
    );
  });
});

describe('texts that Python refuses', () => {
  test.each([
    ['', 'line 1, column 1: expected a value'],
    [' \n ', 'line 2, column 2: expected a value'],
    ['\ufeff{}', 'line 1, column 1: expected a value'],
    ['\u000b1', 'line 1, column 1: expected a value'],
    ['\u00a01', 'line 1, column 1: expected a value'],
    ['-NaN', 'line 1, column 1: expected a value'],
    ['+1', 'line 1, column 1: expected a value'],
    ['.5', 'line 1, column 1: expected a value'],
    ['nul', 'line 1, column 1: expected a value'],
    ["'a'", 'line 1, column 1: expected a value'],
    ['[1,]', 'line 1, column 4: expected a value'],
    ['01', 'line 1, column 2: text after the end of the value'],
    ['1.', 'line 1, column 2: text after the end of the value'],
    ['1e+', 'line 1, column 2: text after the end of the value'],
    ['1_0', 'line 1, column 2: text after the end of the value'],
    ['{} {}', 'line 1, column 4: text after the end of the value'],
    ['[1 2]', "line 1, column 4: expected ',' or ']'"],
    ['[', 'line 1, column 2: expected a value'],
    ['{"a": 1', "line 1, column 8: expected ',' or '}'"],
    ['{"é😀" 1}', "line 1, column 7: expected ':'"],
    ['{"a": 1,}', 'line 1, column 9: expected a key in double quotes'],
    ['{a: 1}', 'line 1, column 2: expected a key in double quotes'],
    ['{"a":\n"b\\"', 'line 2, column 1: a string without its closing quote'],
    ['"\\', 'line 1, column 1: a string without its closing quote'],
  ])('%j', (text, message) => {
    expect(() => parseJson(text)).toThrow(new SyntaxError(message));
  });

  test.each(['"\t"', '"\n"', '"\u001f"', '"\\x41"', '"\\u12"', '"\\u+123"', '"\\0"', '"\\\'"'])(
    'the string %j',
    (text) => expect(() => parseJson(text)).toThrow(/line 1, column 1: a string with an unknown/),
  );

  test.each(['1'.repeat(4301), `-${'1'.repeat(4301)}`])('an integer of 4301 digits', (text) => {
    expect(() => parseJson(text)).toThrow(/an integer of more than 4300 digits/);
  });

  test.each(['[', '{"a":', '[{"a":'])('%j without end is an error, not a crash', (opening) => {
    expect(() => parseJson(opening.repeat(500_000))).toThrow(/more than 1000 levels of nesting/);
  });

  test('the deepest nesting that Python reads', () => {
    const text = '['.repeat(995) + ']'.repeat(995);
    expect(rewritten(text)).toBe(text);
  });

  test('damaged metadata, and only that', () => {
    const odd = JSON.parse(fixture('local-odd/expected.json')) as { entry: string; case: string }[];
    const refused = odd
      .map(({ entry, case: what }) => ({ what, path: `local-odd/store/${entry}/metadata.json` }))
      .filter(({ path }) => existsSync(join(fixtures, path)))
      .filter(({ path }) => !accepts(parseJson, fixture(path)));
    expect(refused.map(({ what }) => what)).toEqual([
      'metadata is empty',
      'metadata is cut off',
      'metadata begins with a byte order mark',
    ]);
  });
});

describe('any value and any text', () => {
  const text = fc.string({ unit: fc.oneof(fc.constantFrom(...'\\"\n10'), wholeUnit()) });
  const number = fc
    .oneof(fc.bigInt().map(String), fc.double().map(String), fc.constantFrom('1.0', '-0', '1E+05'))
    .map((written) => new JsonNumber(written));
  const { value } = fc.letrec<{ value: JsonValue }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom(null, true, false),
      text,
      number,
      fc.array(tie('value'), { maxLength: 4 }),
      fc.array(fc.tuple(text, tie('value')), { maxLength: 4 }).map((pairs) => new Map(pairs)),
    ),
  }));

  function wholeUnit() {
    return fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit));
  }

  test('what was dumped is parsed again, keys in order', () => {
    fc.assert(
      fc.property(value, (original) => {
        const dumped = dumpJson(original);
        expect(dumped).toMatch(/^[ -~]*$/);
        expect(parseJson(dumped)).toEqual(original);
        expect(rewritten(dumped)).toBe(dumped);
      }),
    );
  });

  test('accepts what JSON.parse accepts, beside NaN and Infinity', () => {
    const damagedText = fc
      .tuple(value.map(dumpJson), fc.nat(), fc.constantFrom(...'{}[],:"\\u0e-. \n\u0000\u00a0'))
      .map(([dumped, at, character]) => {
        const cut = at % (dumped.length + 1);
        return dumped.slice(0, cut) + character + dumped.slice(cut + 1);
      })
      .filter((dumped) => !/NaN|Infinity/.test(dumped));
    fc.assert(
      fc.property(damagedText, (dumped) => {
        expect(accepts(parseJson, dumped)).toBe(accepts(JSON.parse, dumped));
      }),
    );
  });
});
