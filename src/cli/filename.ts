/** Bytes that a file name may have on common file systems. */
const longest = 255;

/**
 * A stored filename made safe to create here: no directories, no leading dot, no control
 * characters, never empty, not too long; the suffix is kept.
 */
export function safeFilename(filename: string): string {
  const base = filename.split(/[/\\]/).at(-1) ?? '';
  const printable = base.toWellFormed().replaceAll(/[\p{Cc}\u2028-\u202e\u2066-\u2069]/gu, '');
  const name = printable.replace(/^[.\s]+/, '').trimEnd();
  return name === '' ? 'unnamed' : shortened(name);
}

function shortened(name: string): string {
  const suffix = /\.[^.\s]{1,20}$/u.exec(name)?.[0] ?? '';
  let stem = [...name.slice(0, name.length - suffix.length)];
  while (Buffer.byteLength(stem.join('') + suffix) > longest) stem = stem.slice(0, -1);
  return (stem.join('') + suffix).trimEnd();
}
