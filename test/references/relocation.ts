import { formatReferenceText, parseReferenceText } from '../../src/references/reference.js';
import { type Relocation, relocate } from '../../src/references/relocate.js';

export const id = 'f8978386-e6ef-11f1-b551-02fc00000001';

export const thumb = 'f8f4fb92-e6ef-11f1-b551-02fc00000001';

export const other = '00000000-e6ef-11f1-b551-02fc00000001';

/** A move from `dbfiles` to `localfs` that keeps identifiers, unless `changes` say otherwise. */
export function move(changes: Partial<Relocation> = {}): Relocation {
  return {
    sources: new Set(['dbfiles']),
    target: 'localfs',
    mountpoint: '/depot',
    idFor: (blob) => blob,
    sourceUrl: () => null,
    targetUrl: () => null,
    ...changes,
  };
}

/** The text with all its references relocated. */
export function moved(text: string, relocation: Relocation): string {
  const parsed = parseReferenceText(text);
  if (parsed === null) throw new Error(`no reference in ${text}`);
  return formatReferenceText(parsed, (reference) => relocate(reference, relocation));
}

/** The ways in which a value may name a blob, and has to move with it. */
export const served: [string, (storage: string, blob: string) => string][] = [
  ['a path', (storage, blob) => `${storage}/${blob}`],
  ['a path with a file name', (storage, blob) => `${storage}/${blob}/a.txt`],
  ['a relative URL', (storage, blob) => `/depot/${storage}/${blob}`],
  ['a URL below another mount point', (storage, blob) => `/a/b/c/${storage}/${blob}`],
  ['a URL at the root', (storage, blob) => `/${storage}/${blob}`],
  ['a URL with a host', (storage, blob) => `https://site.example:8080/depot/${storage}/${blob}`],
  ['a URL without a scheme', (storage, blob) => `//site.example/depot/${storage}/${blob}`],
  ['a download', (storage, blob) => `/depot/${storage}/${blob}/download`],
  ['a file name', (storage, blob) => `/depots/${storage}/${blob}/name.txt`],
  ['a query', (storage, blob) => `/depot/${storage}/${blob}?v=1&path=dbfiles`],
  ['a fragment', (storage, blob) => `/depot/${storage}/${blob}#page=2`],
  ['the identifier', (_, blob) => blob],
];
