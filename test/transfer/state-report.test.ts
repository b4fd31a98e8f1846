import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import Sqlite from 'better-sqlite3';
import { expect, test } from 'vitest';
import { subjectOf } from '../../src/transfer/state-file.js';
import { openReport, type ReportedProblem, type Totals } from '../../src/transfer/state-report.js';
import { aroundChange } from './meanwhile.js';
import { signalWhen, startMigration } from './processes.js';
import { migrate, undo } from './runs.js';
import {
  addBlob,
  addRow,
  copySite,
  deleteBlob,
  makeSite,
  query,
  referenceText,
  type Site,
} from './site.js';

const absent = '6a39cf60-8a8b-4c31-8c7d-6ac8c2f6a001';

function stateOf(site: Site): string {
  return path.join(site.directory, 'depot-state', 'dbfiles-to-localfs.sqlite');
}

interface Reported {
  readonly runs: unknown[];
  readonly changes: unknown[];
  readonly copies: unknown[];
  readonly problems: ReportedProblem[];
  readonly totals: Totals;
}

function reported(site: Site): Reported {
  const report = openReport(stateOf(site));
  const { source, target } = report;
  expect({ source, target }).toEqual({ source: 'dbfiles', target: 'localfs' });
  const [runs, changes] = [[...report.runs()], [...report.changes()]];
  const [copies, problems] = [[...report.copies()], [...report.problems()]];
  const totals = report.totals();
  report.close();
  const open = problems.filter((problem) => problem.open);
  expect(Object.values(totals.problems).reduce((sum, count) => sum + count, 0)).toBe(open.length);
  expect(totals.solved).toBe(problems.length - open.length);
  expect(Object.values(totals.changes).reduce((sum, count) => sum + count, 0)).toBe(changes.length);
  expect(totals.copies.count).toBe(copies.length);
  return { runs, changes, copies, problems, totals };
}

/** The open problems, each as `run kind reference`. */
function open(site: Site): string[] {
  return reported(site)
    .problems.filter((problem) => problem.open)
    .map(({ run, kind, reference }) => `${run} ${kind} ${reference}`);
}

test('tells of each run what it was asked, and how it ended', async () => {
  const site = makeSite();
  const id = await addBlob(site, 'dbfiles', 'content');
  addRow(site, referenceText('dbfiles', id));
  addRow(site, referenceText('dbfiles', absent));
  const aborted = new AbortController();
  aborted.abort();
  await migrate(site, { signal: aborted.signal, limit: 1, where: 'id = 1' });
  const broken = await migrate(site, {
    exclude: ['documents.body'],
    selection: { largerThan: 5, smallerThan: 10, modifiedBefore: new Date('2999-01-01T00:00:00Z') },
    ...aroundChange({
      before() {
        throw new Error('the power is off');
      },
    }),
  });
  expect(broken.error).not.toBeNull();
  const { counts } = await migrate(site, { deleteSource: true, references: ['files.data'] });
  await undo(site, stateOf(site));
  const common = { started: expect.any(String), ended: expect.any(String), error: null };
  expect(reported(site).runs).toEqual([
    {
      ...{ ...common, run: 1, kind: 'migrate', options: { limit: 1, where: 'id = 1' } },
      ...{ outcome: 'interrupted', counts: expect.anything() },
    },
    {
      ...{ ...common, run: 2, kind: 'migrate' },
      options: {
        exclude: ['documents.body'],
        ...{ larger_than: 5, smaller_than: 10, modified_before: '2999-01-01T00:00:00.000Z' },
      },
      ...{ outcome: 'failed', error: 'the power is off', counts: expect.anything() },
    },
    {
      ...{ ...common, run: 3, kind: 'migrate', outcome: 'finished', counts },
      options: { references: ['files.data'], delete_source: true },
    },
    {
      ...{ ...common, run: 4, kind: 'undo', options: {}, outcome: 'finished' },
      counts: expect.objectContaining({ references: expect.objectContaining({ migrated: 1 }) }),
    },
  ]);
});

