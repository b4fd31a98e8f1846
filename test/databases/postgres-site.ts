import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import type { Site } from '../transfer/site.js';
import { connectClient, createDatabase } from './postgres-harness.js';

const fixtures = fileURLToPath(new URL('../../fixtures', import.meta.url));

interface Expected {
  readonly columns: readonly { table: string; column: string; primary_key: string[] }[];
  readonly references: readonly {
    depot_name?: string;
    status: string;
    files?: readonly { status: string }[];
  }[];
  readonly references_raw: readonly {
    table: string;
    column: string;
    primary_key: Readonly<Record<string, string | number>>;
    raw: string | null;
  }[];
  readonly blobs: readonly {
    id: number;
    file_id: string;
    filename: string | null;
    content_type: string | null;
    content_length: number | null;
    last_modified: string | null;
    sha256: string | null;
  }[];
}

/** What Kotti's own tools say of the site. */
export const expected = JSON.parse(
  readFileSync(path.join(fixtures, 'kotti-site.pg.expected.json'), 'utf8'),
) as Expected;

/** The site that Kotti made on PostgreSQL, loaded into a database that is gone when the test ends. */
export async function loadSite(server: string): Promise<Site & { url: string }> {
  const { url, remove } = await createDatabase(server);
  onTestFinished(remove);
  const dump = readFileSync(path.join(fixtures, 'kotti-site.pg.sql'), 'utf8');
  const client = await connectClient(url);
  // Lines that begin with a backslash are psql's.
  await client.query(dump.replaceAll(/^\\.*$/gm, ''));
  await client.end();
  const directory = mkdtempSync(path.join(tmpdir(), 'depot-postgres-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  cpSync(path.join(fixtures, 'kotti-site.pg.blobs'), path.join(directory, 'blobs'), {
    recursive: true,
  });
  const ini = path.join(directory, 'production.ini');
  const settings = readFileSync(path.join(fixtures, 'kotti-site', 'production.ini'), 'utf8');
  const own = '\n[depot]\ntimezone = Europe/Berlin\n';
  writeFileSync(
    ini,
    settings.replace(/^sqlalchemy\.url.*$/m, `sqlalchemy.url = ${url.replaceAll('%', '%%')}`) + own,
  );
  return { directory, ini, database: '', url };
}
