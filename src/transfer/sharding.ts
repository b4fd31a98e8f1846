import { hash } from 'node:crypto';
import { formatShard, type Shard } from '../databases/shard.js';
import { DepotError } from '../errors.js';
import type { JsonObject } from '../python/json.js';
import { mentionKey } from '../references/mentions.js';

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
