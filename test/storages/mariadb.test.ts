import type { Backend } from '../../src/backend.js';
import { openSql } from '../../src/backends/sql.js';
import { zoneClock } from '../../src/time.js';
import type { Opened } from '../conformance/harness.js';
import { conformance } from '../conformance.js';
import { createDatabase, openUrl } from '../databases/mariadb-harness.js';
import { describeWithServer } from '../servers/servers.js';

describeWithServer('mariadb', 'MariaDB', (server) => {
  const openBackend = (url: string): Backend => openSql(openUrl(url), zoneClock('Europe/Berlin'));

  /** A database without the table. */
  async function openEmpty(): Promise<Opened> {
    const { url, remove } = await createDatabase(server);
    const backend = openBackend(url);
    return {
      backend,
      reopen: async () => openBackend(url),
      async close() {
        await backend.close();
        await remove();
      },
    };
  }

  conformance('sql on MariaDB', {
    keepsLoneSurrogates: false,
    filenameLimit: 100,
    openMissing: openEmpty,
    async open() {
      const opened = await openEmpty();
      await opened.backend.provision();
      return opened;
    },
  });
});
