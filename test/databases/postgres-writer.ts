// Locks migrations in the database that its argument names, then writes a blob that never ends:
// says so when part of it is on its way, and is killed. Arguments: URL, identifier, `insert` or
// `update`.
import { openUrl } from './postgres-harness.js';

const [url, id, action] = process.argv.slice(2) as [string, string, 'insert' | 'update'];
const length = 100_000_000;

async function* chunks(): AsyncGenerator<Uint8Array> {
  for (let sent = 0; sent < length / 2; sent += 1_000_000) yield Buffer.alloc(1_000_000, 'new ');
  console.log('half way');
  await new Promise(() => setInterval(() => {}, 1000));
}

const database = openUrl(url);
if ((await database.lockMigrations()) === null) throw new Error('somebody else migrates');
const columns = { filename: 'new.txt', contentType: 'text/plain', lastModified: null };
await database.blobs[action](id, columns, { chunks: chunks(), length });
