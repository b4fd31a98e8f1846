import {
  Binary,
  Decimal128,
  type Document,
  Double,
  Int32,
  Long,
  MaxKey,
  MinKey,
  MongoServerError,
  ObjectId,
  Timestamp,
} from 'mongodb';
import type { Value } from './mongo-values.js';

/** The types of identifiers in the order in which MongoDB sorts them. */
const order = [
  ...['minKey', 'null', 'number', 'string', 'object', 'binData', 'objectId'],
  ...['bool', 'date', 'timestamp', 'maxKey'],
] as const;

type IdType = (typeof order)[number];

/**
 * The condition for identifiers behind this one, of any type: `$gt` alone finds only those of its
 * own type. `known` says whether the server knows the type of the largest key.
 */
export function behind(id: Value, known: boolean): Document {
  const type = typeOf(id);
  const later = order.slice(order.indexOf(type) + 1).filter((one) => known || one !== 'maxKey');
  const ofType = type === 'number' && isNaNValue(id) ? { $gte: -Infinity } : { $gt: id };
  return { $or: [{ _id: ofType }, ...later.map((one) => ({ _id: { $type: one } }))] };
}

/** Whether the server refused a condition since it does not know that type: then nothing has it. */
export function isUnknownType(error: unknown): boolean {
  return error instanceof MongoServerError && error.code === 2 && /maxKey/.test(error.message);
}

function typeOf(id: Value): IdType {
  if (id === null) return 'null';
  if (typeof id === 'boolean') return 'bool';
  if (id instanceof Map) return 'object';
  if (id instanceof Binary) return 'binData';
  if (id instanceof ObjectId) return 'objectId';
  if (id instanceof Date) return 'date';
  if (id instanceof Timestamp) return 'timestamp';
  if (id instanceof MinKey) return 'minKey';
  if (id instanceof MaxKey) return 'maxKey';
  const numbers = [Int32, Long, Double, Decimal128];
  return numbers.some((one) => id instanceof one) ? 'number' : 'string';
}

/** Nothing compares with it, and it is sorted before all other numbers. */
function isNaNValue(id: Value): boolean {
  return (id instanceof Double || id instanceof Decimal128) && Number.isNaN(Number(id.toString()));
}
