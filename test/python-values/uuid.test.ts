import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { acceptsUuid, canonicalUuid } from '../../src/python/uuid.js';

const odd = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../fixtures/local-odd/expected.json'), 'utf8'),
) as { entry: string; case: string; exists_error?: string }[];

describe('identifiers that LocalFileStorage was asked for', () => {
  test.each(odd)('$entry ($case)', ({ entry, exists_error }) => {
    expect(acceptsUuid(entry)).toBe(exists_error === undefined);
  });

  test('some were accepted, some refused', () => {
    expect(odd.filter((asked) => asked.exists_error === undefined).length).toBeGreaterThan(20);
    expect(odd.filter((asked) => asked.exists_error !== undefined).length).toBeGreaterThan(5);
  });
});

const ones = '1'.repeat(31);

describe('spellings as uuid.UUID reads them', () => {
  test.each([
    ['0215041a-e6f0-11f1-b0bf-02fc00000001', '0215041ae6f011f1b0bf02fc00000001'],
    ['D1B3B831096E4203A5F6B50F5A042E32', 'd1b3b831096e4203a5f6b50f5a042e32'],
    ['f'.repeat(32), 'f'.repeat(32)],
    ['0'.repeat(32), '0'.repeat(32)],
    [`-1${ones}---`, `1${ones}`],
    [`{urn:{1${ones}}}`, `1${ones}`],
    [`uuurn:id:1${ones}`, `1${ones}`],
    [`11urn:${ones.slice(1)}uuid:`, `1${ones}`],
    [`+${ones}`, `0${ones}`],
    [`0x${'1'.repeat(30)}`, `00${'1'.repeat(30)}`],
    [`0X_${'1'.repeat(29)}`, `000${'1'.repeat(29)}`],
    [` +0x_${'f'.repeat(26)}\t`, `000000${'f'.repeat(26)}`],
    ['1_'.repeat(15).concat('11'), `${'0'.repeat(15)}${'1'.repeat(17)}`],
    [`\n${ones}`, `0${ones}`],
    [`\u0085${ones}`, `0${ones}`],
    [`\u2028${ones.slice(1)}\u3000`, `00${ones.slice(1)}`],
    [`\u0663${ones}`, `3${ones}`],
    ['\u{1d7db}'.repeat(32), '3'.repeat(32)],
    ['\u{1d7ff}'.repeat(32), '9'.repeat(32)],
    [`-{${ones}}`, null],
    [`1${ones}-}`, `1${ones}`],
    [`1${ones}}-`, null],
    [`0x${'1'.repeat(32)}`, null],
    [`0x__${'1'.repeat(28)}`, null],
    [`0_x${'1'.repeat(29)}`, null],
    [`_${ones}`, null],
    [`${ones}_`, null],
    [`1__${'1'.repeat(29)}`, null],
    [`+ ${ones.slice(1)}`, null],
    [`++${ones.slice(1)}`, null],
    [`\u2212${ones}`, null],
    [`0x${' '.repeat(30)}`, null],
    [' '.repeat(32), null],
    [`\u001c${ones}`, null],
    [`\u007f${ones}`, null],
    [`\u0000${ones}`, null],
    [`\ufeff${ones}`, null],
    [`\u200b${ones}`, null],
    [`\u00b2${ones}`, null],
    [`\uff21${ones}`, null],
    [`\ud800${ones}`, null],
    [`URN:UUID:1${ones}`, null],
    [`g${ones}`, null],
    [ones, null],
    [`11${ones}`, null],
    ['', null],
    ['{}', null],
    ['../../../../../../../../etc/passwd', null],
  ])('%j', (text, digits) => {
    expect(canonicalUuid(text)).toBe(digits);
    expect(acceptsUuid(text)).toBe(digits !== null);
  });
});

describe('any identifier', () => {
  const zeros = [0x30, 0x660, 0x966, 0xff10, 0x1d7ce, 0x1d7d8, 0x1e950];
  const ignored = fc.constantFrom('', '', '-', '--', 'urn:', 'uuid:', 'urn:uuid:');
  const digit = fc
    .record({ value: fc.nat(15), upper: fc.boolean(), zero: fc.constantFrom(...zeros), ignored })
    .map(({ value, upper, zero, ignored: before }) => {
      const plain = value.toString(16);
      const letter = upper ? plain.toUpperCase() : plain;
      return {
        plain,
        spelled: before + (value < 10 ? String.fromCodePoint(zero + value) : letter),
      };
    });
  const braces = fc.tuple(fc.constantFrom('', '{', '}{'), fc.constantFrom('', '}', '}}}'));

  test('all spellings of a UUID have one canonical form', () => {
    fc.assert(
      fc.property(
        fc.array(digit, { minLength: 32, maxLength: 32 }),
        braces,
        (digits, [open, end]) => {
          const plain = digits.map((each) => each.plain).join('');
          const spelled = digits.map((each) => each.spelled).join('');
          expect(canonicalUuid(`${open}${spelled}${end}`)).toBe(plain);
          expect(canonicalUuid(plain)).toBe(plain);
        },
      ),
    );
  });

  test('another number of digits is no UUID', () => {
    const wrong = fc.array(digit, { maxLength: 40 }).filter(({ length }) => length !== 32);
    fc.assert(
      fc.property(wrong, (digits) => {
        expect(acceptsUuid(digits.map((each) => each.spelled).join(''))).toBe(false);
      }),
    );
  });

  test('with a character that means something in a path, a key or a URL is no UUID', () => {
    const meaningful = fc.constantFrom(...'/\\.%?#*\0');
    const digits = fc.array(digit, { minLength: 31, maxLength: 32 });
    fc.assert(
      fc.property(digits, meaningful, fc.nat(32), (around, character, at) => {
        const spelled = around.map((each) => each.spelled);
        expect(acceptsUuid(spelled.toSpliced(at, 0, character).join(''))).toBe(false);
      }),
    );
  });
});
