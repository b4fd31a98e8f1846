import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { describe, test } from 'vitest';
import { findPython } from './environment.js';
import { run, start } from './run.js';

/** The local time in which the golden site was made and Kotti runs here. */
const kottiTimeZone = 'Europe/Berlin';

/** What Python reads of a stored file: lengths in bytes, `last_modified` as ISO 8601 in UTC. */
interface StoredFile {
  filename: string | null;
  content_type: string | null;
  content_length: number | null;
  last_modified: string | null;
  public_url: string | null;
  length: number;
  sha256: string;
  /** The error on reading the bytes, in place of their length and hash. */
  read_error: string;
}

/** A file of a reference: `role` is `file` or the name of the thumbnail, `path` is `storage/id`. */
interface ReferencedFile extends Partial<StoredFile> {
  role: string;
  path: string;
  error?: string;
}

/** A reference as SQLAlchemy and filedepot see it; `text` is the column's own. */
export interface SiteReference {
  table: string;
  column: string;
  primary_key: Record<string, string | number>;
  text: string | null;
  depot_name: string | null;
  files: ReferencedFile[];
}

/** One step for a depot of the site; `content` is base64, `path` of a file in its place. */
export interface StorageOperation {
  do: 'create' | 'replace' | 'delete' | 'get' | 'list' | 'raw';
  storage: string;
  id?: string;
  content?: string;
  path?: string;
  filename?: string;
  content_type?: string;
}

/** The stored file after an operation, or the error on looking it up. */
export interface StorageAnswer extends Partial<StoredFile> {
  id: string;
  error?: string;
  /** Answers `list`. */
  ids?: string[];
  /** Answers `raw`: what the store itself holds, in its own terms. */
  raw?: Record<string, unknown>;
}

/** A running site's depots. */
export interface PythonStorages {
  /** Carries out operations one after the other. */
  use(operations: StorageOperation[]): Promise<StorageAnswer[]>;
  close(): Promise<void>;
}

/**
 * `describe` for tests that need the real Python packages. Without them the group is one skipped
 * test that says how to get them; in CI it fails.
 */
export function describeWithPython(name: string, tests: (python: string) => void): void {
  const python = findPython();
  describe(name, () => {
    if (python !== undefined) return tests(python);
    test('with the real Python packages', ({ skip }) => {
      const absent = 'python environment absent (run node test/interop/environment.ts)';
      if (process.env.CI === 'true') throw new Error(absent);
      skip(absent);
    });
  });
}

function scriptPath(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url));
}

/** Every reference in the columns of the site's expected.json, read by Kotti and filedepot. */
export async function readSite(python: string, ini: string): Promise<SiteReference[]> {
  const outcome = await run(python, [scriptPath('read_site.py'), ini], kottiTimeZone);
  if (outcome.code !== 0) throw new Error(`read_site.py: exit ${outcome.code}\n${outcome.stderr}`);
  return JSON.parse(outcome.stdout.toString());
}

/** Lets Kotti configure the depots of a site, for as many operations on them as are wanted. */
export function openStorages(python: string, ini: string): PythonStorages {
  const child = start(python, [scriptPath('use_storage.py'), ini], kottiTimeZone);
  const closed = once(child, 'close');
  const errors = text(child.stderr);
  const answers = createInterface(child.stdout)[Symbol.asyncIterator]();
  return {
    async use(operations) {
      child.stdin.write(`${JSON.stringify(operations)}\n`);
      const { value, done } = await answers.next();
      if (done === true) throw new Error(`use_storage.py ended\n${await errors}`);
      return JSON.parse(value);
    },
    async close() {
      child.stdin.end();
      await closed;
    },
  };
}

/** Runs the Kotti application while `use` works with its address (`http://host:port`). */
export async function withServedSite<T>(
  python: string,
  ini: string,
  use: (address: string) => Promise<T>,
): Promise<T> {
  const server = start(python, [scriptPath('serve_site.py'), ini], kottiTimeZone);
  const closed = once(server, 'close');
  server.stderr.resume();
  try {
    for await (const port of createInterface(server.stdout)) {
      return await use(`http://127.0.0.1:${port}`);
    }
    throw new Error('serve_site.py ended without a port');
  } finally {
    server.stdin.end();
    await closed;
  }
}
