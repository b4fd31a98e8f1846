/** The one identifier, and what its versions are: each of a length and a filename of its own. */
export const id = '3c1b9742-f338-4dcf-a812-e60d74b46c69';

export function version(number: number): { bytes: Buffer; filename: string } {
  return { bytes: Buffer.alloc(1000 + number, `${number} `), filename: `${number}.txt` };
}
