import type { Writable } from 'node:stream';
import { DepotError, messageOf } from '../errors.js';
import { errorCode, fileError } from '../files.js';
import { escaped, jsonOf } from './json.js';
import { noLog, type RunLog } from './run-log.js';

/** How much a command says beside its data. */
export type Verbosity = 'quiet' | 'normal' | 'verbose';

/** Standard output cannot take any more. */
export class OutputError extends DepotError {
  /** Nobody reads it any more, as after `| head`. */
  readonly closed: boolean;

  constructor(error: unknown) {
    super('failed', fileError(error, 'cannot write to standard output').message, { cause: error });
    this.closed = errorCode(error) === 'EPIPE';
  }
}

/** Where a command's words go: data to standard output, everything else to standard error. */
export class Output {
  readonly json: boolean;
  readonly verbosity: Verbosity;
  /** What programs are told of the run. */
  readonly log: RunLog;
  readonly #out: Writable;
  readonly #err: Writable;
  readonly #signal: AbortSignal;

  /** An aborted `signal` ends the waiting for a slow reader. */
  constructor(options: {
    json: boolean;
    verbosity: Verbosity;
    out: Writable;
    err: Writable;
    signal: AbortSignal;
    log?: RunLog;
  }) {
    this.json = options.json;
    this.verbosity = options.verbosity;
    this.log = options.log ?? noLog;
    this.#out = options.out;
    this.#err = options.err;
    this.#signal = options.signal;
  }

  /** Characters that a line of standard output has room for; endless where it is no terminal. */
  get columns(): number {
    const columns = 'columns' in this.#out ? Number(this.#out.columns) : 0;
    return columns > 0 ? columns : Number.POSITIVE_INFINITY;
  }

  /** A line of data, or with `--json` the object. Waits for a slow reader. */
  async data(line: string, object: unknown): Promise<void> {
    await this.raw(`${this.json ? jsonOf(object) : escapeControls(line)}\n`);
  }

  /** What a run has come to, for programs: in the log, and with `--json` its last line. */
  async summary(object: object): Promise<void> {
    this.log.write('summary', object);
    if (this.json) await this.data('', { type: 'summary', ...object });
  }

  /**
   * Bytes of data as they are.
   *
   * @throws OutputError
   */
  async raw(bytes: string | Uint8Array): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const stop = (): void => reject(this.#signal.reason);
      this.#signal.addEventListener('abort', stop);
      this.#out.write(bytes, (error) => {
        this.#signal.removeEventListener('abort', stop);
        if (error) reject(new OutputError(error));
        else resolve();
      });
    });
  }

  /** Something worth saying, unless asked to be quiet. */
  note(line: string): void {
    if (this.verbosity !== 'quiet') this.#err.write(`${escapeControls(line)}\n`);
  }

  /** Something for those who asked for more. */
  detail(line: string): void {
    if (this.verbosity === 'verbose') this.#err.write(`${escapeControls(line)}\n`);
  }

  /** An item that was not done: always said, and with `--json` an object among the data. */
  problem(line: string, object: object): void {
    this.log.write('problem', object);
    this.#err.write(`depot: ${escapeControls(line)}\n`);
    if (this.json) this.#out.write(`${jsonOf(object)}\n`);
  }

  /** One failed item, or the end of a command: always said. */
  error(error: unknown): void {
    this.log.write('error', { message: messageOf(error) });
    this.#err.write(`depot: ${escapeControls(messageOf(error))}\n`);
    if (error instanceof DepotError && error.hint !== undefined) {
      this.#err.write(`${escapeControls(error.hint)}\n`);
    }
    if (process.env.DEPOT_DEBUG === '1' && error instanceof Error) {
      this.#err.write(`${error.stack}\n`);
    }
  }
}

/** Text whose control characters are shown instead of obeyed, so that it stays on its line. */
export function escapeControls(text: string): string {
  return text.replaceAll(/[\p{Cc}\u2028-\u202e\u2066-\u2069]/gu, (character) => {
    const named: Record<string, string> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };
    return named[character] ?? escaped(character);
  });
}

/** Bytes for people: `430 kB`. */
export function formatBytes(bytes: number): string {
  const units = ['kB', 'MB', 'GB', 'TB'];
  if (bytes < 1000) return `${bytes} bytes`;
  let value = bytes;
  let unit = -1;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${value < 9.95 ? value.toFixed(1) : value.toFixed(0)} ${units[unit]}`;
}

/** Behind what was done in so many seconds, how much that is in one: `, 3.2 MB/s`. */
export function formatRate(bytes: number, seconds: number): string {
  return bytes === 0 || seconds < 1 ? '' : `, ${formatBytes(Math.round(bytes / seconds))}/s`;
}

/** How long the rest will take if it goes on like this: `, 3 min left`; nothing where nobody knows. */
export function formatLeft(done: number, all: number | null, seconds: number): string {
  if (all === null || done === 0 || seconds < 1) return '';
  const left = ((all - done) * seconds) / done;
  if (left < 60) return `, ${Math.ceil(left)} s left`;
  return left < 3600
    ? `, ${Math.ceil(left / 60)} min left`
    : `, ${(left / 3600).toFixed(1)} h left`;
}

/** `1 blob`, `2 blobs`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
