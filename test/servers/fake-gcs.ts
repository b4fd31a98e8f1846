import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { findBinary } from './binaries.js';
import { startProcess, untilReady } from './process.js';
import type { ServerKind } from './server.js';

/** fake-gcs-server, which asks for no credentials. */
export const fakeGcs: ServerKind = {
  variable: 'DEPOT_TEST_GCS',
  find() {
    const program = findBinary('fake-gcs-server');
    if (program === null) return { missing: 'fake-gcs-server (run node test/servers/binaries.ts)' };
    return { programs: [program] };
  },
  async start([program], { directory, port }) {
    const data = path.join(directory, 'data');
    mkdirSync(data);
    const address = `127.0.0.1:${port}`;
    const server = startProcess(
      program as string,
      [
        ...['-scheme', 'http', '-host', '127.0.0.1', '-port', String(port)],
        ...['-backend', 'filesystem', '-filesystem-root', data, '-public-host', address],
      ],
      { log: path.join(directory, 'log') },
    );
    const url = `http://${address}`;
    await untilReady('fake-gcs-server', server, async () => {
      const { ok, status } = await fetch(`${url}/storage/v1/b?project=test`);
      if (!ok) throw new Error(`HTTP ${status}`);
    });
    return { url, stop: server.stop };
  },
};
