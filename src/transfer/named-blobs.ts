import { pMapIterable } from 'p-map';
import { DepotError, messageOf } from '../errors.js';
import type { Manager } from '../manager.js';
import { pages, type ReferenceColumn, rowName } from '../references/columns.js';
import { blobsOf, parseReferenceText, referenceMark } from '../references/reference.js';
import type { Storage } from '../storage.js';
import { openTemporaryDatabase } from './temporary-database.js';

/** What the references of a column name in a storage. */
interface NamedInColumn {
  readonly column: ReferenceColumn;
  readonly storage: string;
  /** How many of its references name the storage. */
  readonly references: number;
  /** How many blobs they name there; one that several name counts each time. */
  readonly blobs: number;
  /** Of these blobs, each once, as far as they are there; null where the storage cannot tell. */
  readonly bytes: number | null;
}

/** A blob that several references name. */
interface SharedBlob {
  /** `storage/id`. */
  readonly path: string;
  /** Such as `files.data id=7`. */
  readonly references: readonly string[];
}

export interface NamedBlobs {
  readonly columns: readonly NamedInColumn[];
  /** All of them, or those that a column names in a storage. */
  shared(of?: NamedInColumn): Iterable<SharedBlob>;
  close(): void;
}

export interface NamedBlobsOptions {
  readonly manager: Manager;
  readonly columns: readonly ReferenceColumn[];
  readonly signal: AbortSignal;
  /** Blobs looked up at once. */
  readonly concurrency: number;
  /** Takes what is worth telling the user. */
  notice(text: string): void;
}

const schema = `
  CREATE TABLE named (
    number INTEGER PRIMARY KEY, "column" INTEGER, reference INTEGER, "where" TEXT, storage TEXT, id TEXT);
  CREATE INDEX named_by_blob ON named (storage, id);
  CREATE TABLE sizes (storage TEXT, id TEXT, bytes INTEGER, PRIMARY KEY (storage, id));`;

interface TotalRow {
  readonly column: number;
  readonly storage: string;
  readonly references: number;
  readonly blobs: number;
}

/** Reads the columns, and looks up how long the blobs are; for any number of them. */
export async function namedBlobs(options: NamedBlobsOptions): Promise<NamedBlobs> {
  const handle = openTemporaryDatabase(schema);
  const insert = handle.prepare(
    'INSERT INTO named ("column", reference, "where", storage, id) VALUES (?, ?, ?, ?, ?)',
  );
  let reference = 0;
  for (const [index, column] of options.columns.entries()) {
    for await (const rows of pages(column, { containing: referenceMark })) {
      if (options.signal.aborted) break;
      for (const row of rows) {
        for (const one of parseReferenceText(row.text)?.references ?? []) {
          reference += 1;
          for (const { storage, id } of blobsOf(one)) {
            insert.run(index, reference, rowName(column, row), storage, id);
          }
        }
      }
    }
  }
  const known = await lookUpSizes(handle, options);
  const totals = handle
    .prepare<[], TotalRow>(
      `SELECT "column", storage, count(DISTINCT reference) AS "references", count(*) AS blobs
       FROM named GROUP BY "column", storage ORDER BY "column", min(number)`,
    )
    .all();
  const sum = handle
    .prepare<[number, string], number>(
      `SELECT coalesce(sum(bytes), 0) FROM sizes WHERE (storage, id) IN
       (SELECT storage, id FROM named WHERE "column" = ? AND storage = ?)`,
    )
    .pluck();
  return {
    columns: totals.map(({ column, storage, ...counts }) => ({
      ...{ column: options.columns[column] as ReferenceColumn, storage, ...counts },
      bytes: known.has(storage) ? (sum.get(column, storage) ?? 0) : null,
    })),
    shared: (of) => sharedBlobs(handle, of && [options.columns.indexOf(of.column), of.storage]),
    close: () => void handle.close(),
  };
}

type TemporaryDatabase = ReturnType<typeof openTemporaryDatabase>;

/** Looks up all named blobs; returns the names of the storages that could tell. */
async function lookUpSizes(
  handle: TemporaryDatabase,
  options: NamedBlobsOptions,
): Promise<Set<string>> {
  const known = new Set<string>();
  const names = handle.prepare<[], string>('SELECT DISTINCT storage FROM named').pluck().all();
  for (const name of names) {
    try {
      const storage = await options.manager.storage(name);
      await storage.backend.ping();
      await lookUpIn(storage, name, handle, options);
      known.add(name);
    } catch (error) {
      if (!(error instanceof DepotError)) throw error;
      options.notice(`How much is in ${name} is not known: ${messageOf(error)}`);
    }
  }
  return known;
}

async function lookUpIn(
  storage: Storage,
  name: string,
  handle: TemporaryDatabase,
  { signal, concurrency }: NamedBlobsOptions,
): Promise<void> {
  const next = handle
    .prepare<[string, string], string>(
      'SELECT id FROM named WHERE storage = ? AND id > ? ORDER BY id LIMIT 1',
    )
    .pluck();
  const insert = handle.prepare('INSERT INTO sizes VALUES (?, ?, ?)');
  function* ids(): Generator<string> {
    for (let id = next.get(name, ''); id !== undefined; id = next.get(name, id)) yield id;
  }
  const lookUp = async (id: string): Promise<void> => {
    if (signal.aborted) return;
    const info = await storage.find(id).catch((error: unknown) => {
      if (error instanceof DepotError && error.kind === 'damaged') return null;
      throw error;
    });
    if (info !== null) insert.run(name, id, info.contentLength);
  };
  for await (const _ of pMapIterable(ids(), lookUp, { concurrency }));
}

function* sharedBlobs(
  handle: TemporaryDatabase,
  [column, storage]: [column: number, storage: string] | [] = [],
): Generator<SharedBlob> {
  const those = column === undefined ? 'true' : 'max("column" = ? AND storage = ?)';
  const all = handle.prepare<unknown[], { storage: string; id: string }>(
    `SELECT storage, id FROM named GROUP BY storage, id HAVING count(*) > 1 AND ${those}
     ORDER BY min(number)`,
  );
  const places = handle
    .prepare<[string, string], string>(
      'SELECT "where" FROM named WHERE storage = ? AND id = ? ORDER BY number',
    )
    .pluck();
  for (const blob of all.all(...(column === undefined ? [] : [column, storage]))) {
    const references = places.all(blob.storage, blob.id);
    yield { path: `${blob.storage}/${blob.id}`, references };
  }
}
