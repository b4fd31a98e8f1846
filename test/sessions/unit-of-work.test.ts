import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Manager, UnitOfWork } from '../../src/index.js';
import { inMemory, pathsIn } from './files.js';

const bytes = Buffer.from('content');

async function stored(manager: Manager, count: number): Promise<string[]> {
  const paths: string[] = [];
  for (let index = 0; index < count; index += 1) paths.push((await manager.store(bytes)).path);
  return paths;
}

test('commit keeps what is new, and deletes what is old then only', async () => {
  const manager = inMemory('files');
  const [old = '', other = ''] = await stored(manager, 2);
  const unit = new UnitOfWork(manager);
  const { path } = await unit.store(bytes, { filename: 'a.txt' });
  await unit.replace([old], [path]);
  await unit.delete([other]);
  expect(await pathsIn(manager)).toEqual([old, other, path].sort());
  await unit.commit();
  expect(await pathsIn(manager)).toEqual([path]);
  expect(await manager.getFile(path)).toMatchObject({ filename: 'a.txt' });
});

test('rollback deletes what is new, and keeps what is old', async () => {
  const manager = inMemory('files', 'others');
  const paths = await stored(manager, 2);
  const unit = new UnitOfWork(manager);
  const { path } = await unit.store(bytes);
  await unit.store(bytes, { storage: 'others' });
  await unit.replace(paths.slice(0, 1), [path]);
  await unit.delete(paths.slice(1));
  await unit.rollback();
  expect([await pathsIn(manager), await pathsIn(manager, 'others')]).toEqual([paths.sort(), []]);
});

test('a file that another row names is kept, and one of which that cannot be told', async () => {
  const manager = inMemory('files');
  const [shared = '', own = '', unknown = ''] = await stored(manager, 3);
  const notices: string[] = [];
  const unit = new UnitOfWork(manager, {
    notice: (text) => notices.push(text),
    async isNamed(path) {
      if (path === unknown) throw new Error('no connection');
      return path === shared;
    },
  });
  const savepoint = unit.begin();
  await savepoint.delete([shared, own, unknown]);
  await savepoint.commit();
  await unit.commit();
  expect(await pathsIn(manager)).toEqual([shared, unknown].sort());
  expect(notices).toEqual([`cannot delete ${unknown}: no connection`]);
});

test('a file of which nobody tells whether a row names it is kept', async () => {
  const manager = inMemory('files');
  const unit = new UnitOfWork(manager);
  const { path } = await unit.store(bytes);
  await unit.commit();
  expect(await pathsIn(manager)).toEqual([path]);
});

test('what is stored and deleted in one transaction is gone, what moves to another row stays', async () => {
  const manager = inMemory('files');
  const [moved = ''] = await stored(manager, 1);
  const unit = new UnitOfWork(manager);
  const { path } = await unit.store(bytes);
  await unit.replace([], [path]);
  await unit.delete([path]);
  await unit.delete([moved]);
  await unit.replace([], [moved]);
  await unit.commit();
  expect(await pathsIn(manager)).toEqual([moved]);
});

test('an alias is the storage that it stands for', async () => {
  const manager = inMemory('files');
  manager.alias('old', 'files');
  const [path = ''] = await stored(manager, 1);
  const unit = new UnitOfWork(manager);
  await unit.replace([path.replace('files/', 'old/')], [path]);
  await unit.commit();
  expect(await pathsIn(manager)).toEqual([path]);
  const other = new UnitOfWork(manager);
  await other.delete([path.replace('files/', 'old/')]);
  await other.commit();
  expect(await pathsIn(manager)).toEqual([]);
});

test('one identifier under two names may be one file, which is not deleted', async () => {
  const manager = inMemory('files', 'again');
  const { path, id } = await manager.store(bytes);
  await manager.store(bytes, { storage: 'again', id });
  const unit = new UnitOfWork(manager);
  await unit.replace([path], [`again/${id}`]);
  await unit.commit();
  expect(await pathsIn(manager)).toEqual([path]);
});

test('after a commit that failed nothing is deleted', async () => {
  const manager = inMemory('files');
  const [old = ''] = await stored(manager, 1);
  const unit = new UnitOfWork(manager);
  const { path } = await unit.store(bytes);
  await unit.replace([old], [path]);
  unit.abandon();
  expect(await pathsIn(manager)).toEqual([old, path].sort());
});

