// A Kotti site of any size, to migrate.
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import Sqlite from 'better-sqlite3';
import { depot, runNode } from './measure.js';

const configuration = `[app:main]
use = egg:kotti
sqlalchemy.url = sqlite:///%(here)s/Kotti.db
kotti.depot.1.name = localfs
kotti.depot.1.backend = depot.io.local.LocalFileStorage
kotti.depot.1.storage_path = %(here)s/blobs
kotti.depot.2.name = other
kotti.depot.2.backend = depot.io.local.LocalFileStorage
kotti.depot.2.storage_path = %(here)s/other
`;

/** Makes a site with so many blobs of `size` bytes in its database, each with a reference. */
export function makeSite(directory, { blobs, size }) {
  writeFileSync(path.join(directory, 'production.ini'), configuration);
  mkdirSync(path.join(directory, 'blobs'));
  mkdirSync(path.join(directory, 'other'));
  const database = openDatabase(directory);
  database.exec(`
    CREATE TABLE blobs (id INTEGER PRIMARY KEY, file_id VARCHAR(36), filename VARCHAR(100),
      content_type VARCHAR(100), content_length INTEGER, last_modified DATETIME, data BLOB);
    CREATE INDEX ix_blobs_file_id ON blobs (file_id);
    CREATE TABLE files (id INTEGER PRIMARY KEY, data VARCHAR(4096));`);
  addBlobs(database, { blobs, size });
  database.close();
}

/** Adds so many blobs to the database, each with a reference. */
export function addBlobs(database, { blobs, size }) {
  const blob = database.prepare(
    "INSERT INTO blobs VALUES (NULL, ?, 'a.bin', 'text/plain', ?, '2026-01-02 03:04:05.000000', ?)",
  );
  const reference = database.prepare('INSERT INTO files VALUES (NULL, ?)');
  database.exec('BEGIN');
  for (let number = 0; number < blobs; number += 1) {
    const id = randomUUID();
    blob.run(id, size, randomBytes(size));
    reference.run(
      `{"depot_name": "dbfiles", "files": ["dbfiles/${id}"], "file_id": "${id}", "path": "dbfiles/${id}", ` +
        '"filename": "a.bin", "content_type": "text/plain", "uploaded_at": "2026-01-02 03:04:05", "_public_url": null}',
    );
  }
  database.exec('COMMIT');
}

export function openDatabase(directory) {
  return new Sqlite(path.join(directory, 'Kotti.db'));
}

/** Runs the migration; returns its seconds and its peak memory in MB. */
export function migrate(directory, from, to) {
  return runNode([depot, '-c', 'production.ini', 'migrate-storage', '--from', from, '--to', to], {
    cwd: directory,
  });
}
