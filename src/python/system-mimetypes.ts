import { readFileSync } from 'node:fs';

/** The files that Python's `mimetypes` reads where they exist, the later ones over the earlier. */
const knownFiles = [
  '/etc/mime.types',
  '/etc/httpd/mime.types',
  '/etc/httpd/conf/mime.types',
  '/etc/apache/mime.types',
  '/etc/apache2/mime.types',
  '/usr/local/etc/httpd/conf/mime.types',
  '/usr/local/lib/netscape/mime.types',
  '/usr/local/etc/mime.types',
];

let types: ReadonlyMap<string, string> | undefined;

/** Media types by suffix (`.txt`), as this machine's files give them; read once, when needed. */
export function systemTypes(): ReadonlyMap<string, string> {
  types ??= new Map(knownFiles.flatMap((file) => [...parseMimeTypes(contentOf(file))]));
  return types;
}

/** The entries of a mime.types file: a type a line, its suffixes behind it, `#` begins a comment. */
export function parseMimeTypes(text: string): Map<string, string> {
  const entries = new Map<string, string>();
  for (const line of text.split('\n')) {
    const words = line.split(/\s+/).filter((word) => word !== '');
    const comment = words.findIndex((word) => word.startsWith('#'));
    const [type, ...suffixes] = comment < 0 ? words : words.slice(0, comment);
    for (const suffix of suffixes) entries.set(`.${suffix}`, type as string);
  }
  return entries;
}

function contentOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
