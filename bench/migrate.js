// Migrating: memory with blobs of 500 MB, and many small blobs beside a plain durable copy.
import { randomBytes, randomUUID } from 'node:crypto';
import { closeSync, fsyncSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import path from 'node:path';
import Sqlite from 'better-sqlite3';
import { depot, inDirectory, report, runNode } from './measure.js';

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

/** A Kotti site with so many blobs in its database, each with a reference. */
function makeSite(directory, { blobs, size }) {
  writeFileSync(path.join(directory, 'production.ini'), configuration);
  mkdirSync(path.join(directory, 'blobs'));
  mkdirSync(path.join(directory, 'other'));
  const database = new Sqlite(path.join(directory, 'Kotti.db'));
  database.exec(`
    CREATE TABLE blobs (id INTEGER PRIMARY KEY, file_id VARCHAR(36), filename VARCHAR(100),
      content_type VARCHAR(100), content_length INTEGER, last_modified DATETIME, data BLOB);
    CREATE INDEX ix_blobs_file_id ON blobs (file_id);
    CREATE TABLE files (id INTEGER PRIMARY KEY, data VARCHAR(4096));`);
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
  database.close();
}

function migrate(directory, from, to) {
  return runNode([depot, '-c', 'production.ini', 'migrate-storage', '--from', from, '--to', to], {
    cwd: directory,
  });
}

await inDirectory((directory) => {
  const size = 500_000_000;
  makeSite(directory, { blobs: 2, size });
  const times = (from, to) => migrate(directory, from, to).megabytes / (size / 1e6);
  report(
    'memory : blob of 500 MB, SQLite to local files',
    times('dbfiles', 'localfs'),
    'times',
    2.2,
  );
  report(
    'memory, blobs of 500 MB, local files to local files',
    migrate(directory, 'localfs', 'other').megabytes,
    'MB',
    150,
  );
  const database = new Sqlite(path.join(directory, 'Kotti.db'));
  database.exec('DELETE FROM blobs; VACUUM');
  database.close();
  report('memory : blob of 500 MB, local files to SQLite', times('other', 'dbfiles'), 'times', 2.2);
});

await inDirectory((directory) => {
  const [blobs, size] = [10_000, 10_000];
  makeSite(directory, { blobs, size });
  const plain = path.join(directory, 'plain');
  mkdirSync(plain);
  const bytes = randomBytes(size);
  const started = process.hrtime.bigint();
  for (let number = 0; number < blobs; number += 1) {
    const handle = openSync(path.join(plain, String(number)), 'wx');
    writeSync(handle, bytes);
    fsyncSync(handle);
    closeSync(handle);
  }
  const copied = Number(process.hrtime.bigint() - started) / 1e9;
  const { seconds, megabytes } = migrate(directory, 'dbfiles', 'localfs');
  report('10,000 blobs of 10 kB, SQLite to local files : fsynced files', seconds / copied, 'times');
  report('blobs a second', blobs / seconds, '');
  report('memory meanwhile', megabytes, 'MB', 150);
});
