import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { safeFilename } from '../../src/cli/filename.js';
import { escapeControls } from '../../src/cli/output.js';
import { newDirectory } from './depot.js';

/** Any text, often with what is dangerous in a name, and often too long for one. */
const names = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc
    .array(
      fc.constantFrom(
        '/',
        '\\',
        '.',
        '..',
        ' ',
        '\0',
        '\n',
        '\u001b[',
        '\u202e',
        'a',
        '𝒳',
        '\ud800',
      ),
    )
    .map((parts) => parts.join('')),
  fc
    .array(fc.constantFrom('x', ' ', '€'), { minLength: 200, maxLength: 400 })
    .map((parts) => parts.join('')),
  fc
    .tuple(fc.string({ unit: 'binary', minLength: 200, maxLength: 400 }), fc.string())
    .map((parts) => parts.join('.')),
);

test('any filename becomes one that can be created here, and stays it', () => {
  const here = newDirectory();
  fc.assert(
    fc.property(names, (name) => {
      const safe = safeFilename(name);
      expect(safe).not.toMatch(/^[.\s]|[/\\\p{Cc}\u2028-\u202e\u2066-\u2069]|\s$|^$/u);
      expect(safeFilename(safe)).toBe(safe);
      const file = path.join(here, safe);
      writeFileSync(file, '', { flag: 'wx' });
      expect(readdirSync(here)).toEqual([safe]);
      rmSync(file);
    }),
    { numRuns: 1000 },
  );
});

test('any text is escaped to one line without control characters', () => {
  fc.assert(
    fc.property(names, (text) => {
      const escaped = escapeControls(text);
      expect(escaped).not.toMatch(/[\p{Cc}\u2028-\u202e\u2066-\u2069]/u);
      expect(escapeControls(escaped)).toBe(escaped);
    }),
  );
});
