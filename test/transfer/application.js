// An application that works on its site's database while depot migrates: run as a process of its
// own, `node application.js DATABASE SEED`, until its standard input ends. It then prints what it
// has committed: a JSON object of row to {content, edits}, or null for a row that it deleted.
import Sqlite from 'better-sqlite3';

const [file, seed] = process.argv.slice(2);
const database = new Sqlite(file, { timeout: 30_000 });
const committed = {};
let random = Number(seed);
let stopped = false;
process.stdin.on('end', () => {
  stopped = true;
});
process.stdin.resume();

/** A whole number below `limit`. */
function below(limit) {
  random = (Math.imul(random, 1103515245) + 12345) >>> 0;
  return (random >>> 8) % limit;
}

function add() {
  const id = `f8fd9e46-0000-11f1-a551-${String(below(2 ** 24)).padStart(12, '0')}`;
  const content = `added ${id}`;
  database
    .prepare(
      'INSERT INTO blobs (file_id, filename, content_type, content_length, data) VALUES (?, ?, ?, ?, ?)',
    )
    .run(id, 'a.txt', 'text/plain', content.length, Buffer.from(content));
  const path = `dbfiles/${id}`;
  const text = `{"depot_name": "dbfiles", "files": ["${path}"], "file_id": "${id}", "path": "${path}", "edits": 0}`;
  const row = database.prepare('INSERT INTO files (data) VALUES (?)').run(text).lastInsertRowid;
  return () => {
    committed[row] = { content, edits: 0 };
  };
}

function chosenRow() {
  const rows = database.prepare('SELECT id, data FROM files ORDER BY id').all();
  return rows[below(rows.length)];
}

function edit() {
  const row = chosenRow();
  const value = JSON.parse(row.data);
  const edits = (value.edits ?? 0) + 1;
  const text = row.data.replace(/, "edits": \d+|(?=\}$)/, `, "edits": ${edits}`);
  database.prepare('UPDATE files SET data = ? WHERE id = ?').run(text, row.id);
  return () => {
    committed[row.id] = { ...committed[row.id], edits };
  };
}

function remove() {
  const row = chosenRow();
  database.prepare('DELETE FROM files WHERE id = ?').run(row.id);
  return () => {
    committed[row.id] = null;
  };
}

function step() {
  const kind = below(10);
  const action = kind < 4 ? add : kind < 9 ? edit : remove;
  database.transaction(() => action()).immediate()();
  if (stopped) process.stdout.write(JSON.stringify(committed));
  else setTimeout(step, 5 + below(40));
}

step();
