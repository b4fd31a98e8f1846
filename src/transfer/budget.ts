/** Bytes of blobs held whole in memory at once; a larger one goes alone. */
export const bytesInFlight = 64 * 1024 * 1024;

/**
 * A number of bytes that may be in flight at once. What is larger than the whole budget waits
 * until nothing else is, and then goes alone.
 */
export class Budget {
  readonly #total: number;
  #free: number;
  readonly #waiting: { size: number; start: () => void }[] = [];

  constructor(total: number) {
    this.#total = total;
    this.#free = total;
  }

  /** Runs `action` when `bytes` are free, first come, first served. */
  async run<T>(bytes: number, action: () => Promise<T>): Promise<T> {
    const size = Math.min(bytes, this.#total);
    await new Promise<void>((start) => {
      this.#waiting.push({ size, start });
      this.#startWaiting();
    });
    try {
      return await action();
    } finally {
      this.#free += size;
      this.#startWaiting();
    }
  }

  #startWaiting(): void {
    while (true) {
      const [next] = this.#waiting;
      if (next === undefined || next.size > this.#free) return;
      this.#waiting.shift();
      this.#free -= next.size;
      next.start();
    }
  }
}
