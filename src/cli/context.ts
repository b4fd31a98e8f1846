import type { Manager } from '../manager.js';
import type { Output } from './output.js';

/** What every command gets. */
export interface Context {
  readonly output: Output;
  /** Aborted by the first Ctrl-C or SIGTERM, and where nobody reads the output any more. */
  readonly signal: AbortSignal;
  /** How the command line named the configuration, for lines that the user can repeat. */
  readonly config: string | undefined;
  /** The configured storages; reads the configuration when first asked. */
  manager(): Promise<Manager>;
  /**
   * The exit code of a command that ends without an error, or because nobody reads its output any
   * more.
   */
  exitCode: number;
}
