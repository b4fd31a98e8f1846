import { rmSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  describeWithPython,
  openStorages,
  readSite,
  type SiteReference,
  type StorageAnswer,
  withServedSite,
} from './python.js';
import { depot } from './run.js';
import { copySite, expectedReferences, fetchPages, type Page } from './site.js';

/** The site as Python sees it: its references, and the pages of their files and nodes. */
interface View {
  references: SiteReference[];
  pages: Page[];
}

/** A run of migrate-storage: the paths in its problems, the counts of references in its summary. */
interface Run {
  code: number | null;
  problems: string[];
  references: { migrated: number; missing: number; changed: number; failed: number };
}

/** A migration, the same once more, and what Python then finds at the old places. */
interface Migration {
  from: string;
  to: string;
  before: View;
  first: Run;
  again: Run;
  after: View;
  oldPlaces: StorageAnswer[];
}

const expectedFiles = expectedReferences.flatMap((reference) => reference.files ?? []);

const nodePages = expectedReferences
  .filter((reference) => reference.status === 'ok' && reference.node_path !== undefined)
  .flatMap(({ node_path }) => [`${node_path}/inline-view`, `${node_path}/attachment-view`]);

function files(view: View) {
  return view.references.flatMap((reference) => reference.files);
}

async function look(python: string, ini: string): Promise<View> {
  const references = await readSite(python, ini);
  const paths = files({ references, pages: [] }).map((file) => `/depot/${file.path}`);
  const pages = await withServedSite(python, ini, (address) =>
    fetchPages(address, [...paths, ...nodePages]),
  );
  return { references, pages };
}

function moves(reference: SiteReference, from: string): boolean {
  const whole = reference.files.every((file) => file.error === undefined);
  return reference.depot_name === from && whole;
}

/** What Python must read after the move: another place, and nothing else changed. */
function moved(reference: SiteReference, from: string, to: string): SiteReference {
  if (!moves(reference, from) || reference.text === null) return reference;
  const place = (text: string) => text.replaceAll(`${from}/`, `${to}/`);
  return {
    ...reference,
    text: place(reference.text).replace(`"depot_name": "${from}"`, `"depot_name": "${to}"`),
    depot_name: to,
    files: reference.files.map((file) => ({ ...file, path: place(file.path) })),
  };
}

async function runMigration(ini: string, from: string, to: string, options: string[]) {
  const command = ['migrate-storage', '--from', from, '--to', to, ...options];
  const { code, stdout } = await depot(['-c', ini, '--json', ...command]);
  const lines = stdout.toString().trim().split('\n');
  const items = lines.map((line) => JSON.parse(line));
  const problems = items.filter(({ type }) => type === 'problem').map(({ path }) => path);
  return { code, problems, references: items.at(-1).references } satisfies Run;
}

async function migrate(
  python: string,
  ini: string,
  before: View,
  [from, to]: [string, string],
  options: string[],
): Promise<Migration> {
  const first = await runMigration(ini, from, to, options);
  const again = await runMigration(ini, from, to, options);
  const after = await look(python, ini);
  const references = before.references.filter((reference) => moves(reference, from));
  const ids = files({ references, pages: [] }).map((file) => file.path.slice(from.length + 1));
  const storages = openStorages(python, ini);
  const oldPlaces = await storages.use(ids.map((id) => ({ do: 'get', storage: from, id })));
  await storages.close();
  return { from, to, before, first, again, after, oldPlaces };
}

for (const options of [[], ['--delete-source']]) {
  const title = ['a Kotti site, migrated there and back', ...options].join(' ');
  describeWithPython(title, (python) => {
    const { directory, ini } = copySite();
    let there: Migration;
    let back: Migration;

    beforeAll(async () => {
      const original = await look(python, ini);
      there = await migrate(python, ini, original, ['dbfiles', 'localfs'], options);
      back = await migrate(python, ini, there.after, ['localfs', 'dbfiles'], options);
    });
    afterAll(() => rmSync(directory, { recursive: true }));

    const migrations = [
      ['there', () => there],
      ['back', () => back],
    ] as const;

    test('begins with the files of the record', () => {
      const read = new Map(files(there.before).map((file) => [file.path, file]));
      for (const { path, status, sha256, content_length } of expectedFiles) {
        if (status === 'ok') {
          expect(read.get(path)).toMatchObject({ sha256, content_length, length: content_length });
        } else {
          expect(read.get(path)).toHaveProperty('error');
        }
      }
    });

    test('there: names the missing blobs, migrates the other references, exits 1', () => {
      const missing = expectedFiles.filter((file) => file.status === 'missing');
      const migrated = there.before.references.filter((each) => moves(each, 'dbfiles')).length;
      const counts = { missing: missing.length, changed: 0, failed: 0 };
      const problems = missing.map((file) => file.path).sort();
      expect(migrated).toBeGreaterThan(0);
      expect(there.first).toMatchObject({ code: 1, references: { ...counts, migrated } });
      expect(there.again).toMatchObject({ code: 1, references: { ...counts, migrated: 0 } });
      expect(there.first.problems.sort()).toEqual(problems);
      expect(there.again.problems.sort()).toEqual(problems);
    });

    test('back: has nothing to complain of and exits 0', () => {
      const migrated = back.before.references.filter((each) => moves(each, 'localfs')).length;
      const rest = { missing: 0, changed: 0, failed: 0 };
      expect(migrated).toBeGreaterThan(0);
      expect(back.first).toMatchObject({
        code: 0,
        problems: [],
        references: { ...rest, migrated },
      });
      expect(back.again).toMatchObject({ code: 0, references: { ...rest, migrated: 0 } });
    });

    test.each(migrations)(
      '%s: Python reads every reference as before, where it moved',
      (_, leg) => {
        const { before, after, from, to } = leg();
        const expected = before.references.map((reference) => moved(reference, from, to));
        expect(after.references).toEqual(expected);
      },
    );

    test.each(migrations)('%s: Kotti serves every file and node as before', (_, leg) => {
      const { before, after } = leg();
      expect(after.pages).toEqual(before.pages);
      const hashes = files(after).flatMap((file) => file.sha256 ?? []);
      const served = after.pages.filter((page) => page.status === 200).map((page) => page.sha256);
      expect(served).toHaveLength(hashes.length + nodePages.length);
      expect(served.slice(0, hashes.length)).toEqual(hashes);
    });

    const source = options.length === 0 ? 'keeps' : 'deletes';
    test.each(migrations)(`%s: ${source} the blobs that moved at their old place`, (_, leg) => {
      const errors = leg().oldPlaces.map((answer) => answer.error);
      const expected = source === 'keeps' ? undefined : 'no such file';
      expect(new Set(errors)).toEqual(new Set([expected]));
    });
  });
}
