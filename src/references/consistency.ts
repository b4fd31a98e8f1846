import type { JsonObject, JsonValue } from '../python/json.js';

/** What of a reference's own names for its file does not agree; null where all does. */
export function contradiction(reference: JsonObject): string | null {
  const path = reference.get('path');
  const files = reference.get('files');
  const own = ownPath(reference);
  if (typeof path === 'string' && path !== own) return `its path is ${path}, its file ${own}`;
  if (Array.isArray(files) && !files.includes(own)) return `its files do not list ${own}`;
  return null;
}

/**
 * A contradictory reference with its file in the list of its files, first, as Python has it. Of one
 * where it cannot be told which of the names is right the reason, as a text.
 */
export function withOwnFile(reference: JsonObject): JsonObject | string {
  const own = ownPath(reference);
  const files = reference.get('files');
  if (reference.get('path') !== own || !Array.isArray(files)) {
    return 'nobody knows which of its names is right';
  }
  const same = files.find((file) => isOf(file, reference.get('file_id') as string));
  if (same !== undefined) return `its files list ${String(same)}, which may be the same file`;
  return new Map([...reference, ['files', [own, ...files]]]);
}

function ownPath(reference: JsonObject): string {
  return `${reference.get('depot_name')}/${reference.get('file_id')}`;
}

/** Whether it is the path of such an identifier in any storage, in any spelling. */
function isOf(file: JsonValue, id: string): boolean {
  if (typeof file !== 'string') return false;
  const plain = (text: string): string => text.replaceAll('-', '').toLowerCase();
  return plain(file.slice(file.lastIndexOf('/') + 1)) === plain(id);
}
