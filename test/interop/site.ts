import { createHash } from 'node:crypto';
import { appendFileSync, cpSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const golden = fileURLToPath(new URL('../../fixtures/kotti-site', import.meta.url));

/** What the golden site's record says of a reference, as far as these tests use it. */
interface ExpectedReference {
  status: 'ok' | 'missing' | 'unknown-depot' | 'null' | 'empty';
  node_path?: string;
  files?: { path: string; status: string; sha256: string | null; content_length: number | null }[];
}

export const expectedReferences: ExpectedReference[] = JSON.parse(
  readFileSync(join(golden, 'expected.json'), 'utf8'),
).references;

/**
 * Copies the golden Kotti site to a temporary directory, with the time zone of its blobs table
 * in the configuration. @returns the directory and the path of its production.ini
 */
export function copySite(): { directory: string; ini: string } {
  const directory = mkdtempSync(join(tmpdir(), 'depot-site-'));
  cpSync(golden, directory, { recursive: true });
  const ini = join(directory, 'production.ini');
  appendFileSync(ini, '\n[depot]\ntimezone = Europe/Berlin\n');
  return { directory, ini };
}

/** An answer of the site, without what may differ between storages: dates and ETag. */
export interface Page {
  status: number;
  sha256: string;
  type: string | null;
  length: string | null;
  disposition: string | null;
}

/** Fetches pages of a running Kotti site as its administrator. */
export async function fetchPages(
  address: string,
  paths: string[],
  redirect: 'follow' | 'manual' = 'manual',
): Promise<Page[]> {
  const cookie = await logIn(address);
  const pages: Page[] = [];
  for (const path of paths) pages.push(await fetchPage(new URL(path, address), cookie, redirect));
  return pages;
}

async function logIn(address: string): Promise<string> {
  const answer = await fetch(new URL('/login', address), {
    method: 'POST',
    body: new URLSearchParams({ login: 'admin', password: 'quay%side = 100%', submit: 'submit' }),
    redirect: 'manual',
  });
  const cookies = answer.headers.getSetCookie().map((cookie) => cookie.split(';')[0]);
  return [...new Set(cookies)].join('; ');
}

async function fetchPage(url: URL, cookie: string, redirect: 'follow' | 'manual'): Promise<Page> {
  const answer = await fetch(url, { headers: { cookie }, redirect });
  const body = new Uint8Array(await answer.arrayBuffer());
  return {
    status: answer.status,
    sha256: createHash('sha256').update(body).digest('hex'),
    type: answer.headers.get('content-type'),
    length: answer.headers.get('content-length'),
    disposition: answer.headers.get('content-disposition'),
  };
}
