import fc from 'fast-check';
import { v5, validate, version } from 'uuid';
import { expect, test } from 'vitest';
import { derivedUuid, newUuid } from '../../src/backends/identifiers.js';

test('derived identifiers are UUIDs of version 5, in a namespace that never changes', () => {
  const namespace = '6f1d7f0c-6a53-5f0e-9a53-0d2f3f1f6b1e';
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (id) => derivedUuid(id) === v5(id, namespace)),
  );
  expect(derivedUuid('507f1f77bcf86cd799439011')).toBe(v5('507f1f77bcf86cd799439011', namespace));
});

test('new identifiers are UUIDs, each another', () => {
  expect(validate(newUuid()) && version(newUuid())).toBe(4);
  expect(newUuid()).not.toBe(newUuid());
});
