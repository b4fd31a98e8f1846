import type { BlobSource, Place } from '../backend.js';
import type { Lock } from '../lock.js';
import type { Shard } from './shard.js';

/** A value of a key column. */
export type KeyValue = string | number | bigint | Uint8Array | null;

/** Where a row stands in the order that its table is walked in; opaque to all but the adapter. */
export type Position = readonly KeyValue[];

export interface Column {
  readonly name: string;
  /** Characters that the column takes, or null for no limit. */
  readonly maxLength: number | null;
  /** Whether by its declared type it may hold text or JSON. */
  readonly holdsText: boolean;
  /** Whether its values may be bytes: a pickled object may name a blob. */
  readonly holdsBytes?: boolean;
}

export interface Table {
  readonly name: string;
  readonly columns: readonly Column[];
  /** Names of the primary key's columns; empty where there is none. */
  readonly primaryKey: readonly string[];
  /** Its rows cannot be told apart: they can be read, and not changed. */
  readonly unchangeable?: boolean;
  /**
   * No schema names its columns, which are fields of documents: the only one in `columns` stands for
   * all of them, and others may be asked for by their names.
   */
  readonly isOpen?: boolean;
}

/** One text value of a column; in a document, a string or a whole reference. */
export interface TextRow {
  readonly position: Position;
  /** The primary key's columns and values, in order; empty where there is none. */
  readonly key: readonly (readonly [name: string, value: KeyValue])[];
  readonly text: string;
  /** The column, in an open table. */
  readonly column?: string;
  /** Why it cannot be changed, where it cannot. */
  readonly unchangeable?: string;
}

export interface TextQuery {
  readonly table: Table;
  readonly column: string;
  /** Only texts that hold this. */
  readonly containing?: string;
  /** Short values of bytes too, as `bytesText` has them: texts to search, and not to change. */
  readonly bytes?: boolean;
  /** An SQL condition of the user's. */
  readonly where?: string;
  readonly after?: Position;
  /**
   * Rows. Fewer come where their texts are long, none only at the end; more where the last document
   * has more.
   */
  readonly limit: number;
}

/** A compare-and-set: `after` is written where the text still is, byte for byte, `before`. */
export interface TextChange {
  readonly table: Table;
  readonly column: string;
  readonly position: Position;
  readonly before: string;
  readonly after: string;
}

/** An application's database: what differs between servers, and nothing else. */
export interface Database {
  /** For people; holds no secret. */
  readonly name: string;
  place(): Promise<Place>;
  /** All tables of the application. */
  tables(): Promise<Table[]>;
  /** Those of which its user may not read all; absent where there can be none. */
  unreadable?(): Promise<readonly string[]>;
  /** A page of a column's text values, in the order of `position`. */
  texts(query: TextQuery): Promise<TextRow[]>;
  /** The text at a position as it is now, or null where the row or the text is gone. */
  textAt(table: Table, column: string, position: Position): Promise<string | null>;
  /**
   * All of them, durably; says which ones were made. In one short transaction where tables are, each
   * alone where documents are.
   */
  change(changes: readonly TextChange[]): Promise<boolean[]>;
  /**
   * The texts as the column will give them back once they are written: some types keep what a text
   * says, and not how. Absent where every text stays as it is.
   */
  asStored?(table: Table, column: string, texts: readonly string[]): Promise<readonly string[]>;
  /**
   * Keeps other migrations off this database; from a shard's only those off that `exclude` it. Fails
   * with `refused`, naming the process that holds it. Dies with its own process.
   */
  lockMigrations(shard: Shard | null): Promise<Lock>;
  close(): Promise<void>;
}

/** A database that may have Kotti's table `blobs`. */
export interface SqlDatabase extends Database {
  readonly blobs: BlobTable;
}

/** A row of Kotti's table `blobs`, without its bytes. */
export interface BlobRow {
  readonly id: number | bigint;
  readonly fileId: string;
  readonly filename: string | null;
  readonly contentType: string | null;
  /** Bytes, as the row says. */
  readonly contentLength: number | null;
  /** Bytes that are there, as far as that is told without reading them; null where `data` is null. */
  readonly dataLength: number | null;
  /** `YYYY-MM-DD HH:MM:SS.ffffff`, local time of the server that wrote it. */
  readonly lastModified: string | null;
}

/** A row with its bytes; `chunks` is null where `data` is. */
export interface BlobData {
  readonly row: BlobRow;
  readonly chunks: AsyncIterable<Uint8Array> | null;
  close(): Promise<void>;
}

/** What is written beside the bytes; `content_length` follows from them. */
export interface BlobColumns {
  readonly filename: string;
  readonly contentType: string;
  readonly lastModified: string | null;
}

/** The rows of one identifier. */
export interface DuplicateRows {
  /** Their numbers, oldest first. */
  readonly rows: readonly (number | bigint)[];
  /** Whether they are the same in every column but `id`, to the byte. */
  readonly equal: boolean;
}

/** The table `blobs` of Kotti's DBFileStorage. `file_id` is not unique in it. */
export interface BlobTable {
  /** True where the server gives or takes a blob's bytes only all at once. */
  readonly holdsWholeBlobs: boolean;
  /** The SQL that gives the space of deleted blobs back to the machine. */
  readonly reclaim: string;
  /** Fails unless the table is there. */
  ping(): Promise<void>;
  /** Makes the table as Kotti does, unless it is there. */
  provision(): Promise<void>;
  /** The rows of that identifier, oldest first, at most two. */
  find(fileId: string): Promise<BlobRow[]>;
  /** Identifiers, a page of at most `limit` after the row `id`. */
  page(
    after: number | bigint | null,
    limit: number,
  ): Promise<{ id: number | bigint; fileId: string }[]>;
  /** A row and its bytes as of one moment; null where the row is gone. */
  read(id: number | bigint): Promise<BlobData | null>;
  /** As `find` for each of these, in any order, in fewer requests. */
  findMany?(fileIds: readonly string[]): Promise<BlobRow[]>;
  /** As `findMany`, with the bytes of each as of one moment; few of them, since all are held. */
  readMany?(
    fileIds: readonly string[],
  ): Promise<{ readonly row: BlobRow; readonly data: Uint8Array | null }[]>;
  /** Returns the bytes stored; null, having written nothing, where the identifier is taken. */
  insert(fileId: string, columns: BlobColumns, source: BlobSource): Promise<number | null>;
  /** Returns the bytes stored; null, having written nothing, where there is no such identifier. */
  update(fileId: string, columns: BlobColumns, source: BlobSource): Promise<number | null>;
  /** Says false where there was none. */
  delete(fileId: string): Promise<boolean>;
  /**
   * Compares the rows of an identifier in Kotti's own columns. With `merge` all but the oldest are
   * deleted where they are equal, in the same transaction.
   */
  duplicates(fileId: string, options: { merge: boolean }): Promise<DuplicateRows>;
}
