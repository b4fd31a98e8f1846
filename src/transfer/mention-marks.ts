import type Sqlite from 'better-sqlite3';
import { isOdd, mentionKey, mentionKeys, readings } from '../references/mentions.js';

/** Marks the blobs of a table that a text mentions, in any spelling. */
export interface MentionMarks {
  /** What the table has as `key` of the blob; it must be added so that odd spellings are known. */
  keyOf(id: string): string | null;
  /** Whatever `text` mentions is mentioned at `where`, unless it was mentioned before. */
  mentioned(text: string, where: string): void;
}

/** For a table `blobs` with the columns `id`, `key` and `mention`; an index on `key` helps. */
export function markMentions(handle: Sqlite.Database): MentionMarks {
  // In upper case, which is one for ς and σ, ß and ss: what is looked for in every text.
  handle.exec('CREATE TABLE odd (id TEXT PRIMARY KEY, upper TEXT NOT NULL)');
  const insertOdd = handle.prepare('INSERT OR IGNORE INTO odd VALUES (?, ?)');
  const markKey = handle.prepare('UPDATE blobs SET mention = ? WHERE key = ? AND mention IS NULL');
  const markOdd = handle.prepare(`UPDATE blobs SET mention = ? WHERE mention IS NULL
    AND id IN (SELECT id FROM odd WHERE instr(?, id) > 0 OR instr(?, upper) > 0)`);
  let odd = false;
  return {
    keyOf(id) {
      if (isOdd(id)) {
        odd = true;
        insertOdd.run(id, id.toUpperCase());
      }
      return mentionKey(id);
    },
    mentioned(text, where) {
      for (const reading of readings(text)) {
        for (const key of mentionKeys(reading)) markKey.run(where, key);
        if (odd) markOdd.run(where, reading, reading.toUpperCase());
      }
    },
  };
}
