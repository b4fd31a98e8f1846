import { describeWithServer } from '../servers/servers.js';
import { lostConnections } from './conformance/lost.js';
import { openMariadbDatabase } from './mariadb-harness.js';

const others =
  'FROM information_schema.PROCESSLIST WHERE DB = DATABASE() AND ID <> CONNECTION_ID()';

describeWithServer('mariadb', 'a connection to MariaDB that is ended', (server) => {
  lostConnections({
    open: (statements, retried) => openMariadbDatabase(server, statements, { retried }),
    async endAll({ rows, execute }) {
      // Some may end by themselves meanwhile.
      for (const [id] of await rows(`SELECT ID ${others}`)) {
        await execute(`KILL ${id}`).catch(() => {});
      }
    },
    async countWaiting({ rows }) {
      const sql = `SELECT ID ${others} AND COMMAND = 'Execute' AND INFO LIKE 'UPDATE%'`;
      return (await rows(sql)).length;
    },
    spoolsUnknownLength: false,
    walked: `
      CREATE TABLE t (k VARCHAR(40) COLLATE utf8mb4_german2_ci PRIMARY KEY, v TEXT);
      INSERT INTO t SELECT CONCAT('key ', seq), CONCAT('text ', seq) FROM seq_1_to_100`,
  });
});
