import type { BlobInfo } from '../backend.js';

/** Which blobs are wanted; what is absent does not matter. */
export interface BlobFilter {
  /** Pattern of the content type, such as `image/*`. */
  readonly type?: string | undefined;
  /** Pattern of the filename, such as `*.pdf`. */
  readonly name?: string | undefined;
  /** Bytes, exclusive. */
  readonly largerThan?: number | undefined;
  readonly smallerThan?: number | undefined;
  /** Last changed then or later; a blob of no known time was not. */
  readonly since?: Date | undefined;
}

/** Whether anything has to be known of a blob to filter it. */
export function isFilter(filter: BlobFilter): boolean {
  return Object.values(filter).some((value) => value !== undefined);
}

/** A test of a blob's info. */
export function blobTest(filter: BlobFilter): (info: BlobInfo) => boolean {
  const { largerThan, smallerThan, since } = filter;
  const [type, name] = [globTest(filter.type), globTest(filter.name)];
  return ({ contentType, filename, contentLength, lastModified }) =>
    type(contentType) &&
    name(filename) &&
    (largerThan === undefined || contentLength > largerThan) &&
    (smallerThan === undefined || contentLength < smallerThan) &&
    (since === undefined || (lastModified !== null && lastModified >= since));
}

/**
 * `*` stands for any characters, `?` for one; letters of either case are equal. The pieces between
 * the stars are looked for one after the other: one expression of many stars may take for ever.
 */
export function globTest(pattern: string | undefined): (text: string) => boolean {
  if (pattern === undefined) return () => true;
  const pieces = pattern
    .split('*')
    .map((piece) => piece.replaceAll(/[\\^$.+()[\]{}|]/g, String.raw`\$&`).replaceAll('?', '.'));
  const first = pieces.shift() as string;
  const last = pieces.pop();
  if (last === undefined) {
    const whole = new RegExp(`^${first}$`, 'isu');
    return (text) => whole.test(text);
  }
  const start = new RegExp(first, 'isuy');
  const middle = pieces.map((piece) => new RegExp(piece, 'isug'));
  const end = new RegExp(`${last}$`, 'isu');
  return (text) => {
    let position = 0;
    for (const piece of [start, ...middle]) {
      piece.lastIndex = position;
      if (!piece.test(text)) return false;
      position = piece.lastIndex;
    }
    return end.test(text.slice(position));
  };
}
