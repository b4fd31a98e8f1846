import type { ByteRange } from '../backend.js';

/**
 * The part of `length` bytes that a `Range` header asks for. `whole` where it is to be ignored: it
 * is malformed, of another unit, or of several ranges, each of which RFC 9110 lets a server answer
 * with everything.
 */
export function parseRange(header: string, length: number): ByteRange | 'whole' | 'unsatisfiable' {
  const match = /^bytes=[ \t]*(\d*)-(\d*)[ \t]*$/i.exec(header);
  const [, first = '', last = ''] = match ?? [];
  if (first === '' && last === '') return 'whole';
  if (first === '') return suffix(Number(last), length);
  const start = Number(first);
  const end = last === '' ? Number.POSITIVE_INFINITY : Number(last);
  if (end < start) return 'whole';
  if (start >= length) return 'unsatisfiable';
  return { start, end: Math.min(end, length - 1) };
}

function suffix(count: number, length: number): ByteRange | 'whole' | 'unsatisfiable' {
  if (count === 0) return 'unsatisfiable';
  // No range names the bytes of an empty blob.
  if (length === 0) return 'whole';
  return { start: Math.max(length - count, 0), end: length - 1 };
}
