/** Times that a request to a service is sent again. */
export const retries = 5;

/** Milliseconds to wait after so many failures; two that failed together do not meet again. */
export function pauseAfter(failures: number): number {
  return 200 * 2 ** (failures - 1) * (0.5 + Math.random() / 2);
}