test('tells every row that was changed, every blob copied, and what was turned back', async () => {
  const site = makeSite();
  const id = await addBlob(site, 'dbfiles', 'content');
  const row = addRow(site, referenceText('dbfiles', id));
  await migrate(site);
  const reference = `files.data id=${row}`;
  const change = { run: 1, mentions: 0, database: site.database, reference };
  const at = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  expect(reported(site)).toMatchObject({
    changes: [{ ...change, status: 'done', at }],
    copies: [
      {
        ...{ run: 1, source: `dbfiles/${id}`, target: `localfs/${id}`, length: 7, at },
        sha256: 'ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73',
      },
    ],
    totals: { changes: { done: 1 }, copies: { count: 1, bytes: 7 } },
  });
  await undo(site, stateOf(site));
  expect(reported(site).changes).toEqual([{ ...change, status: 'turned-back', at }]);
  await migrate(site);
  expect(reported(site).changes).toEqual([
    { ...change, status: 'turned-back', at },
    { ...change, run: 3, status: 'done', at },
  ]);
});

test('a change that a killed run may have made is uncertain', async () => {
  const site = makeSite();
  addRow(site, referenceText('dbfiles', await addBlob(site, 'dbfiles', 'content')));
  await migrate(site, {
    ...aroundChange({
      after() {
        throw new Error('killed');
      },
    }),
  });
  expect(reported(site).totals.changes).toEqual({ done: 0, uncertain: 1, 'turned-back': 0 });
  await migrate(site);
  expect(reported(site).totals.changes).toEqual({ done: 0, uncertain: 1, 'turned-back': 0 });
});

test('a problem is open until its reference has moved, or a whole run has not met it', async () => {
  const site = makeSite();
  const row = addRow(site, referenceText('dbfiles', absent));
  const other = addRow(site, referenceText('dbfiles', absent));
  const problems = [`missing-blob files.data id=${row}`, `missing-blob files.data id=${other}`];
  await migrate(site);
  expect(open(site)).toEqual(problems.map((problem) => `1 ${problem}`));
  await migrate(site, { where: `id = ${row}` });
  expect(open(site)).toEqual([`1 ${problems[1]}`, `2 ${problems[0]}`]);
  await addBlob(site, 'dbfiles', 'restored', absent);
  await migrate(site, { limit: 1 });
  expect(open(site)).toEqual([`1 ${problems[1]}`]);
  query(site, `DELETE FROM files WHERE id = ${other}`);
  await migrate(site, { limit: 1 });
  expect(open(site)).toEqual([`1 ${problems[1]}`]);
  await migrate(site);
  expect(open(site)).toEqual([]);
  expect(reported(site).totals).toMatchObject({ solved: 2, problems: { missing: 0 } });
});

test('a problem that every run meets is one, and open', async () => {
  const site = makeSite();
  const row = addRow(site, referenceText('dbfiles', absent));
  for (const options of [{ limit: 1 }, {}, { deleteSource: true }, {}])
    await migrate(site, options);
  expect(open(site)).toEqual([`4 missing-blob files.data id=${row}`]);
  expect(reported(site)).toMatchObject({
    problems: [{ run: 4 }],
    totals: { solved: 0, problems: { missing: 1 } },
  });
});

test('a row of which only another reference has moved keeps its problem', async () => {
  const site = makeSite();
  const id = await addBlob(site, 'dbfiles', 'content');
  addRow(site, `[${referenceText('dbfiles', absent)}, ${referenceText('dbfiles', id)}]`);
  await deleteBlob(site, 'dbfiles', id);
  await migrate(site);
  expect(open(site)).toHaveLength(2);
  await addBlob(site, 'dbfiles', 'content', id);
  await migrate(site, { selection: { largerThan: 1 }, limit: 1 });
  const left = reported(site).problems.filter((problem) => problem.open);
  expect(left).toMatchObject([{ run: 2, path: `dbfiles/${absent}`, status: 'missing' }]);
});

