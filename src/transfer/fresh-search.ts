/** Milliseconds for which what a search has found is relied on, at least. */
const leastFresh = 1000;

/**
 * Gives a function to be called before each deletion: it searches again where the last search is
 * older than it took, or a second. A text can move, while a search reads, to where that has been
 * already; nothing is deleted by one search alone.
 */
export function freshSearch(search: () => Promise<void>): () => Promise<void> {
  let freshUntil = Number.NEGATIVE_INFINITY;
  let searching: Promise<void> | null = null;
  const run = async (): Promise<void> => {
    const begun = performance.now();
    await search();
    const ended = performance.now();
    freshUntil = ended + Math.max(leastFresh, ended - begun);
  };
  return async () => {
    if (searching === null && performance.now() < freshUntil) return;
    searching ??= run().finally(() => {
      searching = null;
    });
    await searching;
  };
}
