import type { BlobInfo } from '../backend.js';
import type { TextRow } from '../databases/database.js';
import { parseReferenceText } from '../references/reference.js';
import { sourceIds } from '../references/relocate.js';
import { type Candidate, groupsOf } from './candidates.js';
import { type Found, lookUp, toLookUp } from './copy-page.js';
import type { MigrateContext } from './migrate.js';
import { movesReference } from './sharding.js';

/** Which references are moved, by what the source says of their file. */
export interface Selection {
  /** Bytes: it must have more. */
  readonly largerThan?: number | undefined;
  /** Bytes: it must have fewer. */
  readonly smallerThan?: number | undefined;
  /** It must have been stored before; a time that is not known is not before. */
  readonly modifiedBefore?: Date | undefined;
}

/** Whether it leaves anything out at all. */
export function isLimiting(selection: Selection): boolean {
  return Object.values(selection).some((limit) => limit !== undefined);
}

/**
 * Looks up the files that decide which references of these rows are selected, where some are to be
 * left out; else null. All of a page at once, however few a limit takes at a time.
 */
export async function lookUpFiles(
  rows: readonly TextRow[],
  context: MigrateContext,
): Promise<Found | null> {
  const { selection, shard, relocation } = context;
  if (!isLimiting(selection)) return null;
  const groups = rows
    .flatMap(({ text }) => parseReferenceText(text)?.references ?? [])
    .filter((reference) => movesReference(shard, reference))
    .map((reference) => sourceIds(reference, relocation.sources));
  return lookUp(new Set(groups.filter(({ size }) => size > 0).map(fileOf)), context);
}

/**
 * The candidates without the references that are not selected, and what the source says of the
 * blobs of the others. A reference's own file decides for all of its blobs, or the first that it has
 * in the source. Where that is missing or cannot be read nothing can be said of it: such a reference
 * stays, and is reported like any other. Those left out are counted with `count`.
 */
export async function select(
  candidates: readonly Candidate[],
  files: Found | null,
  context: MigrateContext,
  { count }: { count: boolean },
): Promise<{ selected: readonly Candidate[]; found: Found }> {
  const all = (some: readonly Candidate[]): string[] => groupsOf(some).flatMap((ids) => [...ids]);
  if (files === null) {
    const ids = toLookUp(groupsOf(candidates), context);
    return { selected: candidates, found: await lookUp(ids, context) };
  }
  const { selection, counts } = context;
  const selected = candidates.flatMap((candidate) => {
    const moves = [...candidate.moves].filter(([, ids]) => {
      const info = files.infos.get(fileOf(ids));
      return info === undefined || isSelected(info, selection);
    });
    const left = candidate.moves.size - moves.length;
    if (count) counts.references.not_selected = (counts.references.not_selected ?? 0) + left;
    return moves.length === 0 ? [] : [{ ...candidate, moves: new Map(moves) }];
  });
  const others = all(selected).filter((id) => !files.infos.has(id) && !files.lacking.has(id));
  const further = await lookUp(new Set(others), context);
  return {
    selected,
    found: {
      infos: new Map([...files.infos, ...further.infos]),
      lacking: new Map([...files.lacking, ...further.lacking]),
    },
  };
}

/** The blob that decides for a reference with these: its own stands first. */
function fileOf(ids: ReadonlySet<string>): string {
  const [file = ''] = ids;
  return file;
}

function isSelected({ contentLength, lastModified }: BlobInfo, selection: Selection): boolean {
  const { largerThan, smallerThan, modifiedBefore } = selection;
  if (largerThan !== undefined && contentLength <= largerThan) return false;
  if (smallerThan !== undefined && contentLength >= smallerThan) return false;
  return modifiedBefore === undefined || (lastModified !== null && lastModified < modifiedBefore);
}
