import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { MongoClient } from 'mongodb';
import { findBinary } from './binaries.js';
import { startProcess, untilReady } from './process.js';
import type { ServerKind } from './server.js';

/** FerretDB, which speaks MongoDB's protocol over SQLite. */
export const ferretdb: ServerKind = {
  variable: 'DEPOT_TEST_MONGODB',
  find() {
    const program = findBinary('ferretdb');
    if (program === null) return { missing: 'ferretdb (run node test/servers/binaries.ts)' };
    return { programs: [program] };
  },
  async start([program], { directory, port }) {
    const data = path.join(directory, 'data');
    mkdirSync(data);
    const address = `127.0.0.1:${port}`;
    const server = startProcess(program as string, [address, data], {
      log: path.join(directory, 'log'),
    });
    const url = `mongodb://${address}/`;
    await untilReady('FerretDB', server, async () => {
      const client = new MongoClient(url, { serverSelectionTimeoutMS: 500 });
      try {
        await client.db('admin').command({ ping: 1 });
      } finally {
        await client.close();
      }
    });
    return { url, stop: server.stop };
  },
};
