import { markMentions } from './mention-marks.js';
import { openTemporaryDatabase } from './temporary-database.js';

/** A blob of the source that a reference names in the target now. */
export interface MovedBlob {
  readonly id: string;
  readonly targetId: string;
  /** Where the source's blob is mentioned all the same, such as `documents.body id=4`; or null. */
  readonly mention: string | null;
  /** What was compared and found equal, if it was. */
  readonly equal: { readonly sourceVersion: string; readonly targetVersion: string } | null;
}

/** What the texts of all databases say of the source's blobs. */
export interface Findings {
  /** A blob of the source, and the identifier that it has in the target. */
  add(id: string, targetId: string): void;
  /** A reference names this blob of the target. */
  moved(targetId: string): void;
  /** Whatever `text` mentions is mentioned at `where`. */
  mentioned(text: string, where: string): void;
  equal(id: string, sourceVersion: string, targetVersion: string): void;
  /**
   * The moved blobs in the order of their identifiers, those behind `after`; they may be changed on
   * the way.
   */
  blobs(after: string): Iterable<MovedBlob>;
  close(): void;
}

const schema = `
  CREATE TABLE blobs (
    id TEXT PRIMARY KEY, targetId TEXT NOT NULL, key TEXT, moved INTEGER NOT NULL DEFAULT 0,
    mention TEXT, sourceVersion TEXT, targetVersion TEXT);
  CREATE INDEX blobs_by_key ON blobs (key);
  CREATE INDEX blobs_by_target ON blobs (targetId);`;

interface BlobRow {
  readonly id: string;
  readonly targetId: string;
  readonly mention: string | null;
  readonly sourceVersion: string | null;
  readonly targetVersion: string | null;
}

/** Opens an empty store of findings, for any number of blobs. */
export function openFindings(): Findings {
  const handle = openTemporaryDatabase(schema);
  const insert = handle.prepare('INSERT OR IGNORE INTO blobs (id, targetId, key) VALUES (?, ?, ?)');
  const marks = markMentions(handle);
  const markMoved = handle.prepare('UPDATE blobs SET moved = 1 WHERE targetId = ?');
  const markEqual = handle.prepare(
    'UPDATE blobs SET sourceVersion = ?, targetVersion = ? WHERE id = ?',
  );
  const selectMoved = handle.prepare<[string], BlobRow>(
    'SELECT * FROM blobs WHERE moved = 1 AND id > ? ORDER BY id LIMIT 1',
  );
  return {
    add: (id, targetId) => void insert.run(id, targetId, marks.keyOf(id)),
    moved: (targetId) => void markMoved.run(targetId),
    mentioned: (text, where) => marks.mentioned(text, where),
    equal: (id, ...versions) => void markEqual.run(...versions, id),
    *blobs(after) {
      for (let row = selectMoved.get(after); row !== undefined; row = selectMoved.get(row.id)) {
        const { id, targetId, mention, sourceVersion, targetVersion } = row;
        const compared = sourceVersion !== null && targetVersion !== null;
        const equal = compared ? { sourceVersion, targetVersion } : null;
        yield { id, targetId, mention, equal };
      }
    },
    close: () => void handle.close(),
  };
}
