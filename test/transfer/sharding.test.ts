import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Shard } from '../../src/databases/shard.js';
import { movesReference } from '../../src/transfer/sharding.js';
import { aroundChange } from './meanwhile.js';
import { resolveReferences, storagesNamed } from './resolved.js';
import { migrate } from './runs.js';
import {
  addBlob,
  addRow,
  identifiers,
  makeSite,
  readBlob,
  referenceText,
  rowText,
} from './site.js';

const reference = (id: string) => new Map([['file_id', id]]);
const shards = (count: number): Shard[] =>
  Array.from({ length: count }, (_, at) => ({ index: at + 1, count }));

/** The shards that move a file. */
const moving = (id: string, count: number): number[] =>
  shards(count)
    .filter((shard) => movesReference(shard, reference(id)))
    .map(({ index }) => index);

test('a reference is moved by exactly one shard, whatever its identifier', () => {
  const id = fc.oneof(fc.uuid(), fc.string({ unit: 'binary' }));
  fc.assert(
    fc.property(id, fc.integer({ min: 1, max: 50 }), (one, count) => {
      expect(moving(one, count)).toHaveLength(1);
    }),
  );
});

test('which one does not change from version to version', () => {
  expect(moving('fbde83c8-e6ef-11f1-9ec2-02fc00000001', 8)).toEqual([1]);
  expect(moving('5f5e1000aabbccddeeff0011', 8)).toEqual([5]);
  expect(moving('Übersicht 1', 8)).toEqual([1]);
});

test.each([
  ['fbde83c8-e6ef-11f1-9ec2-02fc0000000a', 'FBDE83C8E6EF11F19EC202FC0000000A'],
  ['fbde83c8-e6ef-11f1-9ec2-02fc0000000a', 'urn:uuid:{fbde83c8-e6ef-11f1-9ec2-02fc0000000a}'],
  ['5f5e1000aabbccddeeff0011', '5F5E1000AABBCCDDEEFF0011'],
  ['Übersicht', 'ubersicht '],
  ['straße', 'STRASSE'],
])('what a database may take for one file is in one shard: %s and %s', (one, other) => {
  for (const count of [2, 3, 8, 997]) expect(moving(one, count)).toEqual(moving(other, count));
});

test('shards are of about the same size', () => {
  const sizes = shards(8).map(() => 0);
  for (let file = 0; file < 8000; file += 1) {
    const [index = 0] = moving(randomUUID(), 8);
    sizes[index - 1] = (sizes[index - 1] ?? 0) + 1;
  }
  for (const size of sizes) expect(Math.abs(size - 1000)).toBeLessThan(200);
});

test('a row that other shards keep changing is not given up, nor reported', async () => {
  const site = makeSite();
  const ids: string[] = [];
  const [own, others] = shards(2) as [Shard, Shard];
  while (ids.filter((id) => movesReference(others, reference(id))).length < 8) {
    ids.push(await addBlob(site, 'dbfiles', `content ${ids.length}`));
  }
  while (!ids.some((id) => movesReference(own, reference(id)))) {
    ids.push(await addBlob(site, 'dbfiles', `content ${ids.length}`));
  }
  addRow(site, `[${ids.map((id) => referenceText('dbfiles', id)).join(', ')}]`);
  const before = await resolveReferences(site);
  let interruptions = 0;
  const outcome = await migrate(site, {
    shard: own,
    ...aroundChange({
      async before() {
        interruptions += 1;
        await migrate(site, { shard: others, limit: 1 });
      },
    }),
  });
  expect(interruptions).toBe(9);
  expect(outcome.problems).toEqual([]);
  expect(outcome.counts.references).toMatchObject({ migrated: ids.length - 8, changed: 0 });
  expect(await storagesNamed(site)).toEqual({ localfs: ids.length });
  expect(await resolveReferences(site)).toEqual(before);
});

test('a broken reference is one shard’s, and reported once', async () => {
  const site = makeSite();
  for (let row = 0; row < 6; row += 1) addRow(site, '{"depot_name": "dbfiles", "file_id": "cut o');
  addRow(site, referenceText('dbfiles', await addBlob(site, 'dbfiles', 'content')));
  const found: unknown[] = [];
  for (const shard of shards(3)) {
    const { problems, counts } = await migrate(site, { shard });
    expect(counts.references.failed).toBe(problems.length);
    found.push(...problems.map(({ reference: row }) => row));
  }
  expect(found.sort()).toEqual([1, 2, 3, 4, 5, 6].map((row) => `files.data id=${row}`));
});

test('a shard that deletes is refused, and so is the state of another', async () => {
  const site = makeSite();
  const row = addRow(site, referenceText('dbfiles', await addBlob(site, 'dbfiles', 'content')));
  const [first, second] = shards(2) as [Shard, Shard];
  await expect(migrate(site, { shard: first, deleteSource: true })).rejects.toMatchObject({
    kind: 'usage',
    hint: expect.stringContaining('without --shard'),
  });
  expect(rowText(site, row)).toContain('dbfiles');
  const { stateFile } = await migrate(site, { shard: first });
  expect(stateFile).toMatch(/dbfiles-to-localfs\.shard-1-of-2\.sqlite$/);
  for (const shard of [second, { index: 1, count: 3 }, undefined]) {
    await expect(migrate(site, { shard, stateFile: stateFile ?? '' })).rejects.toMatchObject({
      kind: 'refused',
      message: `${stateFile} is the state of a run from dbfiles to localfs with --shard 1/2`,
    });
  }
  const { stateFile: whole } = await migrate(site);
  await expect(migrate(site, { shard: first, stateFile: whole ?? '' })).rejects.toMatchObject({
    message: `${whole} is the state of a run from dbfiles to localfs without --shard`,
  });
  expect(await identifiers(site, 'localfs')).toHaveLength(1);
});

/** A blob that is written at once, and one that is asked for in the target before. */
const lengths = [7, 300_000];

test.each(
  lengths.flatMap((length) => [
    { stored: 'the same', length, content: 'a'.repeat(length), kinds: [] },
    { stored: 'something else', length, content: 'another', kinds: ['target-differs'] },
  ]),
)(
  'a thumbnail of $length bytes that another shard or a user stores just now as $stored',
  async ({ length, content, kinds }) => {
    const site = makeSite();
    const id = await addBlob(site, 'dbfiles', 'a'.repeat(length));
    addRow(site, referenceText('dbfiles', id));
    const { problems, counts } = await migrate(site, {
      verifyFull: true,
      async prepare(manager) {
        const target = await manager.storage('localfs');
        const create = target.create.bind(target);
        target.create = async (...all) => {
          target.create = create;
          await addBlob(site, 'localfs', content, id);
          return create(...all);
        };
      },
    });
    expect(problems.map(({ kind }) => kind)).toEqual(kinds);
    expect(counts.blobs).toMatchObject({ copied: 0, reused: 1 - kinds.length });
    expect(counts.references).toMatchObject({ migrated: 1 - kinds.length, failed: kinds.length });
    expect(await readBlob(site, 'localfs', id)).toBe(content);
  },
);
