import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import type { TextChange } from '../../src/databases/database.js';
import type { Manager } from '../../src/manager.js';
import {
  addBlob,
  addRow,
  makeSite,
  migrate,
  query,
  readBlob,
  referenceText,
  replaceBlob,
  rowText,
  type Site,
} from './site.js';

/** What the application does just before or after the references change, the first time or always. */
interface Application {
  readonly before?: (changes: readonly TextChange[]) => Promise<void> | void;
  readonly after?: () => Promise<void> | void;
}

function aroundChange(application: Application): { prepare(manager: Manager): Promise<void> } {
  return {
    async prepare(manager) {
      for (const database of await manager.referenceDatabases()) {
        const change = database.change.bind(database);
        database.change = async (changes) => {
          await application.before?.(changes);
          const made = await change(changes);
          await application.after?.();
          return made;
        };
      }
    },
  };
}

function once(action: () => Promise<void> | void): () => Promise<void> | void {
  let done = false;
  return () => {
    if (done) return undefined;
    done = true;
    return action();
  };
}

/** A site with one blob in the source and one reference to it. */
async function siteWithOne(): Promise<{ site: Site; id: string; row: number }> {
  const site = makeSite();
  const id = await addBlob(site, 'dbfiles', 'first!');
  return { site, id, row: addRow(site, referenceText('dbfiles', id)) };
}

function setText(site: Site, row: number, text: string | null): void {
  query(site, 'UPDATE files SET data = ? WHERE id = ?', text, row);
}

test('a blob replaced between its copy and the change of its reference arrives', async () => {
  const { site, id, row } = await siteWithOne();
  const before = once(() => replaceBlob(site, 'dbfiles', id, 'second'));
  const { counts, problems } = await migrate(site, aroundChange({ before }));
  expect(problems).toEqual([]);
  expect(counts.references.migrated).toBe(1);
  expect(rowText(site, row)).toBe(referenceText('localfs', id));
  expect(await readBlob(site, 'localfs', id)).toBe('second');
});

test('… also where the run was killed just then and another one goes on', async () => {
  const { site, id, row } = await siteWithOne();
  const killed = await migrate(
    site,
    aroundChange({
      before: once(() => replaceBlob(site, 'dbfiles', id, 'second')),
      after: () => {
        throw new Error('killed');
      },
    }),
  );
  expect(killed.error).toMatchObject({ message: 'killed' });
  expect(rowText(site, row)).toBe(referenceText('localfs', id));
  await migrate(site);
  expect(await readBlob(site, 'localfs', id)).toBe('second');

  await replaceBlob(site, 'localfs', id, 'third');
  const again = await migrate(site);
  expect(again.problems).toEqual([]);
  expect(await readBlob(site, 'localfs', id)).toBe('third');
});

test('… also where the site was just writing it: a further run looks again', async () => {
  const site = makeSite();
  const id = await addBlob(site, 'localfs', 'first!');
  addRow(site, referenceText('localfs', id));
  const metadata = path.join(site.directory, 'blobs', id, 'metadata.json');
  const text = readFileSync(metadata);
  const between = { from: 'localfs', to: 'archive' };
  // Python empties the file before it writes it anew.
  const before = once(() => writeFileSync(metadata, ''));
  const first = await migrate(site, { ...between, ...aroundChange({ before }) });
  expect(first.error).toBeNull();
  expect(first.counts.references.migrated).toBe(1);
  expect(first.problems).toMatchObject([{ kind: 'damaged-blob', path: `archive/${id}` }]);
  writeFileSync(metadata, text);
  await replaceBlob(site, 'localfs', id, 'second');
  for (let run = 0; run < 2; run += 1) {
    expect((await migrate(site, between)).problems).toEqual([]);
    expect(await readBlob(site, 'archive', id)).toBe('second');
  }
});

