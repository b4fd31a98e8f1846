import fc from 'fast-check';
import { v5, validate, version } from 'uuid';
import { expect, test } from 'vitest';
import {
  derivedObjectId,
  derivedUuid,
  newUuid,
  objectIdIn,
} from '../../src/backends/identifiers.js';

test('derived identifiers are UUIDs of version 5, in a namespace that never changes', () => {
  const namespace = '6f1d7f0c-6a53-5f0e-9a53-0d2f3f1f6b1e';
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (id) => derivedUuid(id) === v5(id, namespace)),
  );
});

test('the UUID of an ObjectId is one of version 8 that gives it back', () => {
  expect(derivedUuid('507f1f77bcf86cd799439011')).toBe('507f1f77-bcf8-8d0e-90de-6cd799439011');
  const digits = fc.string({
    unit: fc.constantFrom(...'0123456789abcdef'),
    minLength: 24,
    maxLength: 24,
  });
  fc.assert(
    fc.property(digits, fc.boolean(), (objectId, upper) => {
      const uuid = derivedUuid(upper ? objectId.toUpperCase() : objectId);
      expect(validate(uuid) && version(uuid)).toBe(8);
      expect(derivedObjectId(uuid)).toBe(objectId);
      expect(objectIdIn(uuid.toUpperCase())).toBe(objectId);
    }),
  );
});

test('the ObjectId of any other UUID is always the same', () => {
  const id = 'f8978386-e6ef-11f1-b551-02fc00000001';
  expect(objectIdIn(id)).toBeNull();
  expect(derivedObjectId(id)).toMatch(/^[0-9a-f]{24}$/);
  expect(derivedObjectId(id)).toBe(derivedObjectId(id));
});

test('new identifiers are UUIDs, each another', () => {
  expect(validate(newUuid()) && version(newUuid())).toBe(4);
  expect(newUuid()).not.toBe(newUuid());
});
