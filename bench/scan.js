// Walking over the references of a site of which nothing is to be moved: time and memory, and
// whether ten times as many take ten times as long. With PostgreSQL where DEPOT_TEST_POSTGRES names one.
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { depot, inDirectory, report, runNode } from './measure.js';
import { makeSite, openDatabase } from './site.js';

const [few, many] = [100_000, 1_000_000];
const commands = [
  ['references', '--count'],
  ['migrate-storage', '--from', 'other', '--to', 'localfs', '--dry-run'],
];

/** SQL for the text of a reference to a blob of which `number` is the number. */
function textSql(hex) {
  const text =
    '{"depot_name": "dbfiles", "files": ["dbfiles/ID"], "file_id": "ID", "path": "dbfiles/ID", ' +
    '"filename": "a.bin", "content_type": "text/plain", "uploaded_at": "2026-01-02 03:04:05", "_public_url": null}';
  return `replace('${text}', 'ID', ${hex} || '-e6ef-11f1-b551-02fc00000001')`;
}

/** How to make a site in each database; `fill` adds references up to a number. */
const databases = {
  SQLite: async (directory) => {
    makeSite(directory, { blobs: 0, size: 0 });
    const text = textSql(`printf('%08x', number)`);
    return {
      async fill(count) {
        const database = openDatabase(directory);
        database.exec(`WITH RECURSIVE numbers (number) AS (
          SELECT coalesce(max(id), 0) + 1 FROM files
          UNION ALL SELECT number + 1 FROM numbers WHERE number < ${count})
          INSERT INTO files SELECT number, ${text} FROM numbers`);
        database.close();
      },
      async remove() {},
    };
  },
  PostgreSQL: async (directory) => {
    const server = process.env.DEPOT_TEST_POSTGRES;
    if (server === undefined) return null;
    const { default: pg } = await import('pg');
    const name = `depot_bench_${randomBytes(8).toString('hex')}`;
    await query(pg, server, `CREATE DATABASE ${name}`);
    const url = new URL(server);
    url.pathname = `/${name}`;
    await query(pg, url.href, 'CREATE TABLE files (id INTEGER PRIMARY KEY, data VARCHAR(4096))');
    makeSite(directory, { blobs: 0, size: 0 });
    const lines = [
      ...['[app:main]', `sqlalchemy.url = ${url.href.replaceAll('%', '%%')}`],
      ...['other', 'localfs'].flatMap((storage, index) => [
        `depot.${index}.name = ${storage}`,
        `depot.${index}.backend = local`,
        `depot.${index}.storage_path = %(here)s/${storage === 'other' ? 'other' : 'blobs'}`,
      ]),
    ];
    writeFileSync(path.join(directory, 'production.ini'), `${lines.join('\n')}\n`);
    const text = textSql(`lpad(to_hex(number), 8, '0')`);
    return {
      fill: (count) =>
        query(
          pg,
          url.href,
          `INSERT INTO files SELECT number, ${text} FROM generate_series(
             (SELECT coalesce(max(id), 0) + 1 FROM files), ${count}) AS number;
           ANALYZE files`,
        ),
      remove: () => query(pg, server, `DROP DATABASE ${name}`),
    };
  },
};

async function query(pg, connectionString, sql) {
  const client = new pg.Client({ connectionString });
  await client.connect();
  await client.query(sql);
  await client.end();
}

for (const [name, make] of Object.entries(databases)) {
  await inDirectory(async (directory) => {
    const site = await make(directory);
    if (site === null)
      return console.log(`scan in ${name}: skipped, DEPOT_TEST_POSTGRES is not set`);
    try {
      const measured = [];
      for (const count of [few, many]) {
        await site.fill(count);
        measured.push(
          commands.map((command) =>
            runNode([depot, '-c', 'production.ini', ...command], { cwd: directory }),
          ),
        );
      }
      for (const [index, command] of commands.entries()) {
        const [less, more] = measured.map((runs) => runs[index]);
        const what = `${command[0]}, ${name}`;
        report(`${what}: seconds for ${many}`, more.seconds, 's');
        report(`${what}: ${many} : ${few} references`, more.seconds / less.seconds, 'times', 12);
        report(`${what}: memory for ${many}`, more.megabytes, 'MB', 150);
      }
    } finally {
      await site.remove();
    }
  });
}
