// Kotti sites that Kotti itself made, each in a directory and a database of its own.
import { randomBytes } from 'node:crypto';
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { findPython } from '../test/interop/environment.ts';
import { depot } from './measure.js';
import { measured } from './measured.js';

export const python = findPython();
const script = (name) => fileURLToPath(new URL(name, import.meta.url));

/** `url` as it stands in a configuration, where a percent sign begins an interpolation. */
const configuration = (url) => `[app:main]
use = egg:kotti
sqlalchemy.url = ${url}
mail.default_sender = bench@example.org
kotti.secret = bench
kotti.depot.0.name = dbfiles
kotti.depot.0.backend = kotti.filedepot.DBFileStorage
kotti.depot.1.name = localfs
kotti.depot.1.backend = depot.io.local.LocalFileStorage
kotti.depot.1.storage_path = %(here)s/blobs
`;

const sqlite = {
  name: 'SQLite',
  url: async () => 'sqlite:///%(here)s/Kotti.db',
  remove: async () => {},
};

async function administered(server, sql) {
  const client = new pg.Client({ connectionString: server });
  await client.connect();
  await client.query(sql);
  await client.end();
}

const postgres = (server) => {
  const made = [];
  return {
    name: 'PostgreSQL',
    async url(template) {
      const name = `depot_bench_${randomBytes(6).toString('hex')}`;
      made.push(name);
      const from = template === null ? '' : ` TEMPLATE ${new URL(template).pathname.slice(1)}`;
      await administered(server, `CREATE DATABASE ${name}${from}`);
      return server.replace(/\/[^/]*$/, `/${name}`);
    },
    async remove() {
      for (const name of made) await administered(server, `DROP DATABASE ${name} WITH (FORCE)`);
    },
  };
};

/** The databases to measure, each with the reason where it cannot be. */
export function databases() {
  const server = process.env.DEPOT_TEST_POSTGRES;
  const missing = 'no PostgreSQL: set DEPOT_TEST_POSTGRES, see npm run servers';
  return [sqlite, server ? postgres(server) : { name: 'PostgreSQL', missing }];
}

/** Makes a site with so many files, then gives copies of it, each in a fresh directory. */
export async function siteMaker(directory, database, { blobs, size }) {
  const first = path.join(directory, 'made');
  mkdirSync(path.join(first, 'blobs'), { recursive: true });
  const url = await database.url(null);
  writeFileSync(path.join(first, 'site.ini'), configuration(url));
  const args = [script('make_kotti_site.py'), 'site.ini', String(blobs), String(size)];
  await measured('make a site', [python, '-W', 'ignore', ...args], { cwd: first });
  let copies = 0;
  return async () => {
    copies += 1;
    const copy = path.join(directory, `copy-${copies}`);
    cpSync(first, copy, { recursive: true });
    const own = await database.url(url);
    writeFileSync(path.join(copy, 'site.ini'), configuration(own));
    return { directory: copy, url: own };
  };
}

export function migrateWithDepot({ directory }, to = 'localfs', from = 'dbfiles') {
  const args = ['-c', 'site.ini', 'migrate-storage', '--from', from, '--to', to];
  const shown = `\`depot ${args.join(' ')}\``;
  return measured(shown, [process.execPath, depot, ...args], { cwd: directory });
}

export function migrateWithKotti({ directory }) {
  const args = ['site.ini', 'dbfiles', 'localfs'];
  return measured(
    `\`python kotti_migrate.py ${args.join(' ')}\`: kotti-migrate-storage with a commit`,
    [python, '-W', 'ignore', script('kotti_migrate.py'), ...args],
    { cwd: directory },
  );
}

/** @param how 'fsync' or 'syncfs' */
export function loopByHand({ directory }, how) {
  return measured(
    `\`node durable-loop.js Kotti.db blobs ${how}\`: by hand, for this alone`,
    [process.execPath, script('durable-loop.js'), 'Kotti.db', 'blobs', how],
    { cwd: directory, env: { UV_THREADPOOL_SIZE: '64' } },
  );
}
