import { CRC32C } from '@google-cloud/storage';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { crc32c, encodeCrc32c } from '../../src/backends/crc32c.js';

test('is that of RFC 3720', () => {
  expect(crc32c(Buffer.from('123456789')) >>> 0).toBe(0xe3069283);
  expect(encodeCrc32c(crc32c(Buffer.alloc(32)))).toBe('ipE2qg==');
  expect(encodeCrc32c(0)).toBe('AAAAAA==');
});

test('is the SDK’s, however the bytes are cut and wherever they lie', () => {
  const pieces = fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 10 });
  fc.assert(
    fc.property(pieces, fc.nat(9), (parts, offset) => {
      const sdk = new CRC32C();
      let crc = 0;
      for (const part of parts) {
        sdk.update(Buffer.from(part));
        const shifted = new Uint8Array(offset + part.byteLength + 3);
        shifted.set(part, offset);
        crc = crc32c(shifted.subarray(offset, offset + part.byteLength), crc);
      }
      expect(encodeCrc32c(crc)).toBe(sdk.toString());
    }),
  );
});