test('a blob replaced twice, in the source and then in the target, keeps what came last', async () => {
  const { site, id } = await siteWithOne();
  const { problems } = await migrate(
    site,
    aroundChange({
      before: once(() => replaceBlob(site, 'dbfiles', id, 'second')),
      after: once(() => replaceBlob(site, 'localfs', id, 'third!')),
    }),
  );
  expect(problems).toMatchObject([{ kind: 'target-differs', path: `localfs/${id}` }]);
  expect(await readBlob(site, 'localfs', id)).toBe('third!');
});

test('a blob replaced before its reference was ever moved is copied anew by the next run', async () => {
  const { site, id, row } = await siteWithOne();
  const stopped = await migrate(
    site,
    aroundChange({
      before: () => {
        throw new Error('killed');
      },
    }),
  );
  expect(stopped.error).toMatchObject({ message: 'killed' });
  expect(rowText(site, row)).toBe(referenceText('dbfiles', id));
  await replaceBlob(site, 'dbfiles', id, 'second');
  const { problems } = await migrate(site);
  expect(problems).toEqual([]);
  expect(await readBlob(site, 'localfs', id)).toBe('second');
});

test('… also where the run was killed amid the copies of a page', async () => {
  const { site, id } = await siteWithOne();
  const other = await addBlob(site, 'dbfiles', 'other');
  addRow(site, referenceText('dbfiles', other));
  const stopped = await migrate(site, {
    concurrency: 1,
    async prepare(manager) {
      const { backend } = await manager.storage('localfs');
      const create = backend.create.bind(backend);
      backend.create = async (target, ...rest) => {
        if (target === other) throw new Error('killed');
        return create(target, ...rest);
      };
      const database = (await manager.referenceDatabases())[0];
      if (database !== undefined) database.change = () => Promise.reject(new Error('killed'));
    },
  });
  expect(stopped.error).toMatchObject({ message: 'killed' });
  await replaceBlob(site, 'dbfiles', id, 'second');
  const { problems } = await migrate(site);
  expect(problems).toEqual([]);
  expect(await readBlob(site, 'localfs', id)).toBe('second');
});

test('what the application wrote into the target after the move is never overwritten', async () => {
  const { site, id } = await siteWithOne();
  await migrate(site);
  await replaceBlob(site, 'localfs', id, 'newest');
  const late = addRow(site, referenceText('dbfiles', id));
  await replaceBlob(site, 'dbfiles', id, 'older!');
  const { counts, problems } = await migrate(site);
  expect(problems).toMatchObject([{ kind: 'target-differs' }]);
  expect(counts.references.failed).toBe(1);
  expect(rowText(site, late)).toBe(referenceText('dbfiles', id));
  expect(await readBlob(site, 'localfs', id)).toBe('newest');
});

test('… nor what it writes while our copy is under way', async () => {
  const { site, id } = await siteWithOne();
  await migrate(site);
  const late = addRow(site, referenceText('dbfiles', id));
  await replaceBlob(site, 'dbfiles', id, 'older!');
  const { problems } = await migrate(site, {
    async prepare(manager) {
      const { backend } = await manager.storage('localfs');
      const replace = backend.replace.bind(backend);
      backend.replace = async (...all) => {
        await replaceBlob(site, 'localfs', id, 'newest');
        return replace(...all);
      };
    },
  });
  expect(problems).toMatchObject([{ kind: 'target-differs', path: `dbfiles/${id}` }]);
  expect(rowText(site, late)).toBe(referenceText('dbfiles', id));
  expect(await readBlob(site, 'localfs', id)).toBe('newest');
});

test('a reference that the application edits meanwhile keeps the edit and moves', async () => {
  const { site, id, row } = await siteWithOne();
  const edited = (storage: string): string => referenceText(storage, id, { title: 'Größe' });
  const before = once(() => setText(site, row, edited('dbfiles')));
  const { counts, problems } = await migrate(site, aroundChange({ before }));
  expect(problems).toEqual([]);
  expect(counts.references).toMatchObject({ scanned: 1, migrated: 1 });
  expect(rowText(site, row)).toBe(edited('localfs'));
});

