import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe } from 'vitest';
import { freePort } from '../servers/free-port.js';
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
