import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe } from 'vitest';
import { mariadb } from '../servers/mariadb.js';
import type { RunningServer } from '../servers/server.js';

/**
 * `describe` for tests that need a MariaDB server of their own. `args` are its arguments, and may
 * put files into its directory.
 */
export function describeWithOwnServer(
  name: string,
  args: (directory: string) => readonly string[],
  tests: (url: () => string) => void,
): void {
  describe(name, () => {
    const found = mariadb.find();
    if ('missing' in found) {
      beforeEach(({ skip }) => skip(`needs ${found.missing}`));
      return tests(() => '');
    }
    let directory: string;
    let server: RunningServer;
    beforeAll(async () => {
      directory = await mkdtemp(path.join(tmpdir(), 'depot-mariadb-'));
      const options = { directory, port: await freePort(), args: args(directory) };
      server = await mariadb.start(found.programs, options);
    }, 90_000);
    afterAll(async () => {
      await server?.stop();
      await rm(directory, { recursive: true, force: true });
    });
    tests(() => server.url);
  });
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
