import fc from 'fast-check';
import {
  Binary,
  BSON,
  BSONRegExp,
  BSONSymbol,
  Code,
  Decimal128,
  Double,
  Int32,
  Long,
  MaxKey,
  MinKey,
  ObjectId,
  Timestamp,
  UUID,
} from 'mongodb';
import { expect, test } from 'vitest';
import { differences, textOf, valueAt } from '../../src/databases/mongo-fields.js';
import {
  decodeId,
  encodeId,
  readFields,
  toJson,
  type Value,
} from '../../src/databases/mongo-values.js';
import { dumpJson, parseJson } from '../../src/python/json.js';

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const text = fc.string({ unit: 'grapheme' });
const name = fc
  .oneof(text, fc.nat(20).map(String))
  .filter((one) => !one.includes('\0') && one !== '_id');

const leaf: fc.Arbitrary<unknown> = fc.oneof(
  ...[text, fc.constant(null), fc.boolean()],
  ...[fc.integer().map((one) => new Int32(one)), fc.double().map((one) => new Double(one))],
  fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n).map((one) => Long.fromBigInt(one)),
  fc.date({ noInvalidDate: true }),
  bytes(12).map((one) => new ObjectId(one)),
  bytes(16).map((one) => new UUID(one)),
  fc.tuple(fc.uint8Array(), fc.constantFrom(0, 5, 128)).map(([one, type]) => new Binary(one, type)),
  fc.constantFrom(
    ...[Decimal128.fromString('1.50'), new Timestamp({ t: 1, i: 2 }), new MinKey(), new MaxKey()],
    ...[new BSONRegExp('x', 'i'), new Code('f()'), new BSONSymbol('s'), new Double(Number.NaN)],
  ),
);

const fields: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  value: fc.oneof({ maxDepth: 4 }, leaf, tie('list'), tie('document')),
  list: fc.array(tie('value'), { maxLength: 4 }),
  document: fc
    .uniqueArray(fc.tuple(name, tie('value')), { maxLength: 5, selector: ([one]) => one })
    .map((entries) => new Map(entries)),
})).document;

const written = (document: unknown): Buffer => Buffer.from(BSON.serialize(document as never));

test('a document that was read is written again to the byte', () => {
  fc.assert(
    fc.property(fields, (document) => {
      const sent = written(document);
      expect(written(readFields(sent)).equals(sent)).toBe(true);
    }),
  );
});

test('as JSON a value is what it was, again and again', () => {
  fc.assert(
    fc.property(fields, (document) => {
      const json = dumpJson(toJson(readFields(written(document))));
      expect(dumpJson(parseJson(json))).toBe(json);
    }),
  );
});

test('identifiers of all types are kept', () => {
  fc.assert(
    fc.property(leaf, (id) => {
      const encoded = encodeId(id as Value);
      expect(Buffer.from(encodeId(decodeId(encoded))).equals(Buffer.from(encoded))).toBe(true);
    }),
  );
});

const reference = readFields(
  written(
    new Map<string, unknown>([
      ['depot_name', 'a'],
      ['files', ['a/x', new Int32(1)]],
      ['file_id', 'x'],
      ['10', new Double(1)],
      ['at', new Date(5)],
      ['_public_url', null],
    ]),
  ),
);

test('of a reference exactly the strings that differ are set', () => {
  const before = textOf(reference, ['f']) as string;
  expect(before).toContain('"10": 1.0, "at": "{');
  const after = before.replace('"a/x"', '"b/y"').replace('null', '"http://y"');
  const set = differences(reference, ['f', 0], after, parseJson);
  expect([...(set ?? [])]).toEqual([
    ['f.0.files.0', 'b/y'],
    ['f.0._public_url', 'http://y'],
  ]);
  expect(differences(reference, ['f'], before, parseJson)?.size).toBe(0);
});

test.each([
  ['1.0', '2.0'],
  ['"x"', '7'],
  ['"file_id"', '"other"'],
  [', 1]', ']'],
  ['"10": 1.0, ', ''],
])('nothing but strings can be changed: %s to %s', (before, after) => {
  const changed = (textOf(reference, ['f']) as string).replace(before, after);
  expect(differences(reference, ['f'], changed, parseJson)).toBeNull();
});

test('a path leads to what stands there, or to nothing', () => {
  expect(valueAt(reference, ['files', 0])).toBe('a/x');
  for (const path of [['files', '0'], ['files', 2], ['file_id', 0], ['no'], [0]]) {
    expect(valueAt(reference, path)).toBeUndefined();
  }
});
