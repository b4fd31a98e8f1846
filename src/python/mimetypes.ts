import { encodingSuffixes, suffixesByType, suffixShorthands } from './mimetype-tables.js';
import { systemTypes } from './system-mimetypes.js';

const typesBySuffix = new Map<string, string>(
  Object.entries(suffixesByType).flatMap(([type, suffixes]) =>
    suffixes.split(' ').map((suffix) => [`.${suffix}`, type]),
  ),
);

/**
 * The media type that Python's `mimetypes.guess_type(filename, strict=False)` gives, or null. It is
 * the type inside a compression: `a.tar.gz` is `application/x-tar`. As in Python, what the machine's
 * mime.types files say (`system`) comes before Python's own tables.
 */
export function guessType(filename: string, system = systemTypes()): string | null {
  const [scheme, path] = splitScheme(filename);
  if (scheme.toLowerCase() === 'data') return typeOfDataUrl(path);
  let [base, suffix] = splitSuffix(path);
  let longForm = suffixShorthands.get(suffix.toLowerCase());
  while (longForm !== undefined) {
    [base, suffix] = splitSuffix(base + longForm);
    longForm = suffixShorthands.get(suffix.toLowerCase());
  }
  if (encodingSuffixes.has(suffix)) [base, suffix] = splitSuffix(base);
  const key = suffix.toLowerCase();
  return system.get(key) ?? typesBySuffix.get(key) ?? null;
}

/** Python takes any name for a URL, so what stands before a colon is no part of the name. */
function splitScheme(filename: string): [scheme: string, rest: string] {
  const end = filename.search(/[/:]/);
  if (end < 1 || filename[end] === '/') return ['', filename];
  return [filename.slice(0, end), filename.slice(end + 1)];
}

function typeOfDataUrl(rest: string): string | null {
  const comma = rest.indexOf(',');
  if (comma < 0) return null;
  const type = rest.slice(0, comma).replace(/;.*/s, '');
  return type.includes('=') || !type.includes('/') ? 'text/plain' : type;
}

/** Dots that begin the last part of a path do not begin a suffix (`posixpath.splitext`). */
function splitSuffix(path: string): [base: string, suffix: string] {
  const dot = path.lastIndexOf('.');
  const name = path.lastIndexOf('/') + 1;
  const hasSuffix = dot > name && /[^.]/.test(path.slice(name, dot));
  return hasSuffix ? [path.slice(0, dot), path.slice(dot)] : [path, ''];
}
