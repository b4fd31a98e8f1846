/** How often something is tried, and the first pause before it is tried again, in milliseconds. */
const attempts = 8;
const firstPause = 50;

/** Does something again after an error that `mayRepeat` takes for one that passes. */
export async function repeated<T>(
  action: () => Promise<T>,
  { retried, mayRepeat }: { retried(): void; mayRepeat(error: unknown): boolean },
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await action();
    } catch (error) {
      if (attempt === attempts || !mayRepeat(error)) throw error;
      retried();
      // Two that are in each other's way must not meet again at once.
      const pause = firstPause * 2 ** (attempt - 1) * (0.5 + Math.random());
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
}
