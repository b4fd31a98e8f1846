import type { JsonObject, JsonValue } from '../python/json.js';
import { isReference } from '../python/uploaded-file.js';
import { blobsOf } from './reference.js';

/** Where blobs go, as far as the text of a reference is concerned. */
export interface Relocation {
  /** Names by which references call the source: its own and its aliases. */
  readonly sources: ReadonlySet<string>;
  /** The target's name. */
  readonly target: string;
  /** Where the application serves blobs, such as `/depot`. */
  readonly mountpoint: string;
  /** The target's identifier of a blob of the source. */
  idFor(id: string): string;
  /** Public URLs, or null where a storage has none. */
  sourceUrl(id: string): string | null;
  targetUrl(id: string): string | null;
}

/** What the upload said of the file, which a move leaves alone whatever it looks like. */
export const facts = new Set(['filename', 'content_type', 'uploaded_at']);

/**
 * The reference with every name of its blobs in the source exchanged for the one in the target,
 * and nothing else: `storage/id`, a URL that serves the blob, or the identifier alone, in values
 * of any key. A name of a blob that does not belong to the reference stays, and so does a
 * reference inside it, which has blobs of its own.
 */
export function relocate(reference: JsonObject, relocation: Relocation): JsonObject {
  const { sources, target } = relocation;
  const ids = sourceIds(reference, sources);
  const moved: JsonObject = new Map();
  for (const [key, value] of reference) {
    const urlOf = publicId(reference, key, ids);
    if (facts.has(key)) moved.set(key, value);
    else if (key === 'depot_name') moved.set(key, sources.has(value as string) ? target : value);
    else if (urlOf !== null) moved.set(key, relocation.targetUrl(relocation.idFor(urlOf)));
    else moved.set(key, renamed(value, ids, relocation));
  }
  return moved;
}

/**
 * The reference without the names of its blobs in these storages: what is left of it mentions
 * other places. `publicUrl` gives the URL that such a blob has.
 */
export function eraseNames(
  reference: JsonObject,
  storages: ReadonlySet<string>,
  publicUrl: (id: string) => string | null,
): JsonObject {
  const ids = sourceIds(reference, storages);
  const erasure: Relocation = {
    sources: storages,
    target: '',
    mountpoint: '',
    idFor: () => '',
    sourceUrl: publicUrl,
    targetUrl: () => '',
  };
  return new Map(
    [...reference].map(([key, value]) => [
      key,
      facts.has(key) ? value : renamed(value, ids, erasure),
    ]),
  );
}

/** Identifiers of the reference's blobs that are in the source. */
export function sourceIds(reference: JsonObject, sources: ReadonlySet<string>): Set<string> {
  return new Set(
    blobsOf(reference)
      .filter(({ storage }) => sources.has(storage))
      .map(({ id }) => id),
  );
}

/**
 * The moved blob whose URL is the value of `_public_url` (the file's) or `_X_public_url` (that of
 * `X_id`); null for other keys. The key tells, since a storage without URLs has null there.
 */
function publicId(reference: JsonObject, key: string, ids: ReadonlySet<string>): string | null {
  const match = /^_(?:(.+)_)?public_url$/.exec(key);
  if (match === null) return null;
  const id = reference.get(match[1] === undefined ? 'file_id' : `${match[1]}_id`);
  return typeof id === 'string' && ids.has(id) ? id : null;
}

function renamed(value: JsonValue, ids: ReadonlySet<string>, relocation: Relocation): JsonValue {
  if (typeof value === 'string') return renamedText(value, ids, relocation);
  if (Array.isArray(value)) return value.map((part) => renamed(part, ids, relocation));
  if (!(value instanceof Map) || isReference(value)) return value;
  return new Map([...value].map(([key, part]) => [key, renamed(part, ids, relocation)]));
}

function renamedText(text: string, ids: ReadonlySet<string>, relocation: Relocation): string {
  const { target, mountpoint, idFor, sourceUrl, targetUrl } = relocation;
  for (const id of ids) {
    if (text === id) return idFor(id);
    if (text === sourceUrl(id))
      return targetUrl(idFor(id)) ?? `${mountpoint}/${target}/${idFor(id)}`;
    for (const source of relocation.sources) {
      const served = splitServed(text, source, id);
      if (served !== null) return `${served.before}${target}/${idFor(id)}${served.behind}`;
    }
  }
  return text;
}

/**
 * What stands before and behind `storage/id` in a text that is this path or a URL or absolute path
 * ending in it, perhaps followed by `/download`, a file name or a query; null for other texts.
 */
function splitServed(
  text: string,
  storage: string,
  id: string,
): { before: string; behind: string } | null {
  const path = `${storage}/${id}`;
  const at = text.indexOf(path);
  if (at < 0) return null;
  const before = text.slice(0, at);
  const behind = text.slice(at + path.length);
  const served = /^$|^(?:https?:\/\/[^\s/]+)?\/(?:[^\s?#]*\/)?$/.test(before);
  return served && /^(?:[/?#]\S*)?$/.test(behind) ? { before, behind } : null;
}
