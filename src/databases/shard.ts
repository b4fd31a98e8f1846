/** A part of a migration, one of `count` that are run by different processes. */
export interface Shard {
  /** From 1. */
  readonly index: number;
  readonly count: number;
}

/** Shards that a migration may have: MySQL's locks are asked one by one. */
export const mostShards = 1000;

/** `2/8`, as it is given and shown. */
export function formatShard({ index, count }: Shard): string {
  return `${index}/${count}`;
}

/**
 * Whether two runs must not go at the same time, where null is one of the whole: only different
 * shards of one number have no reference in common.
 */
export function exclude(one: Shard | null, other: Shard | null): boolean {
  if (one === null || other === null) return true;
  return one.count !== other.count || one.index === other.index;
}
