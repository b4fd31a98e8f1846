import path from 'node:path';
import Sqlite from 'better-sqlite3';
import { expect, onTestFinished, test } from 'vitest';
import { runMigrationProcess, signalWhen, startMigration } from './processes.js';
import {
  addRow,
  chunk,
  identifiers,
  makeSite,
  referenceText,
  type Site,
  withManager,
} from './site.js';

/** Blobs; each has a reference and a hundred texts that mention it and the next. */
const blobs = 20;
const texts = 100 * blobs;

const ids = Array.from(
  { length: blobs },
  (_, blob) => `f8fd9e46-e6ef-11f1-b551-${String(blob).padStart(12, '0')}`,
);

function body(row: number, storage: string): string {
  const [one, other] = [ids[row % blobs], ids[(row + 1) % blobs]];
  return `${row}: <img src="/depot/${storage}/${one}"> "${storage}/${other}" ${'é'.repeat(row % 50)}`;
}

async function mentioningSite(): Promise<Site> {
  const site = makeSite();
  await withManager(site, async (manager) => {
    const storage = await manager.storage('dbfiles');
    for (const id of ids) await storage.create(chunk(id), { id, filename: 'a.txt' });
  });
  for (const id of ids) addRow(site, referenceText('dbfiles', id));
  const handle = new Sqlite(site.database);
  const insert = handle.prepare('INSERT INTO documents (id, body) VALUES (?, ?)');
  handle.transaction(() => {
    for (let row = 1; row <= texts; row += 1) insert.run(row, body(row, 'dbfiles'));
  })();
  handle.close();
  return site;
}

/** Reads the site's texts as its application would. */
function reader(site: Site): { bodies(): string[]; naming(storage: string): number } {
  const handle = new Sqlite(site.database, { timeout: 10_000, readonly: true });
  onTestFinished(() => void handle.close());
  const all = handle.prepare<[], string>('SELECT body FROM documents ORDER BY id').pluck();
  const count = handle
    .prepare<[string], number>('SELECT count(*) FROM documents WHERE instr(body, ?) > 0')
    .pluck();
  return { bodies: () => all.all(), naming: (storage) => count.get(`"${storage}/`) ?? 0 };
}

/** Every text names one storage throughout, which has its blobs, and else is as it was. */
async function expectWhole(site: Site, bodies: readonly string[]): Promise<void> {
  const wrong = bodies.filter(
    (text, index) => !['dbfiles', 'localfs'].some((one) => text === body(index + 1, one)),
  );
  expect(wrong).toEqual([]);
  const named = bodies.flatMap((text) => text.match(/(?:dbfiles|localfs)\/[\da-f-]+/g) ?? []);
  const there = new Set<string>();
  for (const storage of ['dbfiles', 'localfs']) {
    for (const id of await identifiers(site, storage)) there.add(`${storage}/${id}`);
  }
  expect([...new Set(named)].filter((path) => !there.has(path))).toEqual([]);
}

const args = ['--rewrite-mentions', '--delete-source'];

test('killed again and again amid mentions, each text is old or new; a rerun goes on, and an undo gives all back', async () => {
  const site = await mentioningSite();
  const { bodies, naming } = reader(site);
  const state = path.join(site.directory, 'depot-state', 'dbfiles-to-localfs.sqlite');
  const undo = ['--undo', state];
  let kills = 0;
  const killWhen = async (asked: readonly string[], reached: () => boolean): Promise<void> => {
    const { signal } = await signalWhen(startMigration(site, asked), 'SIGKILL', reached);
    if (signal === 'SIGKILL') kills += 1;
    await expectWhole(site, bodies());
  };
  for (const point of [1, texts / 3, (2 * texts) / 3]) {
    await killWhen(args, () => naming('localfs') >= point);
  }
  await killWhen(undo, () => naming('localfs') <= texts / 3);

  const last = await runMigrationProcess(site, args);
  expect(last.code, last.stderr).toBe(0);
  expect(bodies()).toEqual(Array.from({ length: texts }, (_, row) => body(row + 1, 'localfs')));
  expect(await identifiers(site, 'dbfiles')).toEqual([]);

  for (const point of [texts - 1, texts / 2]) {
    await killWhen(undo, () => naming('localfs') <= point);
  }
  expect(kills).toBeGreaterThan(2);
  const undone = await runMigrationProcess(site, undo);
  expect(undone.code, undone.stderr).toBe(0);
  expect(undone.problems).toEqual([]);
  expect(bodies()).toEqual(Array.from({ length: texts }, (_, row) => body(row + 1, 'dbfiles')));
  expect(await identifiers(site, 'dbfiles')).toEqual(ids);
});
