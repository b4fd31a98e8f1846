import { markMentions } from './mention-marks.js';
import { openTemporaryDatabase } from './temporary-database.js';

/** A blob of one of several places, numbered from 0. */
export interface PlacedBlob {
  readonly place: number;
  readonly id: string;
}

/** What places hold, and what texts say of it. */
export interface Inventory {
  /** `original` is what the blob is called elsewhere: a mention of that is one of the blob. */
  add(blob: PlacedBlob, original?: string | null): void;
  /** How many were added. */
  size(): number;
  /** Those that were added more than once, each once. */
  repeated(): Iterable<PlacedBlob>;
  /** A reference at `where` names this blob, whether it has been added or not. */
  named(blob: PlacedBlob, where: string): void;
  /** Whatever `text` mentions is not unnamed. */
  mentioned(text: string, where: string): void;
  /** The blobs that were added, in the order of their identifiers. */
  blobs(): Iterable<PlacedBlob>;
  /** Those of them that nothing names or mentions. */
  unnamed(): Iterable<PlacedBlob>;
  /** How many those are. */
  unnamedCount(): number;
  /** Those that texts mention, each with one that does. */
  mentionedBlobs(): Iterable<PlacedBlob & { readonly mention: string }>;
  /** Whether this is one of those that nothing names or mentions. */
  isUnnamed(blob: PlacedBlob): boolean;
  /** Whether it was added, one reference names it, and nothing else mentions it. */
  isNamedOnce(blob: PlacedBlob): boolean;
  /** Blobs that references name and nobody has added, each with the references. */
  absent(): Iterable<PlacedBlob & { readonly where: string }>;
  close(): void;
}

const schema = `
  CREATE TABLE blobs (
    number INTEGER PRIMARY KEY, place INTEGER NOT NULL, id TEXT NOT NULL, key TEXT,
    named INTEGER NOT NULL DEFAULT 0, mention TEXT);
  CREATE UNIQUE INDEX blobs_by_id ON blobs (place, id);
  CREATE INDEX blobs_by_key ON blobs (key);
  CREATE TABLE repeated (
    number INTEGER PRIMARY KEY, place INTEGER NOT NULL, id TEXT NOT NULL, UNIQUE (place, id));
  CREATE TABLE absent (
    number INTEGER PRIMARY KEY, place INTEGER NOT NULL, id TEXT NOT NULL, "where" TEXT NOT NULL);`;

type Numbered<T> = T & { readonly number: number };

/** Opens an empty inventory, for any number of blobs. */
export function openInventory(): Inventory {
  const handle = openTemporaryDatabase(schema);
  const marks = markMentions(handle);
  const insert = handle.prepare('INSERT OR IGNORE INTO blobs (place, id, key) VALUES (?, ?, ?)');
  const insertRepeated = handle.prepare('INSERT OR IGNORE INTO repeated (place, id) VALUES (?, ?)');
  const markNamed = handle.prepare('UPDATE blobs SET named = named + 1 WHERE place = ? AND id = ?');
  const insertAbsent = handle.prepare('INSERT INTO absent (place, id, "where") VALUES (?, ?, ?)');
  const selectUnnamed = handle.prepare(
    'SELECT 1 FROM blobs WHERE place = ? AND id = ? AND named = 0 AND mention IS NULL',
  );
  const countAll = handle.prepare<[], number>('SELECT count(*) FROM blobs').pluck();
  const countUnnamed = handle
    .prepare<[], number>('SELECT count(*) FROM blobs WHERE named = 0 AND mention IS NULL')
    .pluck();
  const selectNamedOnce = handle.prepare(
    'SELECT 1 FROM blobs WHERE place = ? AND id = ? AND named = 1 AND mention IS NULL',
  );
  /** Row by row, so that other statements may run in between. */
  function* rows<T>(from: string): Generator<T> {
    const next = handle.prepare<[number], Numbered<T>>(
      `SELECT * FROM ${from} AND number > ? ORDER BY number LIMIT 1`,
    );
    for (let row = next.get(0); row !== undefined; row = next.get(row.number)) yield row;
  }
  return {
    add({ place, id }, original = null) {
      if (original !== null) marks.alias(id, original);
      const { changes } = insert.run(place, id, marks.keyOf(id));
      if (changes === 0) insertRepeated.run(place, id);
    },
    size: () => countAll.get() ?? 0,
    repeated: () => rows('repeated WHERE true'),
    named({ place, id }, where) {
      if (markNamed.run(place, id).changes > 0) return;
      // In another spelling it may be there.
      marks.mentioned(id, where);
      insertAbsent.run(place, id, where);
    },
    mentioned: (text, where) => marks.mentioned(text, where),
    blobs: () => rows('blobs WHERE true'),
    unnamed: () => rows('blobs WHERE named = 0 AND mention IS NULL'),
    unnamedCount: () => countUnnamed.get() ?? 0,
    mentionedBlobs: () => rows('blobs WHERE mention IS NOT NULL'),
    isUnnamed: ({ place, id }) => selectUnnamed.get(place, id) !== undefined,
    isNamedOnce: ({ place, id }) => selectNamedOnce.get(place, id) !== undefined,
    absent: () => rows('absent WHERE true'),
    close: () => void handle.close(),
  };
}
