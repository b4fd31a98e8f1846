import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import Sqlite from 'better-sqlite3';
import { newDirectory, newSite } from '../cli/depot.js';

const example = fileURLToPath(new URL('../../examples/own-storage', import.meta.url));

/** The options of a storage, as a configuration has them. */
type Options = Readonly<Record<string, string>>;

/** Where a reader stands who follows the section of a document. */
export interface World {
  /** The directory of a site, which is changed; else a new one with SQLite is made. */
  readonly site?: string;
  /** What is wrong with the site: blobs that are gone, a storage that is not configured. */
  readonly damaged?: boolean;
  /** Storages beside `dbfiles` and `localfs`, or in place of them. */
  readonly storages?: Readonly<Record<string, Options>>;
  /** One of these storages that stands in a file of its own, which takes the rest from the site's. */
  readonly apart?: string;
  /** Of these storages, what stands in a section of our own. */
  readonly own?: Readonly<Record<string, Options>>;
}

export const local = (directory: string): Options => ({
  backend: 'local',
  storage_path: `%(here)s/${directory}`,
});

/** An empty directory but for a file to put. */
export function emptyWorld(): string {
  const here = newDirectory();
  writeFileSync(path.join(here, 'report.pdf'), '%PDF-1.4\n');
  return here;
}

/** A Kotti site with the storages that the documents name, as `production.ini` and `depot.ini`. */
export function siteWorld(world: World): string {
  const { site, damaged = false, storages = {}, apart = '', own = {} } = world;
  const here = site ?? newSite();
  writeFileSync(path.join(here, 'report.pdf'), '%PDF-1.4\n');
  cpSync(path.join(example, 'storage.js'), path.join(here, 'my-storage.mjs'));
  if (site === undefined && !damaged) mend(here);
  const ini = path.join(here, 'production.ini');
  const lines = readFileSync(ini, 'utf8').split('\n');
  const all = Object.entries({ localfs: local('blobs'), ...storages });
  const added = all
    .filter(([name]) => name !== apart)
    .flatMap(([name, options], index) => numbered(`kotti.depot.${index + 1}`, name, options));
  const first = lines.findIndex((line) => line.startsWith('kotti.depot.1.'));
  const rest = lines.filter((line) => !line.startsWith('kotti.depot.1.'));
  rest.splice(first, 0, ...added);
  rest.push(...sections(own, (name) => name !== apart));
  for (const name of ['production', 'depot']) write(here, name, rest);
  if (apart === '') return here;
  const alone = numbered('depot.9', apart, storages[apart] ?? {});
  const taken = ['[app:main]', 'use = config:production.ini', '[depot]', ...alone];
  write(here, apart, [...taken, ...sections(own, (name) => name === apart)]);
  return here;
}

function numbered(prefix: string, name: string, options: Options): string[] {
  return Object.entries({ name, ...options }).map(([key, value]) => `${prefix}.${key} = ${value}`);
}

function sections(own: NonNullable<World['own']>, isWanted: (name: string) => boolean): string[] {
  const wanted = Object.entries(own).filter(([name]) => isWanted(name));
  return wanted.flatMap(([name, options]) => [
    `[depot:storage:${name}]`,
    ...Object.entries(options).map(([key, value]) => `${key} = ${value}`),
  ]);
}

function write(here: string, name: string, lines: readonly string[]): void {
  writeFileSync(path.join(here, `${name}.ini`), lines.join('\n'), { mode: 0o600 });
}

/** Takes away what Kotti's fixture has wrong on purpose. */
function mend(here: string): void {
  const database = new Sqlite(path.join(here, 'Kotti.db'));
  database.exec(`
    UPDATE files SET data = NULL WHERE id = 25;
    UPDATE images SET data = NULL WHERE id = 31;
    UPDATE attachments SET document = NULL WHERE id = 4;
    DELETE FROM blobs WHERE data IS NULL`);
  database.close();
}
