import { mkdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { storagesNamed } from './resolved.js';
import { migrate, undo } from './runs.js';
import { addBlob, addRow, identifiers, makeSite, query, referenceText, rowText } from './site.js';

const spoilers: [string, (directory: string) => void, string][] = [
  ['without its file', (directory) => rmSync(path.join(directory, 'file')), 'damaged-blob'],
  [
    'whose file is a directory',
    (directory) => {
      rmSync(path.join(directory, 'file'));
      mkdirSync(path.join(directory, 'file'));
    },
    'copy-failed',
  ],
  [
    'whose file is a link to itself',
    (directory) => {
      rmSync(path.join(directory, 'file'));
      symlinkSync('file', path.join(directory, 'file'));
    },
    'copy-failed',
  ],
];

test.for(spoilers)('a source blob %s is that blob’s problem alone', async ([, spoil, kind]) => {
  const site = makeSite();
  const [bad, good] = [
    await addBlob(site, 'localfs', 'bad'),
    await addBlob(site, 'localfs', 'good'),
  ];
  const rows = [bad, good].map((id) => addRow(site, referenceText('localfs', id)));
  spoil(path.join(site.directory, 'blobs', bad));
  const options = { from: 'localfs', to: 'archive' };
  for (const extra of [{ dryRun: true }, {}, {}]) {
    const { counts, problems, error } = await migrate(site, { ...options, ...extra });
    expect(error).toBeNull();
    expect(problems).toMatchObject([{ kind, path: `localfs/${bad}` }]);
    expect(counts.blobs.failed).toBe(1);
  }
  expect(rows.map((row) => rowText(site, row))).toEqual([
    referenceText('localfs', bad),
    referenceText('archive', good),
  ]);
  expect(await identifiers(site, 'archive')).toEqual([good]);
});

test('a short blob, a row of two blobs and a blob without data are never copied', async () => {
  const site = makeSite();
  const [short, twice, empty] = [
    await addBlob(site, 'dbfiles', 'short'),
    await addBlob(site, 'dbfiles', 'twice'),
    await addBlob(site, 'dbfiles', 'none'),
  ];
  query(site, 'UPDATE blobs SET content_length = 6 WHERE file_id = ?', short);
  query(
    site,
    'INSERT INTO blobs (file_id, data) SELECT file_id, data FROM blobs WHERE file_id = ?',
    twice,
  );
  query(site, 'UPDATE blobs SET data = NULL WHERE file_id = ?', empty);
  for (const id of [short, twice, empty]) addRow(site, referenceText('dbfiles', id));
  const { counts, problems } = await migrate(site, { deleteSource: true });
  expect(problems.map(({ kind }) => kind)).toEqual(Array(3).fill('damaged-blob'));
  expect(counts.references).toMatchObject({ migrated: 0, failed: 3 });
  expect(await identifiers(site, 'localfs')).toEqual([]);
  expect(await storagesNamed(site)).toEqual({ dbfiles: 3 });
});

test('a reference that is cut off is named and counted, others go on', async () => {
  const site = makeSite();
  const id = await addBlob(site, 'dbfiles', 'content');
  const whole = referenceText('dbfiles', id);
  addRow(site, whole.slice(0, -20));
  const row = addRow(site, whole);
  const { counts, problems } = await migrate(site);
  expect(problems).toMatchObject([{ kind: 'broken-reference', reference: 'files.data id=1' }]);
  expect(counts.references).toEqual({ scanned: 2, migrated: 1, missing: 0, changed: 0, failed: 1 });
  expect(rowText(site, row)).toBe(referenceText('localfs', id));
});

test('a copy that does not read back as written is not used', async () => {
  const site = makeSite();
  const id = await addBlob(site, 'dbfiles', 'content');
  addRow(site, referenceText('dbfiles', id));
  const { counts, problems } = await migrate(site, {
    verifyFull: true,
    async prepare(manager) {
      const { backend } = await manager.storage('localfs');
      const read = backend.read.bind(backend);
      backend.read = async (...all) => {
        const content = await read(...all);
        return { ...content, chunks: flipped(content.chunks) };
      };
    },
  });
  expect(problems).toMatchObject([{ kind: 'damaged-blob' }]);
  expect(counts.references).toMatchObject({ migrated: 0, failed: 1 });
  expect(await storagesNamed(site)).toEqual({ dbfiles: 1 });
});

async function* flipped(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) yield chunk.map((byte) => byte ^ 1);
}

test('the state file says what was done', async () => {
  const site = makeSite();
  const id = await addBlob(site, 'dbfiles', 'content');
  const row = addRow(site, referenceText('dbfiles', id));
  const stateFile = path.join(site.directory, 'elsewhere', 'run.sqlite');
  await migrate(site, { stateFile });
  const state = { ...site, database: stateFile };
  expect(query(state, 'SELECT run, source, target FROM runs')).toEqual([
    { run: 1, source: 'dbfiles', target: 'localfs' },
  ]);
  expect(query(state, 'SELECT source, target, sha256, length, run FROM copies')).toEqual([
    {
      source: `dbfiles/${id}`,
      target: `localfs/${id}`,
      sha256: 'ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73',
      length: 7,
      run: 1,
    },
  ]);
  expect(query(state, 'SELECT "column", "row", before, after, done, run FROM changes')).toEqual([
    {
      column: 'files.data',
      row: `files.data id=${row}`,
      before: referenceText('dbfiles', id),
      after: referenceText('localfs', id),
      done: 1,
      run: 1,
    },
  ]);
  const text = readFileSync(stateFile);
  await expect(migrate(site, { from: 'localfs', to: 'archive', stateFile })).rejects.toMatchObject({
    kind: 'refused',
  });
  expect(readFileSync(stateFile).equals(text)).toBe(true);
});

test('a row that the database refuses to change is named, and the others go on, there and back', async () => {
  const site = makeSite();
  const ids = await Promise.all(
    ['a', 'b', 'c'].map((content) => addBlob(site, 'dbfiles', content)),
  );
  const rows = ids.map((id) => addRow(site, referenceText('dbfiles', id)));
  const seal = (row: number): void =>
    void query(
      site,
      `CREATE TRIGGER guard BEFORE UPDATE ON files WHEN old.id = ${row}
       BEGIN SELECT RAISE(ABORT, 'contract ${row} is sealed'); END`,
    );
  seal(2);
  const moved = await migrate(site, { deleteSource: true });
  expect(moved.error).toBeNull();
  expect(moved.counts.references).toMatchObject({ migrated: 2, failed: 1 });
  const refused = { kind: 'unchangeable', path: null };
  expect(moved.problems).toMatchObject([
    {
      ...{ ...refused, reference: 'files.data id=2' },
      message: expect.stringContaining('contract 2 is sealed'),
    },
  ]);
  const named = (): string[] => rows.map((row) => JSON.parse(rowText(site, row)).depot_name);
  expect(named()).toEqual(['localfs', 'dbfiles', 'localfs']);
  expect(await identifiers(site, 'dbfiles')).toEqual([ids[1]]);
  query(site, 'DROP TRIGGER guard');
  seal(3);
  const back = await undo(site, moved.stateFile);
  expect(back.error).toBeNull();
  expect(back.counts.references).toMatchObject({ migrated: 1, failed: 1 });
  expect(back.problems).toMatchObject([{ ...refused, reference: 'files.data id=3' }]);
  expect(named()).toEqual(['dbfiles', 'dbfiles', 'localfs']);
});
