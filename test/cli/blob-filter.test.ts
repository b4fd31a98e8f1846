import fc from 'fast-check';
import { expect, test } from 'vitest';
import { globTest } from '../../src/cli/blob-filter.js';

const letters = fc.string({
  unit: fc.constantFrom('a', 'B', '.', '[', '💾', '\n', '*', '?'),
  maxLength: 8,
});
const texts = fc.string({ unit: fc.constantFrom('a', 'b', '.', '[', '💾', '\n'), maxLength: 10 });

/** One expression for the whole pattern. */
function expected(pattern: string, text: string): boolean {
  const parts = Array.from(pattern, (one) => {
    if (one === '*') return '.*';
    return one === '?' ? '.' : one.replace(/[.[]/, String.raw`\$&`);
  });
  return new RegExp(`^${parts.join('')}$`, 'isu').test(text);
}

test('a pattern stands for what it says', () => {
  fc.assert(
    fc.property(letters, texts, (pattern, text) => {
      expect(globTest(pattern)(text)).toBe(expected(pattern, text));
    }),
    { numRuns: 2000 },
  );
});

test('a pattern of many stars ends', () => {
  const test = globTest(`${'*a'.repeat(200)}*b`);
  expect(test('a'.repeat(5000))).toBe(false);
  expect(test(`${'a'.repeat(5000)}b`)).toBe(true);
});
