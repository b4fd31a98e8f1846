import Sqlite from 'better-sqlite3';

/**
 * Opens an empty database with these tables, in a temporary file that SQLite removes itself: there
 * may be millions of blobs. What does not fit 8 MB of memory goes there.
 */
export function openTemporaryDatabase(schema: string): Sqlite.Database {
  // An empty name is such a file.
  const handle = new Sqlite('');
  // Nobody else sees it, so nothing is ever committed: each commit would write all that changed.
  handle.exec(`PRAGMA journal_mode = OFF; PRAGMA cache_size = -8000; BEGIN; ${schema}`);
  return handle;
}
