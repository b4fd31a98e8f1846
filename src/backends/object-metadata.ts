import anyAscii from 'any-ascii';
import type { BlobMetadata } from '../backend.js';

/** What a filename keeps in an object's metadata, beside letters and digits. */
const unquoted = /[A-Za-z0-9!#$&+\-.^_`|~]/;

/** Where an object says what it is a copy of; Python passes over it. */
const originalKey = 'x-depot-original-id';

/** What an object's metadata say of the blob that it is a copy of. */
export function quoteOriginal({ originalId }: BlobMetadata): Record<string, string> {
  return originalId === undefined ? {} : { [originalKey]: quoteFilename(originalId) };
}

/** The identifier of the blob that an object is a copy of, where its metadata tell. */
export function originalIn(metadata: Readonly<Record<string, string>>): { originalId?: string } {
  const quoted = metadata[originalKey];
  return quoted === undefined ? {} : { originalId: unquoteFilename(quoted) };
}

/** A filename as filedepot keeps it in an object's metadata: percent-encoded UTF-8. */
export function quoteFilename(filename: string): string {
  return Array.from(Buffer.from(filename), (byte) => {
    const character = String.fromCharCode(byte);
    return unquoted.test(character) ? character : percent(byte);
  }).join('');
}

function percent(byte: number): string {
  return `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
}

/** The filename in an object's metadata; what is not percent-encoded stays as it is. */
export function unquoteFilename(text: string): string {
  return text.replaceAll(/(?:%[0-9a-f]{2})+/gi, (run) =>
    Buffer.from(run.replaceAll('%', ''), 'hex').toString(),
  );
}

/**
 * The header under which visitors save a file: its name in ASCII, as near as it gets, and exactly
 * (RFC 6266), percent-encoded by `quote`. No name breaks out of it.
 */
export function contentDisposition(
  disposition: 'inline' | 'attachment',
  filename: string,
  quote: (filename: string) => string = quoteExtended,
): string {
  return `${disposition};filename="${asciiFilename(filename)}";filename*=utf-8''${quote(filename)}`;
}

/** A filename in ASCII, as near as it gets, for between double quotes in a header. */
function asciiFilename(filename: string): string {
  return anyAscii(filename.toWellFormed()).replaceAll(/[^\x20-\x7e]|["\\]/g, '_');
}

/** Characters of RFC 5987's `attr-char` stay. */
function quoteExtended(filename: string): string {
  return encodeURIComponent(filename.toWellFormed()).replaceAll(/['()*]/g, (character) =>
    percent(character.charCodeAt(0)),
  );
}

/** An object's name in a URL, as Python quotes it there: slashes stay. */
export function quotePath(name: string): string {
  return encodeURIComponent(name)
    .replaceAll('%2F', '/')
    .replaceAll(/[!'()*]/g, (character) => percent(character.charCodeAt(0)));
}
