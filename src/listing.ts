import type { ListPage } from './backend.js';
import { DepotError } from './errors.js';

/** The beginning of a list of names, each of which is where the list can go on. */
export async function firstOf(names: AsyncIterable<string>, count: number): Promise<ListPage> {
  const ids: string[] = [];
  for await (const name of names) {
    if (ids.length === count) return { ids, next: ids.at(-1) ?? null };
    ids.push(name);
  }
  return { ids, next: null };
}

/**
 * The first names of a list without order, sorted, that come behind `after`: all of the list is
 * read, and few names of it are kept.
 */
export async function smallestOf(
  names: AsyncIterable<string>,
  after: string | null,
  count: number,
): Promise<ListPage> {
  let smallest: string[] = [];
  let largest: string | null = null;
  for await (const name of names) {
    if ((after !== null && name <= after) || (largest !== null && name >= largest)) continue;
    smallest.push(name);
    if (smallest.length < 2 * count + 2) continue;
    smallest = smallest.sort().slice(0, count + 1);
    largest = smallest.at(-1) as string;
  }
  const ids = smallest.sort().slice(0, count);
  return { ids, next: smallest.length > count ? (ids.at(-1) as string) : null };
}

/** The error of a list that is to go on where no part of it has ended. */
export function noPage(after: string): DepotError {
  return new DepotError('usage', `no list goes on at ${JSON.stringify(after)}`);
}
