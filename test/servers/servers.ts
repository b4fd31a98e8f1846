import { beforeEach, describe, inject } from 'vitest';
import './setup.js';

export type ServerName = 'postgres' | 'mariadb' | 's3' | 'gcs' | 'mongodb';

/**
 * `describe` for tests that need a server, which `tests` is given the URL of. Where there is none,
 * each of them is skipped, saying why.
 */
export function describeWithServer(
  server: ServerName,
  name: string,
  tests: (url: string) => void,
): void {
  const state = inject('servers')[server];
  describe(name, () => {
    if (state !== undefined && 'url' in state) return tests(state.url);
    beforeEach(({ skip }) => skip(`no ${server} server: ${state?.missing}`));
    tests('none:');
  });
}
