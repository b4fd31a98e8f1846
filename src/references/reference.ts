import { dumpJson, type JsonObject, type JsonValue, parseJson } from '../python/json.js';
import { isReference } from '../python/uploaded-file.js';

/**
 * References as `depot.fields.upload.UploadedFile` writes them: a JSON object that names a file's
 * storage and identifier, and all further blobs that belong to it, such as thumbnails.
 */

/** A blob as a reference names it; the storage may be an alias or one that nobody knows. */
export interface BlobName {
  readonly storage: string;
  readonly id: string;
}

/** What every text with a reference holds; cheaper to look for than to parse. */
export const referenceMark = '"depot_name"';

/** A text's JSON value, and the references in it at any depth; null where there are none. */
export interface ReferenceText {
  readonly value: JsonValue;
  readonly references: readonly JsonObject[];
}

export function parseReferenceText(text: string): ReferenceText | null {
  if (!text.includes(referenceMark)) return null;
  let value: JsonValue;
  try {
    value = parseJson(text);
  } catch {
    return null;
  }
  const references = [...referencesIn(value)];
  return references.length === 0 ? null : { value, references };
}

/** Whether a text of a reference column looks like a reference that was cut off or damaged. */
export function isBrokenReference(text: string): boolean {
  if (!/^\s*[{[]/.test(text) || !text.includes(referenceMark)) return false;
  try {
    parseJson(text);
    return false;
  } catch {
    return true;
  }
}

function* referencesIn(value: JsonValue): Generator<JsonObject> {
  if (value instanceof Map) {
    if (isReference(value)) yield value;
    for (const part of value.values()) yield* referencesIn(part);
  } else if (Array.isArray(value)) {
    for (const part of value) yield* referencesIn(part);
  }
}

/**
 * The text with some of its references exchanged, as Python's `json.dumps` writes it. References
 * inside a reference are exchanged each on their own: `exchange` must pass them on as they are.
 */
export function formatReferenceText(
  { value }: ReferenceText,
  exchange: (reference: JsonObject) => JsonObject,
): string {
  const rebuilt = (part: JsonValue): JsonValue => {
    if (Array.isArray(part)) return part.map(rebuilt);
    if (!(part instanceof Map)) return part;
    const object = isReference(part) ? exchange(part) : part;
    return new Map([...object].map(([key, inner]) => [key, rebuilt(inner)]));
  };
  return dumpJson(rebuilt(value));
}

/** Every blob that belongs to the reference, its own first, each once. */
export function blobsOf(reference: JsonObject): BlobName[] {
  const storage = reference.get('depot_name') as string;
  const fileId = reference.get('file_id') as string;
  const files = reference.get('files');
  const paths = [
    reference.get('path'),
    ...(Array.isArray(files) ? files : []),
    ...companions(reference),
  ];
  const found = new Map([[`${storage}/${fileId}`, { storage, id: fileId }]]);
  for (const path of paths) {
    const name = typeof path === 'string' ? splitPath(path, storage) : null;
    if (name !== null) found.set(`${name.storage}/${name.id}`, name);
  }
  return [...found.values()];
}

/** The smaller image of its file that a reference names first, or null. */
export function thumbnailOf(reference: JsonObject): BlobName | null {
  const [path] = companions(reference, 'thumb');
  return path === undefined ? null : splitPath(path, reference.get('depot_name') as string);
}

/** Paths of thumbnails and the like: `X_path` beside an `X_id` that it ends in. */
function* companions(reference: JsonObject, prefix = ''): Generator<string> {
  for (const [key, id] of reference) {
    if (!key.startsWith(prefix) || !key.endsWith('_id') || typeof id !== 'string') continue;
    const path = reference.get(`${key.slice(0, -'_id'.length)}_path`);
    if (typeof path === 'string' && path.endsWith(`/${id}`)) yield path;
  }
}

/** `storage/id`; a storage's name may hold a slash itself, then it is the reference's own. */
function splitPath(path: string, storage: string): BlobName | null {
  if (path.startsWith(`${storage}/`)) return { storage, id: path.slice(storage.length + 1) };
  const slash = path.indexOf('/');
  return slash <= 0 ? null : { storage: path.slice(0, slash), id: path.slice(slash + 1) };
}
