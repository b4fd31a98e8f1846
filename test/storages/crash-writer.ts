// Creates and replaces blobs in a loop until it is killed. Arguments: kind and place of the storage.
// Every version's filename tells its content; A line is printed after each round.
import type { Backend } from '../../src/backend.js';
import { Storage } from '../../src/storage.js';

const [kind, place, replaced] = process.argv.slice(2) as [string, string, string];

async function open(): Promise<Backend> {
  if (kind === 'local') return (await import('../../src/backends/local.js')).openLocal(place);
  if (kind === 'gridfs') {
    const { openGridfs } = await import('../../src/backends/gridfs.js');
    const network = { name: 'mongo', where: 'depot.ini', retried() {}, idleTimeout: 20_000 };
    return openGridfs({ mongouri: place }, network);
  }
  const { openSqlite } = await import('../../src/databases/sqlite.js');
  const { openSql } = await import('../../src/backends/sql.js');
  const { zoneClock } = await import('../../src/time.js');
  return openSql(await openSqlite(place), zoneClock('UTC'));
}

async function* content(number: number): AsyncGenerator<Uint8Array> {
  for (let part = 0; part < 4; part += 1) yield Buffer.alloc(30_000 + number, `${number} `);
}

const storage = new Storage('files', kind, await open());
for (let number = Number(process.argv[5]); ; number += 2) {
  await storage.replace(replaced, content(number), { filename: `${number}.txt` });
  await storage.create(content(number + 1), { filename: `${number + 1}.txt` });
  console.log('written');
}
