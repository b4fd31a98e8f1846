import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openLocal } from '../../src/backends/local.js';
import { Storage } from '../../src/storage.js';
import { chunksOf, collected } from '../conformance/harness.js';
import { patchFileSystem, start } from './interleaving.js';
import { openFiles } from './open-files.js';

const id = '3c1b9742-f338-4dcf-a812-e60d74b46c69';

let directory: string;
let restore: () => void;

beforeAll(async () => {
  // In memory, where that can be: thousands of orders are tried, and no disk.
  const parent = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
  directory = await mkdtemp(path.join(parent, 'depot-interleaving-'));
  restore = patchFileSystem();
});

afterAll(async () => {
  restore();
  await rm(directory, { recursive: true });
});

/** Content `number`, of a length and a filename of its own. */
function version(number: number): { bytes: Buffer; filename: string } {
  return { bytes: Buffer.alloc(1000 + number, `${number} `), filename: `${number}.txt` };
}

const create = (storage: Storage, number: number) =>
  storage.create(chunksOf(version(number).bytes), { id, filename: version(number).filename });

const replace = (storage: Storage, number: number) =>
  storage.replace(id, chunksOf(version(number).bytes), { filename: version(number).filename });

/** The number of the version that is read, which has to be whole. */
async function read(storage: Storage): Promise<number> {
  const { info, chunks } = await storage.read(id);
  const number = Number.parseInt(info.filename, 10);
  expect(info.contentLength).toBe(version(number).bytes.byteLength);
  expect((await collected(chunks)).equals(version(number).bytes)).toBe(true);
  return number;
}

async function unfinished(_storage: Storage, place: string): Promise<void> {
  await mkdir(path.join(place, id));
  await writeFile(path.join(place, id, 'file'), 'broke off');
}

/** What a replace by version 2 leaves when it is killed once it has decided. */
async function decided(storage: Storage, place: string): Promise<void> {
  await create(storage, 2);
  const metadata = await readFile(path.join(place, id, 'metadata.json'));
  await storage.delete(id);
  await create(storage, 1);
  const token = '3f0e2c6e-6f57-4d5b-9a53-1f2f3f4f5f6f';
  await writeFile(path.join(place, id, `.depot-file-${token}`), version(2).bytes);
  await writeFile(path.join(place, id, `.depot-replace-${token}`), metadata);
}

interface Scenario {
  readonly name: string;
  prepare(storage: Storage, place: string): Promise<unknown>;
  first(storage: Storage): Promise<unknown>;
  second(storage: Storage): Promise<unknown>;
  /** The results that both may have, the kinds of their errors, and the versions left (null: none). */
  readonly allowed: { first: unknown[]; second: unknown[]; left: (number | null)[] };
  /** How many of both have to succeed, where not any number may. */
  readonly winners?: number;
  /** The second in one part: where both wait for a lock, two would take minutes. */
  readonly onePart?: boolean;
}

const done = 'done';
const asDone = async (action: Promise<unknown>): Promise<string> => action.then(() => done);

