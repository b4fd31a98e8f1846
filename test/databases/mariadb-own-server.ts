import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe } from 'vitest';
import { mariadb } from '../servers/mariadb.js';

/** `describe` for tests that need a MariaDB server of their own, started with these arguments. */
export function describeWithOwnServer(
  name: string,
  args: readonly string[],
  tests: (url: () => string) => void,
): void {
  describe(name, () => {
    const found = mariadb.find();
    let url = '';
    if ('missing' in found) {
      beforeEach(({ skip }) => skip(`needs ${found.missing}`));
    } else {
      let stop = async (): Promise<void> => {};
      beforeAll(async () => {
        const directory = await mkdtemp(path.join(tmpdir(), 'depot-mariadb-'));
        const server = await mariadb.start(found.programs, {
          directory,
          port: await freePort(),
          args,
        });
        url = server.url;
        stop = async () => {
          await server.stop();
          await rm(directory, { recursive: true, force: true });
        };
      }, 60_000);
      afterAll(() => stop());
    }
    tests(() => url);
  });
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