test('a rollback waits for what is being stored, and stops it', async () => {
  const manager = inMemory('files');
  const unit = new UnitOfWork(manager);
  let reached = (): void => {};
  const begun = new Promise<void>((resolve) => {
    reached = resolve;
  });
  async function* endless(): AsyncGenerator<Uint8Array> {
    yield bytes;
    reached();
    await new Promise(() => {});
  }
  const storing = unit.store(endless());
  const failed = expect(storing).rejects.toThrow();
  await begun;
  await unit.rollback();
  await failed;
  expect(await pathsIn(manager)).toEqual([]);
  await expect(unit.store(bytes)).rejects.toMatchObject({ kind: 'refused' });
  await expect(unit.delete(['files/x'])).rejects.toMatchObject({ kind: 'refused' });
  expect(await pathsIn(manager)).toEqual([]);
});

test('a file that cannot be deleted is told, and the others are deleted', async () => {
  const manager = inMemory('files');
  const [old = '', other = ''] = await stored(manager, 2);
  const notices: string[] = [];
  const unit = new UnitOfWork(manager, { notice: (text) => notices.push(text) });
  await unit.delete([old, 'gone/3b241101-e2bb-11e5-8b8e-0242ac110002', other]);
  // One that somebody else has deleted already is nothing to tell of.
  await (await manager.storage()).delete(old.slice('files/'.length));
  await unit.commit();
  expect(await pathsIn(manager)).toEqual([]);
  expect(notices).toEqual([
    'cannot delete gone/3b241101-e2bb-11e5-8b8e-0242ac110002: no storage "gone" in the settings',
  ]);
});

test('a row can name no file that is not there', async () => {
  const manager = inMemory('files');
  const unit = new UnitOfWork(manager);
  const { path } = await unit.store(bytes);
  await unit.rollback();
  const again = new UnitOfWork(manager);
  const naming = again.replace([], [path]);
  await expect(naming).rejects.toMatchObject({
    ...{ kind: 'not-found', message: `no file ${path}, which a row is to name` },
    hint: 'Store it again: where a transaction is rolled back, its files are deleted.',
  });
});

test('a transaction takes over what was stored outside of any, and nothing of another one', async () => {
  const manager = inMemory('files');
  const free = new UnitOfWork(manager);
  const { path } = await free.store(bytes);
  const { path: unnamed } = await free.store(bytes);
  const [one, other] = [free.beside(), free.beside()];
  await one.replace([], [path]);
  await expect(other.replace([], [path])).rejects.toMatchObject({ kind: 'refused' });
  await other.commit();
  await one.rollback();
  expect(await pathsIn(manager)).toEqual([unnamed]);
  const last = free.beside();
  await last.replace([], [unnamed]);
  await last.commit();
  await free.rollback();
  expect(await pathsIn(manager)).toEqual([unnamed]);
});

/** What a program may do, with a number that chooses among what is there. */
const step = fc.tuple(
  fc.constantFrom('insert', 'update', 'move', 'remove', 'begin', 'commit', 'rollback'),
  fc.nat(),
);

type Rows = readonly string[];

/** Does these steps; gives the rows that the database has at the end, all transactions ended. */
async function run(manager: Manager, steps: readonly (readonly [string, number])[]): Promise<Rows> {
  const free = new UnitOfWork(manager);
  let rows: Rows = [];
  const open: { unit: UnitOfWork; before: Rows }[] = [];
  const end = async (committing: boolean): Promise<void> => {
    const last = open.pop();
    if (last === undefined) return;
    if (committing) return last.unit.commit();
    rows = last.before;
    await last.unit.rollback();
  };
  for (const [name, number] of steps) {
    const unit = open.at(-1)?.unit;
    const row = rows[number % Math.max(rows.length, 1)];
    if (name === 'begin') open.push({ unit: unit?.begin() ?? free.beside(), before: rows });
    else if (name === 'commit' || name === 'rollback') await end(name === 'commit');
    else if (unit === undefined) continue;
    else if (name === 'insert') {
      const { path } = await (number % 2 === 0 ? unit : free).store(bytes);
      await unit.replace([], [path]);
      rows = [...rows, path];
    } else if (row === undefined) continue;
    else if (name === 'update') {
      const { path } = await unit.store(bytes);
      await unit.replace([row], [path]);
      rows = [...rows.filter((one) => one !== row), path];
    } else {
      await unit.delete([row]);
      if (name === 'move') await unit.replace([], [row]);
      else rows = rows.filter((one) => one !== row);
    }
  }
  while (open.length > 0) await end(steps.length % 2 === 0);
  return rows;
}

test('whatever is done in transactions and savepoints, the files are those that rows name', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const manager = inMemory('files');
      const rows = await run(manager, steps);
      expect(await pathsIn(manager)).toEqual([...rows].sort());
    }),
    { numRuns: 300 },
  );
});
