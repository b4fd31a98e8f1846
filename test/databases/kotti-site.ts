import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import type { Site } from '../transfer/site.js';

const fixtures = fileURLToPath(new URL('../../fixtures', import.meta.url));

/** What Kotti's own tools say of a site. */
export interface Expected {
  readonly columns: readonly { table: string; column: string; primary_key: string[] }[];
  readonly references: readonly {
    depot_name?: string;
    status: string;
    files?: readonly { status: string; path: string }[];
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

/** The site that Kotti made on a kind of server: `pg` or `mysql`. */
export function expectedSite(kind: string): Expected {
  const text = readFileSync(path.join(fixtures, `kotti-site.${kind}.expected.json`), 'utf8');
  return JSON.parse(text) as Expected;
}

/** The statements that load the site's database. */
export function siteDump(kind: string): string {
  return readFileSync(path.join(fixtures, `kotti-site.${kind}.sql`), 'utf8');
}

/** The site's files and configuration, with its database at `url`; gone when the test ends. */
export function siteAround(kind: string, url: string): Site {
  const directory = mkdtempSync(path.join(tmpdir(), `depot-${kind}-`));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  cpSync(path.join(fixtures, `kotti-site.${kind}.blobs`), path.join(directory, 'blobs'), {
    recursive: true,
  });
  const ini = path.join(directory, 'production.ini');
  const settings = readFileSync(path.join(fixtures, 'kotti-site', 'production.ini'), 'utf8');
  const own = '\n[depot]\ntimezone = Europe/Berlin\n';
  writeFileSync(
    ini,
    settings.replace(/^sqlalchemy\.url.*$/m, `sqlalchemy.url = ${url.replaceAll('%', '%%')}`) + own,
  );
  return { directory, ini, database: '' };
}
