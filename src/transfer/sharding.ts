import { hash } from 'node:crypto';
import type { TextRow } from '../databases/database.js';
import { formatShard, type Shard } from '../databases/shard.js';
import { DepotError } from '../errors.js';
import type { JsonObject } from '../python/json.js';
import { type ReferenceColumn, rowName } from '../references/columns.js';
import { mentionKey } from '../references/mentions.js';
import { parseReferenceText } from '../references/reference.js';

/**
 * Whether a shard moves this reference: its own file decides for all of its blobs, so that the
 * references to one file are all in one shard, whichever row they stand in and however they spell
 * it.
 */
export function movesReference(shard: Shard | undefined, reference: JsonObject): boolean {
  if (shard === undefined) return true;
  const id = reference.get('file_id') as string;
  return movesNamed(shard, mentionKey(id) ?? folded(id));
}

/** Whether a shard has anything to do in a row. */
export function movesSome(
  shard: Shard | undefined,
  column: ReferenceColumn,
  row: TextRow,
): boolean {
  if (shard === undefined) return true;
  const parsed = parseReferenceText(row.text);
  return parsed === null
    ? movesNamed(shard, rowName(column, row))
    : parsed.references.some((one) => movesReference(shard, one));
}

/** Whether what has this name is a shard's. */
export function movesNamed(shard: Shard | undefined, name: string): boolean {
  if (shard === undefined) return true;
  return Number.parseInt(hash('sha256', name).slice(0, 12), 16) % shard.count === shard.index - 1;
}

/** What databases may take for the same goes to one shard: case, accents, spaces. */
function folded(id: string): string {
  return id
    .normalize('NFKD')
    .toUpperCase()
    .replaceAll(/[^\p{L}\p{N}]/gu, '');
}

/** Refuses what a shard alone cannot do. */
export function checkShard(
  shard: Shard | undefined,
  { deleteSource, rewriteMentions }: { deleteSource: boolean; rewriteMentions: boolean },
): void {
  if (shard === undefined || (!deleteSource && !rewriteMentions)) return;
  const [option, why] = deleteSource
    ? ['--delete-source', `what shard ${formatShard(shard)} may delete, another may still need`]
    : ['--rewrite-mentions', 'a text may mention the files of several'];
  throw new DepotError('usage', `${option} cannot be a shard's: ${why}`, {
    hint: `Run it once with ${option} and without --shard when all shards are done.`,
  });
}
