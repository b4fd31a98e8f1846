/** Aborts a request from which nothing has been heard for too long. */
export interface IdleGuard {
  readonly signal: AbortSignal;
  /** Something moved: the time begins anew. */
  moved(): void;
  /** Nobody waits for the server now: it is not to blame for the time that passes. */
  rest(): void;
}

/** `milliseconds` without a sign of the server abort `signal`, with an error of the network. */
export function idleGuard(milliseconds: number): IdleGuard {
  const controller = new AbortController();
  let waiting = true;
  const timer = setTimeout(() => {
    if (waiting) controller.abort(idleError());
  }, milliseconds);
  // The request itself keeps the process alive.
  timer.unref();
  return {
    signal: controller.signal,
    moved() {
      waiting = true;
      timer.refresh();
    },
    rest() {
      waiting = false;
    },
  };
}

/** What `promise` gives, unless that takes longer than `milliseconds`. */
export async function within<T>(promise: Promise<T>, milliseconds: number): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(idleError()), milliseconds);
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** As an error of the network. */
export function idleError(): Error {
  return Object.assign(new Error('no sign of the server'), { code: 'ETIMEDOUT' });
}
