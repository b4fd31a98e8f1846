import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { suffixesByType } from '../../src/python/mimetype-tables.js';
import { guessType as guess } from '../../src/python/mimetypes.js';
import { parseMimeTypes, systemTypes } from '../../src/python/system-mimetypes.js';

/** The answer of a machine without any mime.types. */
const guessType = (name: string): string | null => guess(name, new Map());

const known = Object.entries(suffixesByType).flatMap(([type, suffixes]) =>
  suffixes.split(' ').map((suffix) => ({ suffix, type })),
);

describe("Python's own tables", () => {
  test('hold every suffix once', () => {
    expect(known).toHaveLength(157);
    expect(new Set(known.map(({ suffix }) => suffix)).size).toBe(157);
  });

  test('are what a machine without mime.types knows', () => {
    for (const { suffix, type } of known) expect(guessType(`a.${suffix}`)).toBe(type);
    expect(guessType('a.md')).toBeNull();
  });
});

describe("the machine's mime.types", () => {
  const system = parseMimeTypes(
    '# a comment\ntext/markdown\t\tmd markdown # md5\n\ntext/javascript js mjs\r\napplication/x-empty\naudio/AMR AMR\n',
  );

  test('come before the tables, under lower-case suffixes', () => {
    expect(guess('a.MD', system)).toBe('text/markdown');
    expect(guess('a.js.gz', system)).toBe('text/javascript');
    expect(guess('a.md5', system)).toBeNull();
    expect(guess('a.AMR', system)).toBeNull();
    expect(guess('a.txt', system)).toBe('text/plain');
  });

  test('are read once and used unless others are given', () => {
    expect(systemTypes()).toBe(systemTypes());
    const [suffix, type] = [...systemTypes()].find(([one]) => /^\.[a-z]+$/.test(one)) ?? [
      '.txt',
      'text/plain',
    ];
    expect(guess(`a${suffix}`)).toBe(type);
  });
});

describe('names as mimetypes.guess_type reads them', () => {
  test.each([
    ['hello.txt', 'text/plain'],
    ['HELLO.TXT', 'text/plain'],
    ['a.wav', 'audio/x-wav'],
    ['a.py', 'text/x-python'],
    ['a.js', 'application/javascript'],
    ['a.xml', 'text/xml'],
    ['a.jpg', 'image/jpeg'],
    ['a.webp', 'image/webp'],
    ['a.rtf', 'application/rtf'],
    ['日本語 ファイル.pdf', 'application/pdf'],
    ['a.\u212ash', 'text/plain'],
    ['archive.tar.gz', 'application/x-tar'],
    ['archive.tar.Z', 'application/x-tar'],
    ['archive.tar.br', 'application/x-tar'],
    ['archive.tgz', 'application/x-tar'],
    ['archive.TBZ2', 'application/x-tar'],
    ['archive.tgz.gz', null],
    ['drawing.svgz', 'image/svg+xml'],
    ['page.html.xz', 'text/html'],
    ['notes.gz', null],
    ['notes.unknown.gz', null],
    ['.tar.gz', null],
    ['.gz', null],
    ['.txt', null],
    ['...txt', null],
    ['..a.txt', 'text/plain'],
    ['a/.txt', null],
    ['a.txt/', null],
    ['a.txt/b', null],
    ['a.', null],
    ['a..txt', 'text/plain'],
    ['noextension', null],
    ['', null],
    ['a.txt ', null],
    ['a.txt\n', null],
    ['line\nbreak\t.txt', 'text/plain'],
    ['C:\\letters\\a.pdf', 'application/pdf'],
    ['C:.txt', null],
    [':.txt', 'text/plain'],
    ['a/b:c.txt', 'text/plain'],
    ['http://host/a.png', 'image/png'],
    ['http://host/a.png?size=1', null],
    ['data:,', 'text/plain'],
    ['data:', null],
    ['data:a.txt', null],
    ['DATA:image/png;base64,AAAA', 'image/png'],
    ['data:image/png', null],
    ['data:charset=utf-8,x', 'text/plain'],
    ['data:a/b=c,x', 'text/plain'],
    ['data:a/b;c=d,x', 'a/b'],
    ['data:;a/b,x', 'text/plain'],
    ['data:plain,a/b', 'text/plain'],
    ['a:data:image/png,x', null],
  ])('%j', (name, type) => expect(guessType(name)).toBe(type));
});

test.each(['a.docx', 'a.ts', 'a.GZ', 'a.unknown', 'a.__proto__', 'a.constructor', 'docx', '.docx'])(
  'no table knows %j',
  (name) => expect(guessType(name)).toBeNull(),
);

test('a type is kept in any directory, any case and inside a compression', () => {
  const stem = fc.string({ minLength: 1 }).filter((text) => /^[^/:.]+$/.test(text));
  const encoding = fc.constantFrom('', '.gz', '.Z', '.bz2', '.xz', '.br');
  fc.assert(
    fc.property(stem, fc.constantFrom(...known), encoding, (name, { suffix, type }, encoded) => {
      expect(guessType(`${name}.${suffix}${encoded}`)).toBe(type);
      expect(guessType(`../${name}.d/${name}.${suffix.toUpperCase()}${encoded}`)).toBe(type);
    }),
  );
});
