import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { BlobContent } from '../../src/backend.js';
import type { Manager } from '../../src/manager.js';
import { migrate, undo } from './runs.js';
import {
  addBlob,
  addRow,
  deleteBlob,
  makeSite,
  query,
  readBlob,
  referenceText,
  replaceBlob,
  type Site,
} from './site.js';

/** What the application believes: the content behind each of its rows, and the edits it made there. */
type Model = Map<number, { content: string; edits: number; shared: boolean }>;

interface Row {
  readonly id: number;
  readonly data: string;
}

/** An application that goes by its references, as filedepot does. */
function application(site: Site, model: Model, next: (limit: number) => number) {
  let contents = 0;
  const chosen = (): Row | undefined => {
    const rows = query<Row>(site, 'SELECT id, data FROM files ORDER BY id');
    return rows[next(Math.max(rows.length, 1))];
  };
  const blobOf = ({ data }: Row): [storage: string, id: string] => {
    const { depot_name, file_id } = JSON.parse(data);
    return [depot_name, file_id];
  };
  const actions: (() => Promise<void>)[] = [
    async function add() {
      contents += 1;
      const id = await addBlob(site, 'dbfiles', `new ${contents}`);
      const row = addRow(site, referenceText('dbfiles', id));
      model.set(row, { content: `new ${contents}`, edits: 0, shared: false });
    },
    async function edit() {
      const row = chosen();
      const known = row && model.get(row.id);
      if (row === undefined || known === undefined) return;
      known.edits += 1;
      const text = row.data.replace(/(, "edits": \d+)?\}$/, `, "edits": ${known.edits}}`);
      query(site, 'UPDATE files SET data = ? WHERE id = ?', text, row.id);
    },
    async function replace() {
      const row = chosen();
      const known = row && model.get(row.id);
      // Rows that share a blob part ways when only one of them has moved.
      if (row === undefined || known === undefined || known.shared) return;
      contents += 1;
      known.content = `replaced ${contents}`;
      await replaceBlob(site, ...blobOf(row), known.content);
    },
    async function remove() {
      const row = chosen();
      if (row === undefined || model.size < 4) return;
      query(site, 'DELETE FROM files WHERE id = ?', row.id);
      if (model.get(row.id)?.shared === false) await deleteBlob(site, ...blobOf(row));
      model.delete(row.id);
    },
  ];
  return () => (actions[next(actions.length)] as () => Promise<void>)();
}

const steps = {
  backend: ['info', 'read', 'create', 'replace', 'delete', 'infos', 'readMany', 'createMany'],
  database: ['texts', 'textAt', 'change'],
} as const;

/** What not every backend has. */
const optional: readonly string[] = ['infos', 'readMany', 'createMany'];

/** Lets something happen before and after every step that a run makes. */
async function aroundSteps(manager: Manager, happen: () => Promise<void>): Promise<void> {
  const [database] = await manager.referenceDatabases();
  const backends = await Promise.all(
    ['dbfiles', 'localfs'].map(async (name) => (await manager.storage(name)).backend),
  );
  const wrap = (object: object, names: readonly string[]): void => {
    const methods = object as Record<string, (...all: unknown[]) => Promise<unknown>>;
    for (const name of names) {
      const method = methods[name]?.bind(object);
      if (method === undefined && optional.includes(name)) continue;
      if (method === undefined) throw new Error(`no method ${name}`);
      methods[name] = async (...all) => {
        await happen();
        const result = await method(...all);
        await happen().catch(async (error: unknown) => {
          if (name === 'read') await (result as BlobContent).close();
          throw error;
        });
        return result;
      };
    }
  };
  for (const backend of backends) wrap(backend, steps.backend);
  wrap(database as object, steps.database);
}

async function expectWhole(site: Site, model: Model): Promise<void> {
  const rows = query<Row>(site, 'SELECT id, data FROM files ORDER BY id');
  expect(rows.map(({ id }) => id)).toEqual([...model.keys()].sort((one, other) => one - other));
  for (const { id, data } of rows) {
    const reference = JSON.parse(data);
    const known = model.get(id);
    expect([id, reference.edits ?? 0]).toEqual([id, known?.edits]);
    const content = await readBlob(site, reference.depot_name, reference.file_id);
    expect([id, content === null]).toEqual([id, false]);
  }
}

/** Every row shows what the application wrote last, in the target unless `undecided` names it. */
async function expectCurrent(
  site: Site,
  model: Model,
  undecided: ReadonlySet<string | null>,
): Promise<void> {
  await expectWhole(site, model);
  for (const { id, data } of query<Row>(site, 'SELECT id, data FROM files')) {
    const { depot_name, file_id } = JSON.parse(data);
    expect([id, await readBlob(site, depot_name, file_id)]).toEqual([id, model.get(id)?.content]);
    if (!undecided.has(`files.data id=${id}`)) expect([id, depot_name]).toEqual([id, 'localfs']);
  }
}

/** A pseudo-random number below `limit`, from numbers that fast-check can shrink. */
function numbers(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

/** Some runs, each disturbed by the application and perhaps killed, then one in peace. */
async function disturb(seed: number): Promise<void> {
  const site = makeSite();
  const model: Model = new Map();
  const next = numbers(seed);
  const act = application(site, model, next);
  const shared = await addBlob(site, 'dbfiles', 'shared');
  for (let row = 0; row < 4; row += 1) {
    const content = row < 2 ? 'shared' : `first ${row}`;
    const id = row < 2 ? shared : await addBlob(site, 'dbfiles', content);
    model.set(addRow(site, referenceText('dbfiles', id)), { content, edits: 0, shared: row < 2 });
  }
  let stateFile: string | null = null;
  for (let run = 0; run < 5; run += 1) {
    let dead = false;
    let busy = false;
    const prepare = (manager: Manager): Promise<void> =>
      aroundSteps(manager, async () => {
        if (busy) return;
        if (dead || next(60) === 0) {
          dead = true;
          throw new Error('killed');
        }
        if (next(6) > 0) return;
        busy = true;
        await act();
        busy = false;
      });
    const options = { prepare, deleteSource: next(3) === 0, concurrency: 1 + next(3) };
    const undoing: boolean = stateFile !== null && next(3) === 0;
    const outcome: { error: unknown; stateFile: string | null } = await (undoing
      ? undo(site, stateFile, options)
      : migrate(site, options)
    ).catch((error: unknown) => ({ error, stateFile }));
    if (outcome.error !== null) expect(outcome.error).toMatchObject({ message: 'killed' });
    stateFile = outcome.stateFile ?? stateFile;
    await expectWhole(site, model);
  }
  const last = await migrate(site);
  expect(last.error).toBeNull();
  // Blobs that the application replaced on both sides of a change are for people to decide.
  expect(last.problems.filter(({ kind }) => kind !== 'target-differs')).toEqual([]);
  await migrate(site, { deleteSource: true });
  await expectCurrent(site, model, new Set(last.problems.map(({ reference }) => reference)));
}

test('runs that are disturbed and killed at any step lose nothing', async () => {
  await fc.assert(fc.asyncProperty(fc.nat(), disturb), { numRuns: 25, endOnFailure: true });
});
