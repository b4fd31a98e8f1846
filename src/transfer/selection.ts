import type { BlobInfo } from '../backend.js';
import type { JsonObject } from '../python/json.js';
import type { Candidate } from './candidates.js';
import type { Found } from './copy-page.js';
import type { Counts } from './report.js';

/** Which references are moved, by what the source says of their file. */
export interface Selection {
  /** Bytes: it must have more. */
  readonly largerThan?: number | undefined;
  /** Bytes: it must have fewer. */
  readonly smallerThan?: number | undefined;
  /** It must have been stored before; a time that is not known is not before. */
  readonly modifiedBefore?: Date | undefined;
}

/**
 * The candidates without the references that are not selected. A reference's own file decides for
 * all of its blobs, or the first that it has in the source. Where that is missing or cannot be read
 * nothing can be said of it: such a reference stays, and is reported like any other. Those left out
 * are counted with `count`.
 */
export function selectFrom(
  candidates: readonly Candidate[],
  { infos }: Found,
  { selection, counts }: { selection: Selection; counts: Counts },
  { count }: { count: boolean },
): Candidate[] {
  const isMeant = ([, ids]: readonly [JsonObject, ReadonlySet<string>]): boolean => {
    const [main = ''] = ids;
    const info = infos.get(main);
    return info === undefined || isSelected(info, selection);
  };
  return candidates.flatMap((candidate) => {
    const moves = new Map([...candidate.moves].filter(isMeant));
    const left = candidate.moves.size - moves.size;
    if (count && left > 0)
      counts.references.not_selected = (counts.references.not_selected ?? 0) + left;
    return moves.size === 0 ? [] : [{ ...candidate, moves }];
  });
}

function isSelected({ contentLength, lastModified }: BlobInfo, selection: Selection): boolean {
  const { largerThan, smallerThan, modifiedBefore } = selection;
  if (largerThan !== undefined && contentLength <= largerThan) return false;
  if (smallerThan !== undefined && contentLength >= smallerThan) return false;
  return modifiedBefore === undefined || (lastModified !== null && lastModified < modifiedBefore);
}

/** Whether it leaves anything out at all. */
export function isLimiting(selection: Selection): boolean {
  return Object.values(selection).some((limit) => limit !== undefined);
}
