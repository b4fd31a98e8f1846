import { exitCodes } from '../errors.js';

/** Interruption by the user, the system or a reader that has gone away. */
export interface Signals {
  readonly signal: AbortSignal;
  /** The exit code that an interruption gives, or null where there was none. */
  exitCode(): number | null;
  stop(): void;
}

/**
 * The first SIGINT or SIGTERM aborts the signal: commands stop taking new work and end what is in
 * flight. The second ends the process at once. A closed standard output aborts it too; one of
 * standard error is of no consequence, since nobody can be told.
 */
export function watchSignals(): Signals {
  const controller = new AbortController();
  let code: number | null = null;
  const on = (received: number) => (): void => {
    if (code !== null) {
      // Ending waits for what the system does not finish, such as opening a pipe that nobody
      // writes: a third signal must find its default action and not this.
      stop();
      process.exit(code);
    }
    code = received;
    controller.abort(new Error('interrupted'));
  };
  const handlers = {
    SIGINT: on(exitCodes.interrupted),
    SIGTERM: on(exitCodes.terminated),
  };
  const stop = (): void => {
    for (const [name, handler] of Object.entries(handlers)) process.off(name, handler);
  };
  for (const [name, handler] of Object.entries(handlers)) process.on(name, handler);
  process.stdout.on('error', (error) => controller.abort(error));
  process.stderr.on('error', () => {});
  return {
    signal: controller.signal,
    exitCode: () => code,
    stop,
  };
}
