import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isOdd, mentionKey, mentionKeys, readings } from '../../src/references/mentions.js';

const id = 'f8978386-e6ef-11f1-b551-02fc00000001';
const objectId = '64b7f0c2a1e4d35566778899';

/** Whether a search would find the identifier in the text. */
function isFound(text: string, identifier: string): boolean {
  for (const reading of readings(text)) {
    const key = mentionKey(identifier);
    if (key !== null) for (const found of mentionKeys(reading)) if (found === key) return true;
    if (isOdd(identifier) && reading.toUpperCase().includes(identifier.toUpperCase())) return true;
  }
  return false;
}

const spellings: [string, (plain: string) => string][] = [
  ['as it is', (plain) => plain],
  ['in upper case', (plain) => plain.toUpperCase()],
  ['without hyphens', (plain) => plain.replaceAll('-', '')],
  ['with hyphens elsewhere', (plain) => plain.replaceAll('-', '').replace(/(.{7})/g, '$1-')],
  ['in braces', (plain) => `{${plain}}`],
  ['as a URN', (plain) => `urn:uuid:${plain}`],
  ['with a prefix of hexadecimal letters', (plain) => `feed-${plain}`],
  ['inside longer hexadecimal', (plain) => `abc123${plain.replaceAll('-', '')}4567`],
  ['with percent-encoded hyphens', (plain) => plain.replaceAll('-', '%2D')],
  [
    'percent-encoded as a whole',
    (plain) => plain.replaceAll(/./g, (c) => `%${c.charCodeAt(0).toString(16)}`),
  ],
  [
    'with character references',
    (plain) => plain.replaceAll('-', '&#45;').replaceAll('f', '&#x66;'),
  ],
  [
    'with JSON escapes',
    (plain) => plain.replaceAll(/[-0]/g, (c) => `\\u00${c.charCodeAt(0).toString(16)}`),
  ],
  ['behind a percent sign', (plain) => `LIKE '%${plain}%'`],
  ['behind a backslash', (plain) => `C:\\blobs\\${plain}\\file`],
  ['behind an escape', (plain) => `"line\\n${plain}\\t"`],
  ['in HTML in JSON', (plain) => JSON.stringify(`<img src="/depot/a/${plain}?x=1&amp;y">`)],
  ['in a URL in a URL', (plain) => `/login?next=${encodeURIComponent(`/depot/a/${plain}`)}`],
  [
    'in a URL in the query of a URL in a URL',
    (plain) =>
      `/a?b=${encodeURIComponent(`/c?d=${encodeURIComponent(plain.replaceAll('-', '%2D'))}`)}`,
  ],
  ['in JSON in JSON', (plain) => JSON.stringify(`{"id": "${plain.replaceAll('-', '\\u002d')}"}`)],
  ['escaped as HTML twice', (plain) => plain.replaceAll('-', '&amp;#45;')],
  ['where a browser may break it', (plain) => plain.replace(/.{6}/, '$&<wbr>')],
  ['with tags in it, as JSON', (plain) => JSON.stringify(plain.replace(/.{6}/, '$&<b class="x">'))],
  ['with soft hyphens', (plain) => plain.replace(/.{6}/, '$&&shy;').replace(/.{3}/, '$&\u00ad')],
  ['with spaces of no width', (plain) => plain.replace(/.{6}/, '$&\u200b')],
  ['two at once', (plain) => `${plain}${plain}`],
];

describe('identifiers of hexadecimal digits', () => {
  test.for(spellings)('are found %s', ([, spell]) => {
    for (const plain of [id, objectId, '2d2d2d2d-2d2d-2d2d-2d2d-2d2d2d2d2d2d', 'B'.repeat(32)]) {
      expect(isFound(spell(plain), plain)).toBe(true);
      expect(isFound(`<p>é ${spell(plain)}</p>`, plain)).toBe(true);
    }
  });

  test('are not found in other texts', () => {
    expect(isFound(`see ${id.replace('1', '2')}`, id)).toBe(false);
    expect(isFound(id.slice(1), id)).toBe(false);
    expect(isFound('', id)).toBe(false);
  });

  test('any of them, in any spelling, in any text', () => {
    const uuid = fc.uuid();
    const object = fc.stringMatching(/^[0-9a-f]{24}$/);
    const around = fc.string({ unit: 'binary' });
    const spell = fc.constantFrom(...spellings.map(([, form]) => form));
    fc.assert(
      fc.property(fc.oneof(uuid, object), spell, around, around, (plain, form, before, behind) => {
        // A text before that ends in the middle of an escape takes what follows for its rest.
        fc.pre(!/[\\%&]/.test(before));
        expect(isFound(`${before} ${form(plain)} ${behind}`, plain)).toBe(true);
      }),
    );
  });

  test('as they stand, whatever stands around them', () => {
    const around = fc.oneof(
      fc.string(),
      fc.string({ unit: fc.constantFrom('%', '\\', '&', '#', '2', 'd', '-', 'u', ';') }),
    );
    fc.assert(
      fc.property(fc.uuid(), around, around, (plain, before, behind) => {
        expect(isFound(before + plain + behind, plain)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  test('have one key in every spelling that Python takes for the same', () => {
    const key = id.replaceAll('-', '');
    for (const text of [
      id,
      key,
      id.toUpperCase(),
      `{${id}}`,
      `urn:uuid:${id}`,
      `f-8${id.slice(2)}`,
    ]) {
      expect(mentionKey(text)).toBe(key);
    }
    expect(mentionKey(objectId.toUpperCase())).toBe(objectId);
    expect(mentionKey('0x10000000000000000000000000000f')).toBe('0010000000000000000000000000000f');
    for (const text of ['', 'Report', 'abc', `${id}0`, objectId.slice(1)]) {
      expect(mentionKey(text)).toBeNull();
    }
  });
});

const oddSpellings: [string, (odd: string) => string][] = [
  ['as it is', (odd) => odd],
  ['in another case', (odd) => odd.toUpperCase()],
  ['in JSON', (odd) => JSON.stringify({ a: odd })],
  ['in HTML', (odd) => odd.replaceAll(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`)],
  ['in a URL', (odd) => `/depot/a/${encodeURIComponent(odd)}/download`],
  [
    'in a URL that Python quoted',
    (odd) =>
      encodeURIComponent(odd).replaceAll(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16)}`),
  ],
  [
    'in a URL in HTML in JSON',
    (odd) => JSON.stringify(`<a href="/${encodeURIComponent(odd)}&amp;">`),
  ],
];

describe('odd identifiers', () => {
  test('are those that their digits do not show', () => {
    for (const plain of [id, objectId, id.toUpperCase(), id.replaceAll('-', '')]) {
      expect(isOdd(plain)).toBe(false);
    }
    for (const odd of [
      'Report',
      'abc',
      `{${id}}`,
      '٣'.repeat(32),
      '0x10000000000000000000000000000f',
    ]) {
      expect(isOdd(odd)).toBe(true);
    }
  });

  test.for(oddSpellings)('are found %s', ([, spell]) => {
    for (const odd of [
      'Report',
      'plan (1).pdf',
      'a&"b"',
      "it's",
      'Größe 1',
      'a/b',
      '100%',
      'x\\y',
      'ab12',
    ]) {
      expect([odd, isFound(`see ${spell(odd)} there`, odd)]).toEqual([odd, true]);
    }
  });
});
