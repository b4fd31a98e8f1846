import type { BlobMetadata } from '../backend.js';
import { DepotError, messageOf } from '../errors.js';
import {
  dumpJson,
  JsonNumber,
  type JsonObject,
  type JsonValue,
  parseJson,
} from '../python/json.js';
import { formatUtc, parseUtc } from '../time.js';

/** What `metadata.json` says; what it does not say is null. */
export interface LocalMetadata {
  readonly filename: string;
  readonly contentType: string;
  readonly contentLength: number | null;
  readonly lastModified: Date | null;
}

/** The text of `metadata.json`, as Python's `json.dumps` writes it, with filedepot's four keys. */
export function formatMetadata(metadata: BlobMetadata, contentLength: number): string {
  return dumpJson(
    new Map<string, JsonValue>([
      ['filename', metadata.filename],
      ['content_type', metadata.contentType],
      ['content_length', new JsonNumber(String(contentLength))],
      ['last_modified', metadata.lastModified === null ? null : formatUtc(metadata.lastModified)],
    ]),
  );
}

/**
 * Reads `metadata.json`. Missing and null values get filedepot's defaults; keys that filedepot
 * would stumble over are passed over, since the blob itself is sound.
 */
export function parseMetadata(text: string, file: string): LocalMetadata {
  const object = objectOf(text, file);
  const filename = object.get('filename') ?? 'unnamed';
  const contentType = object.get('content_type') ?? 'application/octet-stream';
  if (typeof filename !== 'string' || typeof contentType !== 'string') {
    throw damagedMetadata(file, 'filename and content_type must be text');
  }
  return {
    filename,
    contentType,
    contentLength: lengthOf(object.get('content_length') ?? null),
    lastModified: timeOf(object.get('last_modified') ?? null, file),
  };
}

/** As Python's `dict(…)` of the value: an object, or a list of pairs. */
function objectOf(text: string, file: string): JsonObject {
  let value: JsonValue;
  try {
    value = parseJson(text);
  } catch (error) {
    throw damagedMetadata(file, messageOf(error));
  }
  if (value instanceof Map) return value;
  const pairs = Array.isArray(value) ? value : null;
  if (
    pairs?.every((pair) => Array.isArray(pair) && pair.length === 2 && typeof pair[0] === 'string')
  ) {
    return new Map(pairs as [string, JsonValue][]);
  }
  throw damagedMetadata(file, 'it is no JSON object');
}

function lengthOf(value: JsonValue): number | null {
  const text = value instanceof JsonNumber ? value.text : value;
  return typeof text === 'string' && /^\d{1,15}$/.test(text) ? Number(text) : null;
}

function timeOf(value: JsonValue, file: string): Date | null {
  if (value === null || value === '') return null;
  const time = typeof value === 'string' ? parseUtc(value) : null;
  if (time === null) throw damagedMetadata(file, 'last_modified is no time');
  return time;
}

/** The error for a `metadata.json` that cannot be read. */
export function damagedMetadata(file: string, why: string): DepotError {
  return new DepotError('damaged', `damaged metadata in ${file}: ${why}`);
}
