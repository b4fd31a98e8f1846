import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseAge, parseSize } from '../../src/cli/quantities.js';

const powers = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3, t: 1024 ** 4 } as const;
const minute = 60_000;
const units = {
  s: 1000,
  min: minute,
  h: 60 * minute,
  d: 24 * 60 * minute,
  w: 7 * 24 * 60 * minute,
  y: 365 * 24 * 60 * minute,
} as const;

describe('sizes', () => {
  it.each([
    ['0', 0],
    ['1000', 1000],
    ['100k', 102_400],
    ['10M', 10_485_760],
    ['10MiB', 10_485_760],
    ['10Mi', 10_485_760],
    ['1.5G', 1_610_612_736],
    ['0.3k', 307],
    ['2T', 2_199_023_255_552],
  ])('%s are %i bytes', (text, bytes) => expect(parseSize(text)).toBe(bytes));

  it('is a number times a power of 1024, in either case', () => {
    fc.assert(
      fc.property(
        fc.nat(8000),
        fc.constantFrom(...(Object.keys(powers) as (keyof typeof powers)[])),
        fc.boolean(),
        (number, unit, upper) => {
          const text = `${number}${upper ? unit.toUpperCase() : unit}`;
          expect(parseSize(text)).toBe(number * powers[unit]);
        },
      ),
    );
  });

  it.each([
    ...['', ' ', 'k', '-1', '+1', '1.5', '.5k', '1.k', '1e3', '0x10', '1 M', '10MB', '10B', '1,5G'],
    ...[
      '1kk',
      '10iB',
      '1_000',
      '９',
      '9007199254740992',
      '99999999T',
      'NaN',
      'Infinity',
      '1toString',
    ],
  ])('%j is none', (text) => {
    expect(() => parseSize(text)).toThrow(/100k, 10M, 1\.5G/);
  });

  it('is whole bytes or an error with examples, whatever is given', () => {
    const pieces = fc.constantFrom('1', '0', '.', 'k', 'M', 'i', 'B', ' ', '-', 'e', '9'.repeat(8));
    const texts = fc.oneof(
      fc.string(),
      fc.array(pieces).map((all) => all.join('')),
    );
    fc.assert(fc.property(texts, (text) => void expectNumberOr(parseSize, text, /10M/)));
  });
});

describe('ages', () => {
  it.each([
    ['0s', 0],
    ['30min', 30 * minute],
    ['12h', 12 * units.h],
    ['7d', 7 * units.d],
    ['2w', 14 * units.d],
    ['1y', 365 * units.d],
    ['1.5h', 90 * minute],
  ])('%s are %i milliseconds', (text, milliseconds) => expect(parseAge(text)).toBe(milliseconds));

  it('is a number times its unit', () => {
    fc.assert(
      fc.property(
        fc.nat(10_000),
        fc.constantFrom(...(Object.keys(units) as (keyof typeof units)[])),
        (number, unit) => {
          expect(parseAge(`${number}${unit}`)).toBe(number * units[unit]);
        },
      ),
    );
  });

  it.each([
    ...['', '7', 'd', '-1d', '7 d', '7D', '6m', '6M', '1d12h', '7days', '1e3d', '.5d', '1.d'],
    ...['10001y', '99999999999999999999d', '1toString', '1constructor'],
  ])('%j is none', (text) => {
    expect(() => parseAge(text)).toThrow(/12h, 7d, 2w/);
  });

  it('lies within the times there are, or is an error with examples, whatever is given', () => {
    const pieces = fc.constantFrom('1', '0', '.', 's', 'min', 'd', 'y', ' ', '-', '9'.repeat(8));
    const texts = fc.oneof(
      fc.string(),
      fc.array(pieces).map((all) => all.join('')),
    );
    fc.assert(
      fc.property(texts, (text) => {
        const age = expectNumberOr(parseAge, text, /7d/);
        expect(new Date(Date.now() - (age ?? 0)).getTime()).not.toBeNaN();
      }),
    );
  });
});

function expectNumberOr(
  parse: (text: string) => number,
  text: string,
  error: RegExp,
): number | undefined {
  let parsed: number;
  try {
    parsed = parse(text);
  } catch (thrown) {
    expect(thrown).toHaveProperty('message', expect.stringMatching(error));
    return undefined;
  }
  expect(Number.isSafeInteger(parsed) && parsed >= 0).toBe(true);
  return parsed;
}
