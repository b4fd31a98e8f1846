import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseIni } from '../../src/config/ini.js';
import { interpolate } from '../../src/config/interpolation.js';
import { describeOrigin } from '../../src/config/origin.js';
import { outcome, pythonClassOf } from './python-errors.js';

const file = '/srv/site.ini';

function parse(text: string): Record<string, Record<string, string>> {
  const { defaults, sections } = parseIni(file, Buffer.from(text));
  const all = defaults.size === 0 ? [...sections] : [['DEFAULT', defaults] as const, ...sections];
  const texts = all.map(([name, values]) => [
    name,
    Object.fromEntries([...values].map(([key, { text: value }]) => [key, value])),
  ]);
  return Object.fromEntries(texts);
}

type Case = [name: string, text: string, answer: string | Record<string, Record<string, string>>];

/** Recorded from Python 3.11.7's RawConfigParser with `optionxform = str`. */
const recorded: Case[] = [
  [
    'a continuation that dedents but stays inside',
    '[s]\na = 1\n      b\n   c\nd = 2\n',
    { s: { a: '1\nb\nc', d: '2' } },
  ],
  [
    'a comment between continuation lines keeps the value open',
    '[s]\na = 1\n# c\n  b\n',
    { s: { a: '1\nb' } },
  ],
  ['an indented header is a continuation', '[s]\na = 1\n  [t]\n', { s: { a: '1\n[t]' } }],
  [
    'an indented key after an indented one is a key',
    '[s]\n  a = 1\n  b = 2\n',
    { s: { a: '1', b: '2' } },
  ],
  [
    'a header ends the value, its indent counts',
    '[s]\na = 1\n[t]\n  b = 2\n  c = 3\n',
    { s: { a: '1' }, t: { b: '2', c: '3' } },
  ],
  ['a bad line in an indented block', '[s]\n  a = 1\n  lonely\n b = 2\n', 'ParsingError'],
  ['a value of empty lines', '[s]\na =\n\n\n\nb = 1\n', { s: { a: '', b: '1' } }],
  [
    'empty lines in and after a value',
    '[s]\na = 1\n\n  2\n\n\n[t]\n',
    { s: { a: '1\n\n2' }, t: {} },
  ],
  ['an empty key is an error', '[s]\n = 1\n', 'ParsingError'],
  ['two empty keys are duplicates first', '[s]\n= 1\n= 2\n', 'DuplicateOptionError'],
  ['a key with inner spaces', '[s]\nx y\t= 1\n', { s: { 'x y': '1' } }],
  ['the first delimiter counts', '[s]\na:b=c\nd=e:f\n', { s: { a: 'b=c', d: 'e:f' } }],
  [
    '[DEFAULT] twice',
    '[DEFAULT]\na = 1\n[s]\n[DEFAULT]\nb = 2\n',
    { DEFAULT: { a: '1', b: '2' }, s: {} },
  ],
  [
    '[DEFAULT] twice with one key',
    '[DEFAULT]\na = 1\n[s]\n[DEFAULT]\na = 2\n',
    'DuplicateOptionError',
  ],
  ['[default] is a section', '[default]\na = 1\n', { default: { a: '1' } }],
  ['a greedy header', '[a]b]c\nx = 1\n', { 'a]b': { x: '1' } }],
  ['a header of a space', '[ ]\nx = 1\n', { ' ': { x: '1' } }],
  ['an unclosed header', '[s\n', 'MissingSectionHeaderError'],
  ['an unclosed header with a delimiter', '[s]\n[t = 1\n', { s: { '[t': '1' } }],
  ['nothing', '', {}],
  ['only comments', '# a\n ; b\n', {}],
  ['a bare carriage return ends a line', '[s]\ra = 1\rb = 2\r', { s: { a: '1', b: '2' } }],
  [
    'form feed, FS and NEL do not',
    '[s]\na = 1\fb = 2\nc = 3\u001cd\ne = 4\u0085f\n',
    { s: { a: '1\fb = 2', c: '3\u001cd', e: '4\u0085f' } },
  ],
  [
    'white space of Python is stripped',
    '[s]\n\u001ca\u00a0=\u2003\u00851\u3000\n',
    { s: { a: '1' } },
  ],
  ['U+FEFF and U+200B are not', '[s]\na = \ufeff1\u200b\n', { s: { a: '\ufeff1\u200b' } }],
  ['an ideographic space indents', '[s]\na = 1\n\u3000b\n', { s: { a: '1\nb' } }],
  ['a no-break space before a comment', '[s]\n\u00a0# c\na = 1\n', { s: { a: '1' } }],
  ['duplicates before bad lines', '[s]\nlonely\na = 1\na = 2\n', 'DuplicateOptionError'],
  [
    'a continuation after a bad line belongs to the value before',
    '[s]\na = 1\nlonely\n  b\n',
    'ParsingError',
  ],
];

