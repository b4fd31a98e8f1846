import { pages, type ReferenceColumn } from './columns.js';
import { blobsOf, parseReferenceText, referenceMark } from './reference.js';

/** How many references of a column name a storage, and how many blobs they name there. */
export interface Named {
  references: number;
  blobs: number;
}

/** Counts a column's references by the storage that they name; a shared blob counts each time. */
export async function countBlobs(
  column: ReferenceColumn,
  signal: AbortSignal,
): Promise<Map<string, Named>> {
  const counts = new Map<string, Named>();
  const count = (storage: string, what: keyof Named): void => {
    const known = counts.get(storage) ?? { references: 0, blobs: 0 };
    known[what] += 1;
    counts.set(storage, known);
  };
  for await (const page of pages(column, { containing: referenceMark })) {
    if (signal.aborted) break;
    const references = page.flatMap(({ text }) => parseReferenceText(text)?.references ?? []);
    for (const reference of references) {
      const blobs = blobsOf(reference);
      for (const storage of new Set(blobs.map((blob) => blob.storage)))
        count(storage, 'references');
      for (const { storage } of blobs) count(storage, 'blobs');
    }
  }
  return counts;
}
