/** A server that tests need. */
export interface ServerKind {
  /** Points the tests at a server that runs already, by its URL. */
  readonly variable: string;
  /** The programs that it takes, or what is missing and how to get it. */
  find(): { readonly missing: string } | { readonly programs: readonly string[] };
  start(programs: readonly string[], options: StartOptions): Promise<RunningServer>;
}

interface StartOptions {
  /** An empty directory of the server's own, which is removed when it has stopped. */
  readonly directory: string;
  /** The directory is that of a server of this kind which has been killed. */
  readonly again?: boolean;
  /** A free TCP port of 127.0.0.1. */
  readonly port: number;
  /** Further arguments, for a test that needs a server of its own. */
  readonly args?: readonly string[];
}

export interface RunningServer {
  /** As the environment variable gives it. */
  readonly url: string;
  stop(): Promise<void>;
  /** Ends it at once, as a crash does; absent where no test does that. */
  crash?(): Promise<void>;
}

/** Where a server can be reached, or why it can't. */
export type ServerState = { readonly url: string } | { readonly missing: string };