test('a reference that meanwhile names another file moves to that one', async () => {
  const { site, row } = await siteWithOne();
  const newer = await addBlob(site, 'dbfiles', 'newer');
  const before = once(() => setText(site, row, referenceText('dbfiles', newer)));
  await migrate(site, aroundChange({ before }));
  expect(rowText(site, row)).toBe(referenceText('localfs', newer));
  expect(await readBlob(site, 'localfs', newer)).toBe('newer');
});

test('a reference that keeps changing is left as the application wrote it, and named', async () => {
  const { site, id, row } = await siteWithOne();
  let edits = 0;
  const before = (): void => {
    edits += 1;
    setText(site, row, referenceText('dbfiles', id, { edits }));
  };
  const { counts, problems } = await migrate(site, aroundChange({ before }));
  expect(problems).toMatchObject([{ kind: 'reference-changed', reference: 'files.data id=1' }]);
  expect(counts.references).toMatchObject({ scanned: 1, migrated: 0, changed: 1, failed: 0 });
  expect(rowText(site, row)).toBe(referenceText('dbfiles', id, { edits }));
});

test.for([
  ['deleted', 'DELETE FROM files'],
  ['emptied', 'UPDATE files SET data = NULL'],
])('a reference that is %s meanwhile needs nothing', async ([, sql]) => {
  const { site } = await siteWithOne();
  const before = once(() => void query(site, sql as string));
  const { counts, problems, error } = await migrate(site, aroundChange({ before }));
  expect(error).toBeNull();
  expect(problems).toEqual([]);
  expect(counts.references.migrated).toBe(0);
  expect(query(site, 'SELECT data FROM files WHERE data IS NOT NULL')).toEqual([]);
});

test('a row that is read again is counted once, and what it lacks is named once', async () => {
  const site = makeSite();
  const [here, gone] = [
    await addBlob(site, 'dbfiles', 'here'),
    '6a39cf60-8a8b-4c31-8c7d-6ac8c2f6a001',
  ];
  const both = (storage: string, title: string): string =>
    `[${referenceText(storage, here, { title })}, ${referenceText('dbfiles', gone)}]`;
  const row = addRow(site, both('dbfiles', 'a'));
  const before = once(() => setText(site, row, both('dbfiles', 'b')));
  const { counts, problems } = await migrate(site, aroundChange({ before }));
  expect(counts.references).toEqual({ scanned: 2, migrated: 1, missing: 1, changed: 0, failed: 0 });
  expect(counts.blobs).toMatchObject({ copied: 1, missing: 1 });
  expect(problems).toHaveLength(1);
  expect(rowText(site, row)).toBe(both('localfs', 'b'));
});

test('a blob that is missing for many is counted once', async () => {
  const site = makeSite();
  query(site, 'CREATE TABLE more (id INTEGER PRIMARY KEY, data TEXT)');
  const text = referenceText('dbfiles', '6a39cf60-8a8b-4c31-8c7d-6ac8c2f6a001');
  for (const table of ['files', 'files', 'more']) addRow(site, text, table);
  const { counts, problems } = await migrate(site);
  expect(counts.references.missing).toBe(3);
  expect(counts.blobs.missing).toBe(1);
  expect(problems).toHaveLength(3);
});

test('rows that the application adds behind are moved, those before by the next run', async () => {
  const { site } = await siteWithOne();
  query(site, 'UPDATE files SET id = 10');
  const id = await addBlob(site, 'dbfiles', 'added');
  const add = (row: number): void =>
    void query(
      site,
      'INSERT INTO files (id, data) VALUES (?, ?)',
      row,
      referenceText('dbfiles', id),
    );
  const before = once(() => {
    add(5);
    add(20);
  });
  await migrate(site, aroundChange({ before }));
  expect(rowText(site, 20)).toBe(referenceText('localfs', id));
  expect(rowText(site, 5)).toBe(referenceText('dbfiles', id));
  expect((await migrate(site)).counts.references.migrated).toBe(1);
});