test('what keeps a blob from deletion is solved by a later deletion, whatever it moves', async () => {
  const site = makeSite();
  const id = await addBlob(site, 'dbfiles', 'content');
  addRow(site, referenceText('dbfiles', id));
  query(site, `INSERT INTO documents (body) VALUES ('/depot/dbfiles/${id}')`);
  await migrate(site, { deleteSource: true });
  const problem = '1 still-mentioned documents.body id=1';
  expect(open(site)).toEqual([problem]);
  expect(reported(site).totals.problems).toEqual({ missing: 0, changed: 0, failed: 0, kept: 1 });
  await migrate(site);
  expect(open(site)).toEqual([problem]);
  query(site, 'DELETE FROM documents');
  await migrate(site, { deleteSource: true, limit: 1 });
  expect(open(site)).toEqual([]);
});

test('what an undo could not do is open until a later one can', async () => {
  const site = makeSite();
  const id = await addBlob(site, 'dbfiles', 'content');
  const row = addRow(site, referenceText('dbfiles', id));
  await migrate(site);
  for (const storage of ['dbfiles', 'localfs']) await deleteBlob(site, storage, id);
  await undo(site, stateOf(site));
  expect(open(site)).toEqual([`2 missing-blob files.data id=${row}`]);
  await migrate(site);
  expect(open(site)).toHaveLength(1);
  await addBlob(site, 'localfs', 'content', id);
  await undo(site, stateOf(site));
  expect(open(site)).toEqual([]);
});

test('docs/state.md has every table and column of the file', async () => {
  const site = makeSite();
  addRow(site, referenceText('dbfiles', await addBlob(site, 'dbfiles', 'content')));
  await migrate(site);
  const documentation = readFileSync(new URL('../../docs/state.md', import.meta.url), 'utf8');
  const state = { ...site, database: stateOf(site) };
  const columns = query<{ table: string; column: string; isKey: number }>(
    state,
    `SELECT t.name AS "table", c.name AS "column", c.pk AS isKey
     FROM sqlite_schema AS t, pragma_table_info(t.name) AS c WHERE t.type = 'table'`,
  );
  expect(columns.length).toBeGreaterThan(30);
  for (const { table, column, isKey } of columns) {
    const [, section = ''] = documentation.split(`\n| \`${table}\` |`);
    const rows = section.split(/\n\| `/)[0];
    if (isKey === 0 || table === 'runs') expect(rows, table).toContain(`\`${column}\``);
  }
});

test('an undo that cannot begin has failed', async () => {
  const site = makeSite();
  addRow(site, referenceText('dbfiles', await addBlob(site, 'dbfiles', 'content')));
  await migrate(site);
  query(site, 'ALTER TABLE files RENAME TO papers');
  await expect(undo(site, stateOf(site))).rejects.toMatchObject({ kind: 'not-found' });
  const error = expect.stringContaining('no column files.data');
  expect(reported(site).runs).toMatchObject([
    { run: 1 },
    { kind: 'undo', outcome: 'failed', error },
  ]);
});

test('never changes the file, nor leaves another beside it', async () => {
  const site = copySite();
  await migrate(site);
  const [bytes, names] = [readFileSync(stateOf(site)), readdirSync(path.dirname(stateOf(site)))];
  expect(names).toEqual(['dbfiles-to-localfs.sqlite']);
  expect(reported(site).problems.length).toBeGreaterThan(0);
  expect(readFileSync(stateOf(site)).equals(bytes)).toBe(true);
  expect(readdirSync(path.dirname(stateOf(site)))).toEqual(names);
});

