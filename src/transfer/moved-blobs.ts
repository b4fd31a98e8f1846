import type { Database } from '../databases/database.js';
import { pages, textColumns } from '../references/columns.js';
import { mentionKey } from '../references/mentions.js';
import { parseReferenceText, referenceMark } from '../references/reference.js';
import { sourceIds } from '../references/relocate.js';
import { type CopyOptions, copyBlob } from './copy-blob.js';
import type { IdentifierSet } from './identifier-set.js';
import type { State } from './state.js';

/** Adds the identifiers of the target's blobs that references name. */
export async function findReferenced(
  databases: readonly Database[],
  targetNames: ReadonlySet<string>,
  found: IdentifierSet,
  signal: AbortSignal,
): Promise<void> {
  for (const database of databases) {
    for (const column of textColumns(database, await database.tables())) {
      for await (const rows of pages(column, { containing: referenceMark })) {
        if (signal.aborted) return;
        const references = rows.flatMap(({ text }) => parseReferenceText(text)?.references ?? []);
        for (const one of references) for (const id of sourceIds(one, targetNames)) found.add(id);
      }
    }
  }
}

/**
 * Why the source's blob `id` is not the one that the target has in its place; null where it is.
 * What the source has lost can only be told by an identifier that no other blob has.
 */
export async function whyNotMoved(
  id: string,
  { copyOptions, state }: { readonly copyOptions: CopyOptions; readonly state: State },
): Promise<string | null> {
  const { source, target, dryRun } = copyOptions;
  const targetId = target.idFor(id);
  const info = await source.find(id);
  if (info === null && mentionKey(id) !== null) return null;
  if (info === null) return `${source.path(id)} does not exist`;
  if (state.copyOf(source.path(id))?.version === info.version) return null;
  const outcome = await copyBlob({ id, targetId }, { ...copyOptions, dryRun: true }, info);
  if ('kind' in outcome) return outcome.message;
  return outcome.status === 'copied' && !dryRun ? `${target.path(targetId)} does not exist` : null;
}
