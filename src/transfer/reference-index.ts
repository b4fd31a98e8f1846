import type { Database } from '../databases/database.js';
import type { JsonObject } from '../python/json.js';
import { findColumns, pages, rowName } from '../references/columns.js';
import {
  type BlobName,
  blobsOf,
  parseReferenceText,
  referenceMark,
  thumbnailOf,
} from '../references/reference.js';
import { openTemporaryDatabase } from './temporary-database.js';

/** A reference that names a blob. */
export interface NamingReference {
  /** Such as `files.data id=7`. */
  readonly row: string;
  /** `storage/id` of the reference's own file: the blob itself, unless it only belongs to it. */
  readonly file: string;
  /** `storage/id` of a smaller image of that file, or null. */
  readonly thumbnail: string | null;
}

/** Which references name a blob, as they were when they were read. */
export interface ReferenceIndex {
  /** The first ones that name the blob, and how many do. */
  naming(blob: BlobName, limit: number): { references: NamingReference[]; count: number };
  close(): void;
}

const schema = `
  CREATE TABLE named (blob TEXT, row TEXT, file TEXT, thumbnail TEXT);
  CREATE INDEX named_blob ON named (blob)`;

/**
 * Reads all references once. They stand in a temporary file: there may be millions.
 *
 * @param realName the storage's own name for an alias, any other name as it is
 * @throws the signal's reason, where it is aborted meanwhile
 */
export async function indexReferences(
  databases: readonly Database[],
  realName: (storage: string) => string,
  signal: AbortSignal,
): Promise<ReferenceIndex> {
  const handle = openTemporaryDatabase(schema);
  const insert = handle.prepare('INSERT INTO named VALUES (?, ?, ?, ?)');
  const keyOf = ({ storage, id }: BlobName): string => `${realName(storage)}/${spelled(id)}`;
  try {
    for await (const { row, reference } of allReferences(databases)) {
      signal.throwIfAborted();
      const blobs = blobsOf(reference).map(keyOf);
      const thumbnail = thumbnailOf(reference);
      const small = thumbnail && keyOf(thumbnail);
      for (const blob of blobs) insert.run(blob, row, blobs[0], small);
    }
  } catch (error) {
    handle.close();
    throw error;
  }
  const select = handle.prepare<[string, number], NamingReference>(
    'SELECT row, file, thumbnail FROM named WHERE blob = ? ORDER BY rowid LIMIT ?',
  );
  const count = handle.prepare<[string], number>('SELECT count(*) FROM named WHERE blob = ?');
  return {
    naming: (blob, limit) => ({
      references: select.all(keyOf(blob), limit),
      count: count.pluck().get(keyOf(blob)) ?? 0,
    }),
    close: () => void handle.close(),
  };
}

async function* allReferences(
  databases: readonly Database[],
): AsyncGenerator<{ row: string; reference: JsonObject }> {
  for (const column of await findColumns(databases)) {
    for await (const page of pages(column, { containing: referenceMark })) {
      for (const row of page) {
        const references = parseReferenceText(row.text)?.references ?? [];
        for (const reference of references) yield { row: rowName(column, row), reference };
      }
    }
  }
}

/** ObjectIds are the same in either case. */
function spelled(id: string): string {
  return /^[0-9a-f]{24}$/i.test(id) ? id.toLowerCase() : id;
}
