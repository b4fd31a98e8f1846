import { existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import Sqlite from 'better-sqlite3';
import { startMigration } from './processes.js';
import { chunk, makeSite, referenceText, type Site, withManager } from './site.js';

/** A site whose rows hold several references, to files that several rows share. */
export interface SpreadSite {
  readonly site: Site;
  readonly references: number;
  /** Files and thumbnails. */
  readonly blobs: number;
}

const uuid = (kind: number, file: number): string =>
  `0000000${kind}-0000-4000-8000-${String(file).padStart(12, '0')}`;

/**
 * Makes it, with `rows` rows of up to six references each to `files` files, every other one with a
 * thumbnail. `execute` runs SQL on its database, at `url`; without it is in SQLite.
 */
export async function spreadSite(
  { rows, files }: { rows: number; files: number },
  server?: { url: string; execute(sql: string): Promise<void> },
): Promise<SpreadSite> {
  const site = server === undefined ? makeSite() : siteAt(server.url);
  const blobs = await addFiles(site, files);
  const values = Array.from({ length: rows }, (_, row) => {
    const references = Array.from({ length: (row % 6) + 1 }, (_, at) =>
      referenceTo((row * 7 + at * 11) % files),
    );
    return { count: references.length, text: `[${references.join(', ')}]` };
  });
  const inserted = values.map(({ text }, row) => `(${row + 1}, '${text}')`);
  const sql = `INSERT INTO files (id, data) VALUES ${inserted.join(', ')}`;
  if (server === undefined) {
    const handle = new Sqlite(site.database);
    handle.exec(sql);
    handle.close();
  } else {
    await server.execute('CREATE TABLE files (id INTEGER PRIMARY KEY, data TEXT)');
    await server.execute(sql);
  }
  return { site, references: values.reduce((sum, { count }) => sum + count, 0), blobs };
}

function referenceTo(file: number): string {
  const id = uuid(1, file);
  if (file % 2 === 0) return referenceText('dbfiles', id);
  const thumb = uuid(2, file);
  return referenceText('dbfiles', id, {
    files: [`dbfiles/${thumb}`],
    thumb_128x128_id: thumb,
    thumb_128x128_path: `dbfiles/${thumb}`,
    thumb_128x128_url: `/depot/dbfiles/${thumb}`,
  });
}

/** A site like `makeSite`'s, with its database elsewhere. */
function siteAt(url: string): Site {
  const site = makeSite();
  writeFileSync(
    site.ini,
    `[app:site]
sqlalchemy.url = ${url.replaceAll('%', '%%')}
depot.0.name = dbfiles
depot.0.backend = sql
depot.1.name = localfs
depot.1.backend = local
depot.1.storage_path = %(here)s/blobs

[depot]
timezone = UTC
`,
  );
  return site;
}

/** Returns how many blobs there are. */
async function addFiles(site: Site, files: number): Promise<number> {
  let blobs = 0;
  await withManager(site, async (manager) => {
    const storage = await manager.storage('dbfiles');
    await storage.backend.provision();
    for (let file = 0; file < files; file += 1) {
      for (const kind of file % 2 === 0 ? [1] : [1, 2]) {
        const content = `content ${kind} of ${file}`;
        await storage.create(chunk(content), { id: uuid(kind, file), filename: 'a.txt' });
        blobs += 1;
      }
    }
  });
  return blobs;
}

/** Starts a process for each of `count` shards. */
export function startShards(site: Site, count: number): ReturnType<typeof startMigration>[] {
  return Array.from({ length: count }, (_, index) =>
    startMigration(site, ['--shard', `${index + 1}/${count}`]),
  );
}

export function stateOf(site: Site, index: number, count: number): string {
  const name = `dbfiles-to-localfs.shard-${index}-of-${count}.sqlite`;
  return path.join(site.directory, 'depot-state', name);
}

/** The blobs that the runs of a state file have copied. */
export function copiesIn(stateFile: string): string[] {
  const handle = new Sqlite(stateFile, { readonly: true });
  try {
    return handle.prepare<[], string>('SELECT source FROM copies').pluck().all();
  } finally {
    handle.close();
  }
}

/** Whether a run has noted that it is about to change references. */
export function hasChanges(stateFile: string): boolean {
  if (!existsSync(stateFile)) return false;
  const handle = new Sqlite(stateFile, { readonly: true });
  try {
    return handle.prepare('SELECT 1 FROM changes').get() !== undefined;
  } catch (error) {
    // The file is there before its tables are.
    if (error instanceof Sqlite.SqliteError) return false;
    throw error;
  } finally {
    handle.close();
  }
}