test('can be asked while a run goes on, which it does not hold up', async () => {
  const site = makeSite();
  for (const content of ['one', 'two', 'three']) {
    addRow(site, referenceText('dbfiles', await addBlob(site, 'dbfiles', content)), 'files');
  }
  addRow(site, referenceText('dbfiles', absent));
  const seen: Reported[] = [];
  const reading: ReturnType<typeof openReport>[] = [];
  const { error } = await migrate(site, {
    ...aroundChange({
      before: () => void seen.push(reported(site)),
      after() {
        const report = openReport(stateOf(site));
        report.changes()[Symbol.iterator]().next();
        reading.push(report);
      },
    }),
  });
  for (const report of reading) report.close();
  expect(error).toBeNull();
  expect(seen).toMatchObject([
    {
      runs: [{ run: 1, ended: null, outcome: null, counts: null }],
      totals: { changes: { uncertain: 3 }, problems: { missing: 1 } },
    },
  ]);
  expect(reported(site).totals).toMatchObject({
    changes: { done: 3, uncertain: 0 },
    problems: { missing: 1 },
  });
});

test('a file that is none, or of another version, is refused and left as it is', async () => {
  const site = makeSite();
  addRow(site, referenceText('dbfiles', await addBlob(site, 'dbfiles', 'content')));
  await migrate(site);
  const file = (name: string): string => path.join(site.directory, name);
  writeFileSync(file('empty.sqlite'), '');
  writeFileSync(
    file('text.sqlite'),
    'no database at all, and a good deal longer than a header\n'.repeat(9),
  );
  for (const version of [0, 9]) {
    writeFileSync(file(`${version}.sqlite`), readFileSync(stateOf(site)));
    const handle = new Sqlite(file(`${version}.sqlite`));
    handle.pragma(`user_version = ${version}`);
    handle.close();
  }
  const refusals = [
    ['absent.sqlite', 'not-found', 'it does not exist'],
    ['empty.sqlite', 'usage', 'is no state file'],
    ['text.sqlite', 'usage', 'is no state file'],
    ['site.db', 'usage', 'is no state file'],
    ['blobs', 'usage', 'is no state file'],
    ['0.sqlite', 'usage', 'is a state file of version 0: known here is 2'],
    ['9.sqlite', 'usage', 'is a state file of version 9: known here is 2'],
  ] as const;
  for (const [name, kind, says] of refusals) {
    const before = readdirSync(site.directory);
    for (const open of [openReport, subjectOf]) {
      expect(() => open(file(name))).toThrow(
        expect.objectContaining({ kind, message: expect.stringContaining(says) }),
      );
    }
    expect(readdirSync(site.directory)).toEqual(before);
  }
  for (const [name, kind, says] of refusals.slice(2)) {
    const contents = (): Buffer | null => (name === 'blobs' ? null : readFileSync(file(name)));
    const bytes = contents();
    await expect(migrate(site, { stateFile: file(name) })).rejects.toMatchObject({
      kind,
      message: expect.stringContaining(says),
    });
    expect(contents()).toEqual(bytes);
  }
});

test('tells of a killed run, in a file that the kill left half written', async () => {
  const site = makeSite();
  const rows = 5;
  for (let row = 0; row < rows; row += 1) {
    addRow(site, referenceText('dbfiles', await addBlob(site, 'dbfiles', `content ${row}`)));
  }
  // The application is at it, so that the references wait.
  const application = new Sqlite(site.database);
  application.exec('BEGIN IMMEDIATE');
  const copied = (): boolean => readdirSync(path.join(site.directory, 'blobs')).length >= rows;
  const ended = await signalWhen(startMigration(site), 'SIGKILL', copied);
  expect(ended.signal).toBe('SIGKILL');
  application.close();
  const bytes = readFileSync(stateOf(site));
  expect(reported(site).runs).toMatchObject([{ run: 1, ended: null, outcome: null }]);
  expect(readFileSync(stateOf(site)).equals(bytes)).toBe(true);
  await migrate(site);
  const { runs, totals } = reported(site);
  expect(runs).toMatchObject([{ ended: null }, { outcome: 'finished' }]);
  expect(totals.changes).toMatchObject({ done: rows, 'turned-back': 0 });
});