const scenarios: readonly Scenario[] = [
  {
    name: 'a read and a replace',
    prepare: (storage) => create(storage, 1),
    first: read,
    second: (storage) => asDone(replace(storage, 2)),
    allowed: { first: [1, 2], second: [done], left: [2] },
  },
  {
    name: 'a read and a delete',
    prepare: (storage) => create(storage, 1),
    first: read,
    second: (storage) => asDone(storage.delete(id)),
    allowed: { first: [1, 'not-found'], second: [done], left: [null] },
  },
  {
    name: 'a read, and a delete with a new creation',
    prepare: (storage) => create(storage, 1),
    first: read,
    second: (storage) => asDone(storage.delete(id).then(() => create(storage, 2))),
    allowed: { first: [1, 2, 'not-found'], second: [done], left: [2] },
  },
  {
    name: 'a replace, and a delete with a new creation',
    prepare: (storage) => create(storage, 1),
    first: (storage) => asDone(replace(storage, 2)),
    second: (storage) => asDone(storage.delete(id).then(() => create(storage, 3))),
    allowed: { first: [done, 'not-found'], second: [done, 'refused'], left: [2, 3] },
  },
  {
    name: 'a read, and a replace that finishes one that was killed',
    prepare: decided,
    first: read,
    second: (storage) => asDone(replace(storage, 3)),
    allowed: { first: [2, 3], second: [done], left: [3] },
  },
  {
    name: 'two replaces',
    prepare: (storage) => create(storage, 1),
    first: (storage) => asDone(replace(storage, 2)),
    second: (storage) => asDone(replace(storage, 3)),
    allowed: { first: [done], second: [done], left: [2, 3] },
    onePart: true,
  },
  {
    name: 'a replace and a delete',
    prepare: (storage) => create(storage, 1),
    first: (storage) => asDone(replace(storage, 2)),
    second: (storage) => asDone(storage.delete(id)),
    allowed: { first: [done, 'not-found'], second: [done], left: [null] },
  },
  {
    name: 'two deletes',
    prepare: (storage) => create(storage, 1),
    first: (storage) => asDone(storage.delete(id)),
    second: (storage) => asDone(storage.delete(id)),
    allowed: { first: [done, 'not-found'], second: [done, 'not-found'], left: [null] },
    winners: 1,
  },
  {
    name: 'two creates',
    prepare: async () => {},
    first: (storage) => asDone(create(storage, 1)),
    second: (storage) => asDone(create(storage, 2)),
    allowed: { first: [done, 'refused'], second: [done, 'refused'], left: [1, 2] },
    winners: 1,
  },
  {
    name: 'two creates where one broke off before',
    prepare: unfinished,
    first: (storage) => asDone(create(storage, 1)),
    second: (storage) => asDone(create(storage, 2)),
    allowed: { first: [done, 'refused'], second: [done, 'refused'], left: [1, 2] },
    winners: 1,
  },
  {
    name: 'a read and a create where one broke off before',
    prepare: unfinished,
    first: read,
    second: (storage) => asDone(create(storage, 2)),
    allowed: { first: [2, 'not-found'], second: [done], left: [2] },
  },
];

/** The result, or the kind of the error; any other error fails the test. */
function resultOf(settled: PromiseSettledResult<unknown>): unknown {
  if (settled.status === 'fulfilled') return settled.value;
  if ('kind' in settled.reason) return settled.reason.kind;
  throw settled.reason;
}

let runs = 0;

/** Calls of the first, the second, the first, then the rest of both. Returns how many they were. */
async function run(
  scenario: Scenario,
  order: readonly [number, number, number],
): Promise<number[]> {
  runs += 1;
  const place = path.join(directory, String(runs));
  await mkdir(place);
  const storage = new Storage('files', 'local', openLocal(place));
  await scenario.prepare(storage, place);
  const first = start(() => scenario.first(storage));
  const second = start(() => scenario.second(storage));
  await first.advance(order[0]);
  await second.advance(order[1]);
  await first.advance(order[2]);
  await second.advance(Number.POSITIVE_INFINITY);
  await first.advance(Number.POSITIVE_INFINITY);
  const outcomes = await Promise.all([first.outcome, second.outcome]);
  const [one, other] = outcomes.map(resultOf);
  const left = (await storage.find(id)) === null ? null : await read(storage);
  const { allowed, winners } = scenario;
  expect(allowed.first).toContain(one);
  expect(allowed.second).toContain(other);
  expect(allowed.left).toContain(left);
  if (winners !== undefined) expect([one, other].filter((it) => it === done)).toHaveLength(winners);
  await storage.backend.close();
  const names = (await readdir(place, { recursive: true })).filter(
    (name) => path.basename(name) !== '.depot-lock',
  );
  const whole = [id, path.join(id, 'file'), path.join(id, 'metadata.json')];
  expect(names.sort()).toEqual(left === null ? [] : whole);
  expect(openFiles(place)).toEqual([]);
  await rm(place, { recursive: true });
  return [first.count(), second.count()];
}

/** Every way to put the calls of the second, in at most two parts, between those of the first. */
function* orders(
  first: number,
  second: number,
  onePart: boolean,
): Generator<[number, number, number]> {
  for (let begin = 0; begin <= first; begin += 1) {
    yield [begin, second, 0];
    if (onePart) continue;
    for (let between = 1; between < second; between += 1) {
      for (let more = 1; more <= first - begin; more += 1) yield [begin, between, more];
    }
  }
}

test.concurrent.each(scenarios)(
  '$name never mix, in whatever order their calls come',
  async (scenario) => {
    const endless = Number.POSITIVE_INFINITY;
    const [first = 0, second = 0] = await run(scenario, [endless, endless, 0]);
    for (const order of orders(first, second, scenario.onePart === true)) {
      await run(scenario, order).catch((error: unknown) => {
        throw new Error(`in the order ${order.join(', ')}`, { cause: error });
      });
    }
  },
);
