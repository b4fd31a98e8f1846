import { chownSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import pg from 'pg';
import {
  findProgram,
  postgresDirectories,
  runToEnd,
  startProcess,
  untilReady,
  userFor,
} from './process.js';
import type { ServerKind } from './server.js';

const password = 'secret-of-postgres';

/** PostgreSQL with a superuser `depot`, whose password is asked for. */
export const postgres: ServerKind = {
  variable: 'DEPOT_TEST_POSTGRES',
  find() {
    const programs = ['initdb', 'postgres'].map((name) => findProgram(name, postgresDirectories()));
    if (programs.includes(null)) return { missing: 'initdb and postgres (Debian: postgresql)' };
    return { programs: programs as string[] };
  },
  async start([initdb, postgres], { directory, port, again = false }) {
    const user = userFor('postgres');
    const data = path.join(directory, 'data');
    const secret = path.join(directory, 'password');
    if (!again) {
      mkdirSync(data);
      writeFileSync(secret, password);
      if (user !== null)
        for (const one of [directory, data, secret]) chownSync(one, user.uid, user.gid);
      runToEnd(
        initdb as string,
        [
          '-D',
          data,
          '-U',
          'depot',
          '-A',
          'scram-sha-256',
          `--pwfile=${secret}`,
          '-E',
          'UTF8',
        ].concat(['--locale=C.UTF-8', '--no-sync']),
        user,
        directory,
      );
    }
    const settings = { listen_addresses: '127.0.0.1', unix_socket_directories: directory };
    const server = startProcess(
      postgres as string,
      [
        ...['-D', data, '-p', String(port), '-F'],
        ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
      ],
      { log: path.join(directory, 'log'), user },
    );
    const url = `postgresql://depot:${password}@127.0.0.1:${port}/postgres`;
    await untilReady('PostgreSQL', server, async () => {
      const client = new pg.Client({ connectionString: url });
      client.on('error', () => {});
      await client.connect();
      await client.end();
    });
    // Its own way to crash: the processes of its connections end with it.
    return { url, stop: server.stop, crash: () => server.kill('SIGQUIT') };
  },
};
