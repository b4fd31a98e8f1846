import { onTestFinished } from 'vitest';
import { describeWithServer } from '../servers/servers.js';
import { lostConnections } from './conformance/lost.js';
import { openPostgresDatabase, openUrl } from './postgres-harness.js';

describeWithServer('postgres', 'a connection to PostgreSQL that is ended', (server) => {
  lostConnections({
    async open(statements, retried) {
      const opened = await openPostgresDatabase(server, statements);
      const database = openUrl(opened.url, { retried });
      onTestFinished(() => database.close());
      return { ...opened, database };
    },
    endAll: ({ execute }) =>
      execute(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
               WHERE datname = current_database() AND pid <> pg_backend_pid()`),
    async countWaiting({ rows }) {
      const waiting = `SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock'
                       AND datname = current_database()`;
      // Within a transaction the view stays as it was first seen.
      await rows('SELECT pg_stat_clear_snapshot()');
      return (await rows(waiting)).length;
    },
    spoolsUnknownLength: true,
    walked: `
      CREATE TABLE t (k TEXT COLLATE "en-x-icu" PRIMARY KEY, v TEXT);
      INSERT INTO t SELECT 'key ' || i, 'text ' || i FROM generate_series(1, 100) AS i`,
  });
});
