// Locks migrations in the database that its argument names, then writes a blob that never ends:
// says so when part of it is on its way, and is killed. Arguments: URL, identifier, `insert` or
// `update`.
import { openSqlDatabase } from '../../src/databases/open.js';

const [url, id, action] = process.argv.slice(2) as [string, string, 'insert' | 'update'];
const length = 100_000_000;

async function* chunks(): AsyncGenerator<Uint8Array> {
  for (let sent = 0; sent < length / 2; sent += 1_000_000) yield Buffer.alloc(1_000_000, 'new ');
  console.log('half way');
  await new Promise(() => setInterval(() => {}, 1000));
}

const origin = { file: 'site.ini', line: 1, section: 'app:main', key: 'sqlalchemy.url' };
const database = await openSqlDatabase({ value: url, origin }, '/', {
  retried: () => {},
  notice: () => {},
  idleTimeout: 60_000,
});
await database.lockMigrations(null);
const columns = { filename: 'new.txt', contentType: 'text/plain', lastModified: null };
await database.blobs[action](id, columns, { chunks: chunks(), length });
