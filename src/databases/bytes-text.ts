/**
 * The longest value of bytes that is searched for names of blobs: what is longer is taken to be a
 * file. MySQL's type `blob` holds as much.
 */
export const longestSearchedBytes = 65_535;

/** Bytes of a UUID and of an ObjectId. */
const identifierLengths = [16, 12];

/** What bytes say: in UTF-8, and in hexadecimal digits where they may be an identifier themselves. */
export function bytesText(bytes: Buffer): string {
  const text = bytes.toString();
  return identifierLengths.includes(bytes.length) ? `${text} ${bytes.toString('hex')}` : text;
}