describe('parseIni', () => {
  test.each(recorded)('%s', async (_, text, answer) => {
    const expected = typeof answer === 'string' ? { error: answer } : answer;
    expect(await outcome(() => parse(text))).toEqual(expected);
  });

  test('every value keeps where it was written', () => {
    const { sections } = parseIni(file, Buffer.from('# c\r\n[s]\r\na =\r\n  1\r\nB: 2\r\n'));
    const origins = [...(sections.get('s')?.values() ?? [])].map(({ origin }) => origin);
    expect(origins.map(describeOrigin)).toEqual([
      '/srv/site.ini line 3 [s] a',
      '/srv/site.ini line 5 [s] B',
    ]);
  });

  test.each([
    ['x = 1\n', 'line 1: no section header above the first setting'],
    ['[s]\n[s]\n', 'line 2 [s]: the file already has this section'],
    ['[s]\na = 1\na = 2\n', 'line 3 [s] a: the section already has this key, on line 2'],
    ['[s]\nsecret\n', 'line 2: neither a section header nor KEY = VALUE'],
    ['[s]\nsecret\nmore\n', 'lines 2, 3: neither a section header nor KEY = VALUE'],
  ])('the error of %j', (text, message) => {
    expect(() => parse(text)).toThrow(`${file} ${message}`);
  });

  test('a byte-order mark is read past at the beginning only', () => {
    expect(parseIni(file, Buffer.from('\ufeff[s]\n')).byteOrderMark).toBe(true);
    expect(parseIni(file, Buffer.from('[s]\n')).byteOrderMark).toBe(false);
    expect(() => parse('\ufeff\ufeff[s]\n')).toThrow('no section header');
  });

  // Offsets recorded from Python's strict decoder.
  test.each([
    ['5b735d0ae9', 'line 2: not UTF-8, the byte at offset 4 is 0xe9'],
    ['efbfbdefbf', 'line 1: not UTF-8, the byte at offset 3 is 0xef'],
    ['c3a9f09f9a', 'line 1: not UTF-8, the byte at offset 2 is 0xf0'],
    ['61eda080', 'line 1: not UTF-8, the byte at offset 1 is 0xed'],
    ['c080', 'line 1: not UTF-8, the byte at offset 0 is 0xc0'],
    ['0d0a0d80', 'line 3: not UTF-8, the byte at offset 3 is 0x80'],
  ])('bytes %s', (hex, message) => {
    expect(() => parseIni(file, Buffer.from(hex, 'hex'))).toThrow(`${file} ${message}`);
  });

  test('any key and value are read back', () => {
    const text = fc
      .string({ unit: 'grapheme' })
      .map((each) => each.trim())
      .filter((each) => !/[\p{Cc}\u2028\u2029\ufeff]/u.test(each));
    const key = text.filter((each) => /^[^=:#;[]+$/.test(each));
    fc.assert(
      fc.property(key, fc.array(text.filter((line) => /^[^#;]/.test(line))), (name, lines) => {
        const value = lines.join('\n    ');
        expect(parse(`[s]\n${name} = ${value}\n`)).toEqual({ s: { [name]: lines.join('\n') } });
      }),
    );
  });
});

describe('interpolate', () => {
  const origin = { file, line: 7, section: 's', key: 'k' };
  const expand = (text: string, values: Record<string, string> = {}) =>
    interpolate({ text, origin }, (name) => new Map(Object.entries(values)).get(name));
  /** A value at the end of so many references. */
  const nested = (depth: number) =>
    Object.fromEntries(
      Array.from({ length: depth }, (_, index) => [
        `v${index + 1}`,
        index + 1 === depth ? '%%' : `%(v${index + 2})s`,
      ]),
    );

  test.each([
    ['100%%', {}, '100%'],
    ['%%(a)s', { a: '1' }, '%(a)s'],
    ['%(a)s-%(A)s', { a: '1', A: '2' }, '1-2'],
    ['%(a)s', { a: '%(b)s%(b)s', b: 'x%%' }, 'x%x%'],
    ['%(a b\n)s', { 'a b\n': '1' }, '1'],
    ['%(v1)s', nested(9), '%'],
  ])('%j', (text, values, expected) => {
    expect(expand(text, values)).toBe(expected);
  });

  test.each([
    ['5% of it', {}, 'InterpolationSyntaxError'],
    ['it is 5%', {}, 'InterpolationSyntaxError'],
    ['%(a', {}, 'InterpolationSyntaxError'],
    ['%()s', {}, 'InterpolationSyntaxError'],
    ['%(a)d', { a: '1' }, 'InterpolationSyntaxError'],
    ['%(a)s', {}, 'InterpolationMissingOptionError'],
    ['%(a)s', { a: '%(a)s' }, 'InterpolationDepthError'],
    ['%(v1)s', nested(10), 'InterpolationDepthError'],
  ])('%j is an error', (text, values, error) => {
    expect(pythonClassOf(thrownBy(() => expand(text, values)))).toBe(error);
  });

  test('an error names the key and shows no value', () => {
    expect(() => expand('hush%hush')).toThrow(
      /^\/srv\/site\.ini line 7 \[s\] k: a % must begin %% or %\(NAME\)s$/,
    );
    expect(() => expand('hush%(x)s')).toThrow(
      /^\/srv\/site\.ini line 7 \[s\] k: %\(x\)s names no setting of the section or of \[DEFAULT\]$/,
    );
    expect(() => expand('%(x)s', { x: '%(x)shush' })).toThrow(
      /^\/srv\/site\.ini line 7 \[s\] k: its %\(…\)s lead to each other more than 10 deep$/,
    );
  });

  test('any text is read back when its percent signs are doubled', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(expand(text.replaceAll('%', '%%'))).toBe(text);
      }),
    );
  });
});

function thrownBy(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  return expect.unreachable('no error');
}
