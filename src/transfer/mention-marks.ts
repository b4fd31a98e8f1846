import type Sqlite from 'better-sqlite3';
import { isOdd, mentionKey, mentionKeys, readings } from '../references/mentions.js';

/** Marks the blobs of a table that a text mentions, in any spelling. */
export interface MentionMarks {
  /** What the table has as `key` of the blob; it must be added so that odd spellings are known. */
  keyOf(id: string): string | null;
  /** The blob is mentioned where another identifier is, too. */
  alias(id: string, other: string): void;
  /** Whatever `text` mentions is mentioned at `where`, unless it was mentioned before. */
  mentioned(text: string, where: string): void;
}

/** For a table `blobs` with the columns `id`, `key` and `mention`; an index on `key` helps. */
export function markMentions(handle: Sqlite.Database): MentionMarks {
  // In upper case, which is one for ς and σ, ß and ss: what is looked for in every text.
  handle.exec(`
    CREATE TABLE odd (id TEXT, spelled TEXT, upper TEXT NOT NULL, PRIMARY KEY (id, spelled));
    CREATE TABLE aliases (key TEXT, id TEXT, PRIMARY KEY (key, id))`);
  const insertOdd = handle.prepare('INSERT OR IGNORE INTO odd VALUES (?, ?, ?)');
  const insertAlias = handle.prepare('INSERT OR IGNORE INTO aliases VALUES (?, ?)');
  const markKey = handle.prepare('UPDATE blobs SET mention = ? WHERE key = ? AND mention IS NULL');
  const markAlias = handle.prepare(`UPDATE blobs SET mention = ? WHERE mention IS NULL
    AND id IN (SELECT id FROM aliases WHERE key = ?)`);
  const markOdd = handle.prepare(`UPDATE blobs SET mention = ? WHERE mention IS NULL
    AND id IN (SELECT id FROM odd WHERE instr(?, spelled) > 0 OR instr(?, upper) > 0)`);
  const marks = [markKey];
  let odd = false;
  const addOdd = (id: string, spelled: string): void => {
    if (!isOdd(spelled)) return;
    odd = true;
    insertOdd.run(id, spelled, spelled.toUpperCase());
  };
  return {
    keyOf(id) {
      addOdd(id, id);
      return mentionKey(id);
    },
    alias(id, other) {
      addOdd(id, other);
      insertAlias.run(mentionKey(other), id);
      if (marks.length === 1) marks.push(markAlias);
    },
    mentioned(text, where) {
      for (const reading of readings(text)) {
        for (const key of mentionKeys(reading)) for (const mark of marks) mark.run(where, key);
        if (odd) markOdd.run(where, reading, reading.toUpperCase());
      }
    },
  };
}
