import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { findBinary } from './binaries.js';
import { startProcess, untilReady } from './process.js';
import type { ServerKind } from './server.js';

const [accessKey, secretKey] = ['depot-tests', 'secret-of-minio'];

/** MinIO; the URL holds the key and its secret as user and password. */
export const minio: ServerKind = {
  variable: 'DEPOT_TEST_S3',
  find() {
    const program = findBinary('minio');
    if (program === null) return { missing: 'minio (run node test/servers/binaries.ts)' };
    return { programs: [program] };
  },
  async start([program], { directory, port }) {
    const data = path.join(directory, 'data');
    mkdirSync(data, { recursive: true });
    const address = `127.0.0.1:${port}`;
    const server = startProcess(program as string, ['server', '--address', address, data], {
      log: path.join(directory, 'log'),
      env: {
        HOME: directory,
        MINIO_ROOT_USER: accessKey,
        MINIO_ROOT_PASSWORD: secretKey,
        MINIO_BROWSER: 'off',
        MINIO_UPDATE: 'off',
      },
    });
    await untilReady('MinIO', server, async () => {
      const { ok, status } = await fetch(`http://${address}/minio/health/ready`);
      if (!ok) throw new Error(`HTTP ${status}`);
    });
    const url = `http://${accessKey}:${secretKey}@${address}`;
    return { url, stop: server.stop, crash: () => server.kill('SIGKILL') };
  },
};
