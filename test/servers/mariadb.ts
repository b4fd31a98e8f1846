import { chownSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createConnection } from 'mysql2/promise';
import { findProgram, runToEnd, startProcess, untilReady, userFor } from './process.js';
import type { ServerKind } from './server.js';

const password = 'secret-of-mariadb';

/** MariaDB with a user `depot` who may do everything, and a packet limit of 1 GB. */
export const mariadb: ServerKind = {
  variable: 'DEPOT_TEST_MARIADB',
  find() {
    const programs = ['mariadb-install-db', 'mariadbd'].map((name) =>
      findProgram(name, ['/usr/sbin']),
    );
    if (programs.includes(null)) return { missing: 'mariadbd (Debian: mariadb-server)' };
    return { programs: programs as string[] };
  },
  async start([install, mariadbd], { directory, port, again = false, args = [] }) {
    const user = userFor('mysql');
    const data = path.join(directory, 'data');
    const script = path.join(directory, 'users.sql');
    if (!again) {
      mkdirSync(data);
      writeFileSync(
        script,
        `CREATE USER IF NOT EXISTS depot@'%' IDENTIFIED BY '${password}';\nGRANT ALL ON *.* TO depot@'%' WITH GRANT OPTION;\n`,
      );
      if (user !== null)
        for (const one of [directory, data, script]) chownSync(one, user.uid, user.gid);
      runToEnd(
        install as string,
        [
          '--no-defaults',
          `--datadir=${data}`,
          '--skip-test-db',
          '--auth-root-authentication-method=normal',
        ],
        user,
        directory,
      );
    }
    const server = startProcess(
      mariadbd as string,
      [
        '--no-defaults',
        `--datadir=${data}`,
        `--init-file=${script}`,
        `--port=${port}`,
        '--bind-address=127.0.0.1',
        `--socket=${path.join(directory, 'mariadb.sock')}`,
        `--pid-file=${path.join(directory, 'pid')}`,
        '--skip-name-resolve',
        '--max-allowed-packet=1G',
        '--innodb-flush-log-at-trx-commit=0',
        ...args,
      ],
      { log: path.join(directory, 'log'), user },
    );
    const url = `mysql://depot:${password}@127.0.0.1:${port}/mysql`;
    await untilReady('MariaDB', server, async () => {
      const connection = await createConnection(url);
      await connection.end();
    });
    return { url, stop: server.stop, crash: () => server.kill('SIGKILL') };
  },
};
