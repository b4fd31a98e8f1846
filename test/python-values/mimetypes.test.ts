import fc from 'fast-check';
import mimeTypes from 'mime-types';
import { describe, expect, test } from 'vitest';
import { suffixesByType } from '../../src/python/mimetype-tables.js';
import { guessType } from '../../src/python/mimetypes.js';

const known = Object.entries(suffixesByType).flatMap(([type, suffixes]) =>
  suffixes.split(' ').map((suffix) => ({ suffix, type })),
);

describe("Python's own tables", () => {
  test('hold every suffix once', () => {
    expect(known).toHaveLength(157);
    expect(new Set(known.map(({ suffix }) => suffix)).size).toBe(157);
  });

  test('win over those of mime-types', () => {
    for (const { suffix, type } of known) expect(guessType(`a.${suffix}`)).toBe(type);
    const different = known.filter(({ suffix, type }) => mimeTypes.lookup(suffix) !== type);
    expect(different.length).toBeGreaterThan(20);
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

describe('suffixes that Python does not know', () => {
  test.each([
    ['a.docx', 'application/vnd.openxmlformats-officedocument.wordprocessingml.document'],
    ['a.ODS', 'application/vnd.oasis.opendocument.spreadsheet'],
    ['a.md', 'text/markdown'],
    ['a.woff2.gz', 'font/woff2'],
    ['a.GZ', 'application/gzip'],
    ['a.unknown', null],
    ['a.__proto__', null],
    ['a.constructor', null],
    ['docx', null],
    ['.docx', null],
  ])('%j', (name, type) => expect(guessType(name)).toBe(type));
});

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
