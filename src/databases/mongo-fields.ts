import { dumpJson, type JsonValue } from '../python/json.js';
import { isReference } from '../python/uploaded-file.js';
import { type Fields, mentionText, toJson, type Value } from './mongo-values.js';

/** Names of fields and indexes of lists, from the document down to a value; empty: itself. */
export type FieldPath = readonly (string | number)[];

/** The column that stands for all fields. */
export const anyField = '*';

/** A value that is one text: a whole reference, a string, or what else may name a blob. */
export interface FieldText {
  /** Null for the names of all fields, which no path leads to. */
  readonly path: FieldPath | null;
  readonly value: Value;
  readonly text: string;
}

/** The path without the indexes of lists, as a column's name. */
export function fieldName(path: FieldPath | null): string {
  const names = (path ?? []).filter((part) => typeof part === 'string');
  return names.length === 0 ? anyField : names.join('.');
}

/** Every text of a document but `_id`'s of a document that is a reference itself. */
export function* textsOf(document: Fields): Generator<FieldText> {
  yield* textsIn(document, []);
  const names = [...new Set(namesIn(document))].join('\n');
  yield { path: null, value: names, text: names };
}

function* textsIn(value: Value, path: FieldPath): Generator<FieldText> {
  const text = textOf(value, path);
  if (text !== null) yield { path, value, text };
  if (value instanceof Map) {
    for (const [name, part] of value) {
      if (text === null || (path.length === 0 && name === '_id')) {
        yield* textsIn(part, [...path, name]);
      }
    }
  } else if (Array.isArray(value)) {
    for (const [index, part] of value.entries()) yield* textsIn(part, [...path, index]);
  }
}

/** The text that a value at a path is; null for one that is none. */
export function textOf(value: Value, path: FieldPath): string | null {
  if (typeof value === 'string') return value;
  if (value instanceof Map) {
    return isReference(value) ? dumpJson(toJson(ownFields(value, path))) : null;
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return null;
  return mentionText(value);
}

/** The identifier of a document never changes: it is no part of the reference that it is of. */
function ownFields(value: Fields, path: FieldPath): Fields {
  return path.length > 0 ? value : new Map([...value].filter(([name]) => name !== '_id'));
}

function* namesIn(value: Value): Generator<string> {
  if (Array.isArray(value)) for (const part of value) yield* namesIn(part);
  if (!(value instanceof Map)) return;
  for (const [name, part] of value) {
    yield name;
    yield* namesIn(part);
  }
}

/** What stands at a path; undefined for nothing. */
export function valueAt(document: Fields, path: FieldPath): Value | undefined {
  let value: Value | undefined = document;
  for (const part of path) {
    if (value instanceof Map && typeof part === 'string') value = value.get(part);
    else if (Array.isArray(value) && typeof part === 'number') value = value[part];
    else return undefined;
  }
  return value;
}

/** Why a text cannot be changed; null where it can. */
export function whyUnchangeable({ path, value }: FieldText): string | null {
  if (path === null) return 'it is the name of a field';
  if (path[0] === '_id') return 'it is the identifier of its document';
  if (typeof value !== 'string' && !(value instanceof Map)) return 'it is no string';
  const odd = [...path, ...namesOfStrings(value)].find((part) => !isAddressable(part));
  if (odd === undefined) return null;
  return `MongoDB cannot address the field ${JSON.stringify(odd)} in an update`;
}

function isAddressable(part: string | number): boolean {
  return typeof part === 'number' || (part !== '' && !part.startsWith('$') && !part.includes('.'));
}

/** The names on the way to strings and nulls in a reference, which are what changes in it. */
function* namesOfStrings(value: Value): Generator<string> {
  const parts = value instanceof Map ? value : Array.isArray(value) ? value.entries() : [];
  for (const [name, part] of parts) {
    const below = [...namesOfStrings(part)];
    const changes = part === null || typeof part === 'string';
    if (typeof name === 'string' && (changes || below.length > 0)) yield name;
    yield* below;
  }
}

/**
 * The strings and nulls that have to be set at which paths for a value to have the text `after`;
 * null where more than that would have to change.
 */
export function differences(
  value: Value,
  path: FieldPath,
  after: string,
  parse: (text: string) => JsonValue,
): Map<string, string | null> | null {
  if (typeof value === 'string') return new Map([[updatePath(path), after]]);
  const found = new Map<string, string | null>();
  const same = value instanceof Map && compare(ownFields(value, path), parse(after), path, found);
  return same ? found : null;
}

/** Adds to `found`; says false where values differ that are neither strings nor nulls. */
function compare(
  value: Value,
  after: JsonValue | undefined,
  path: FieldPath,
  found: Map<string, string | null>,
): boolean {
  if (isString(value) && isString(after)) {
    if (value !== after) found.set(updatePath(path), after);
    return true;
  }
  if (value instanceof Map) {
    if (!(after instanceof Map) || after.size !== value.size) return false;
    return [...value].every(([name, part]) =>
      compare(part, after.get(name), [...path, name], found),
    );
  }
  if (Array.isArray(value)) {
    if (!Array.isArray(after) || after.length !== value.length) return false;
    return value.every((part, index) => compare(part, after[index], [...path, index], found));
  }
  return after !== undefined && dumpJson(toJson(value)) === dumpJson(after);
}

function isString(value: unknown): value is string | null {
  return value === null || typeof value === 'string';
}

/** As updates and conditions write a path. */
export function updatePath(path: FieldPath): string {
  return path.join('.');
}
