import {
  Binary,
  BSON,
  BSONRegExp,
  BSONSymbol,
  Code,
  DBRef,
  Double,
  Int32,
  Long,
  ObjectId,
} from 'mongodb';
import { JsonNumber, type JsonValue } from '../python/json.js';
import { bytesText, longestSearchedBytes } from './bytes-text.js';

/** A document's fields. Objects would lose the order of keys such as "10". */
export type Fields = Map<string, Value>;

/** What is no field, list, string, truth value or null is an object of the driver's. */
export type Value = Fields | Value[] | string | boolean | null | object;

/** Numbers of BSON's types. */
const types = { string: 2, document: 3, array: 4, boolean: 8, null: 10 };

/** Every value keeps its type: the driver's own reading makes numbers of several of them. */
const exact = {
  promoteValues: false,
  promoteLongs: false,
  promoteBuffers: false,
  bsonRegExp: true,
  validation: { utf8: false },
};

/** Reads a document as the server sent it. */
export function readFields(bytes: Buffer): Fields {
  return new Map(readElements(bytes));
}

function* readElements(bytes: Buffer): Generator<[string, Value]> {
  for (const [type, nameAt, nameLength, at, length] of BSON.onDemand.parseToElements(bytes)) {
    const name = bytes.toString('utf8', nameAt, nameAt + nameLength);
    yield [name, readValue(type, bytes.subarray(at, at + length))];
  }
}

function readValue(type: number, bytes: Buffer): Value {
  switch (type) {
    case types.string:
      return bytes.toString('utf8', 4, bytes.length - 1);
    case types.document:
      return readFields(bytes);
    case types.array:
      return [...readElements(bytes)].map(([, value]) => value);
    case types.boolean:
      return bytes[0] === 1;
    case types.null:
      return null;
    default:
      return readOther(type, bytes);
  }
}

function readOther(type: number, bytes: Buffer): object {
  const document = Buffer.concat([
    Buffer.from([0, 0, 0, 0, type, 0x76, 0]),
    bytes,
    Buffer.alloc(1),
  ]);
  document.writeInt32LE(document.length);
  const { v: value } = BSON.deserialize(document, exact) as { v?: object };
  return value ?? undefinedValue;
}

/** BSON's undefined, which the driver cannot write. */
const undefinedValue = {};

/** A value as JSON. What JSON has no type for becomes a text that is no name of a blob. */
export function toJson(value: Value): JsonValue {
  if (value instanceof Map) {
    return new Map([...value].map(([name, part]) => [name, toJson(part)]));
  }
  if (Array.isArray(value)) return value.map(toJson);
  if (value === null || typeof value !== 'object') return value;
  if (value instanceof Int32 || value instanceof Long) return new JsonNumber(value.toString());
  if (value instanceof Double) return new JsonNumber(doubleText(value.value));
  return uuidOf(value) ?? BSON.EJSON.stringify(value, { relaxed: false });
}

function doubleText(value: number): string {
  const text = Object.is(value, -0) ? '-0' : String(value);
  return /^-?\d+$/.test(text) ? `${text}.0` : text;
}

/** The text in which a value other than a string may name a blob; null for one that cannot. */
export function mentionText(value: object): string | null {
  if (value instanceof ObjectId) return value.toHexString();
  const uuid = uuidOf(value);
  if (uuid !== null) return uuid;
  if (value instanceof Binary) {
    const isSearched = value.length() <= longestSearchedBytes;
    return isSearched ? bytesText(Buffer.from(value.value())) : null;
  }
  const texts = [Code, BSONRegExp, BSONSymbol, DBRef];
  return texts.some((type) => value instanceof type) ? BSON.EJSON.stringify(value) : null;
}

function uuidOf(value: object): string | null {
  if (!(value instanceof Binary) || value.length() !== 16) return null;
  if (value.sub_type !== Binary.SUBTYPE_UUID && value.sub_type !== Binary.SUBTYPE_UUID_OLD)
    return null;
  return `{"$uuid":"${Buffer.from(value.value()).toString('hex')}"}`;
}

/** The identifier of a document, of any type, as a value of a position. */
export function encodeId(id: Value): Uint8Array {
  return BSON.serialize(new Map([['_id', id]]));
}

export function decodeId(bytes: Uint8Array): Value {
  return readFields(Buffer.from(bytes)).get('_id') ?? null;
}

/** The identifier for people. */
export function idText(id: Value): string {
  if (typeof id === 'string') return id;
  if (id instanceof ObjectId) return id.toHexString();
  const json = toJson(id);
  if (json instanceof JsonNumber) return json.text;
  return typeof json === 'string' ? json : BSON.EJSON.stringify(id);
}
