// The fastest that we could write by hand: blobs out of SQLite into local files as filedepot keeps
// them, each durable before it is visible, then the references. It checks nothing, finds no blob
// that is there already, records nothing and can only do this: the ceiling, not a rival.
// Arguments: DATABASE DIRECTORY fsync|syncfs
import { execFileSync } from 'node:child_process';
import { hash } from 'node:crypto';
import { close, fsync, mkdirSync, open, openSync, renameSync, writeSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import Sqlite from 'better-sqlite3';

const [file, directory, how] = process.argv.slice(2);
const [pageRows, atOnce] = [200, 64];
const [synchronize, openAsync, closeAsync] = [promisify(fsync), promisify(open), promisify(close)];

const database = new Sqlite(file);
database.pragma('synchronous = EXTRA');
const blobs = database.prepare(
  'SELECT id, file_id, filename, content_type, data FROM blobs WHERE id > ? ORDER BY id LIMIT ?',
);
const update = database.prepare('UPDATE files SET data = ? WHERE id = ? AND data = ?');
const texts = database.prepare('SELECT id, data FROM files WHERE id > ? ORDER BY id LIMIT ?');
const staging = path.join(directory, '.staging');
mkdirSync(staging);

async function each(items, action) {
  const rest = items.values();
  const worker = async () => {
    for (const item of rest) await action(item);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

async function syncDirectory(name) {
  const handle = await openAsync(name, 'r');
  await synchronize(handle);
  await closeAsync(handle);
}

function write(row) {
  hash('sha256', row.data);
  const place = path.join(staging, row.file_id);
  mkdirSync(place);
  const metadata = JSON.stringify({
    ...{ filename: row.filename, content_type: row.content_type },
    ...{ content_length: row.data.byteLength, last_modified: '2026-01-02 03:04:05' },
  });
  return [
    ['file', row.data],
    ['metadata.json', Buffer.from(metadata)],
  ].map(([name, bytes]) => {
    const handle = openSync(path.join(place, name), 'wx');
    writeSync(handle, bytes);
    return handle;
  });
}

const syncfs = () => execFileSync('sync', ['-f', directory]);

async function makeDurable(rows, handles) {
  if (how === 'syncfs') syncfs();
  else await each(handles, synchronize);
  await each(handles, closeAsync);
  if (how !== 'syncfs') await each(rows, (row) => syncDirectory(path.join(staging, row.file_id)));
}

for (let after = 0, last = 0; ; ) {
  const rows = blobs.all(after, pageRows);
  if (rows.length === 0) break;
  after = rows.at(-1).id;
  await makeDurable(rows, rows.flatMap(write));
  for (const { file_id } of rows)
    renameSync(path.join(staging, file_id), path.join(directory, file_id));
  if (how === 'syncfs') syncfs();
  else await syncDirectory(directory);
  const references = texts.all(last, pageRows);
  last = references.at(-1).id;
  database.transaction(() => {
    for (const { id, data } of references)
      update.run(data.replaceAll('dbfiles', 'localfs'), id, data);
  })();
}
database.close();
