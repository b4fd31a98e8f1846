import { expect } from 'vitest';
import { DepotError } from '../../src/errors.js';
import type { Storage } from '../../src/storage.js';
import { chunksOf, collected, listed, pattern } from '../conformance/harness.js';
import type { Act, Fault } from './fault.js';
import {
  type Connected,
  duringFault,
  expectClear,
  expectRecovered,
  type Faulty,
  networkKinds,
  type Outcome,
  outcomeOf,
} from './harness.js';

/** Something that is written, and where. */
export interface Attempt {
  readonly faulty: Faulty;
  readonly connected: Connected;
  readonly content: Buffer;
}

export interface Write {
  readonly name: string;
  /** What must be there before. */
  prepare(direct: Storage, id: string, content: Buffer): Promise<void>;
  run(storage: Storage, id: string, content: Buffer): Promise<unknown>;
  /** What must be there afterwards, as far as it depends on the outcome. */
  check(attempt: Attempt, id: string, outcome: Outcome<unknown>): Promise<void>;
}

/** Bytes of a blob whose length is not told before. */
export const unannounced = 1_200_000;

const names = { filename: 'new.txt', contentType: 'text/plain' };
const old = Buffer.from('old content');

export const create: Write = {
  name: 'create',
  async prepare() {},
  run: (storage, id, content) =>
    storage.create(chunksOf(content), { id, ...names, ...lengthOf(content) }),
  check: expectCreated,
};

export const replace: Write = {
  name: 'replace',
  async prepare(direct, id) {
    await direct.create(chunksOf(old), { id, filename: 'old.txt' });
  },
  run: (storage, id, content) =>
    storage.replace(id, chunksOf(content), { ...names, ...lengthOf(content) }),
  check: expectReplaced,
};

/** An attempt to write so many bytes, on connections that are there already. */
export async function attemptOf(
  length: number,
  faulty: Faulty,
  idleTimeout?: number,
): Promise<Attempt> {
  const connected = await faulty.connect(idleTimeout);
  await expectRecovered(connected, faulty);
  return { faulty, connected, content: pattern(length) };
}

/** Mostly known, as in a migration; some writes find it out. */
function lengthOf({ byteLength }: Buffer): { length?: number } {
  return byteLength === unannounced ? {} : { length: byteLength };
}

const damagedToo = [...networkKinds, 'damaged'] as const;

function isDamaged(error: unknown): boolean {
  return error instanceof DepotError && error.kind === 'damaged';
}

/** What the service does by itself, from one identifier to another. */
export const copy: Write = {
  name: 'copy',
  async prepare(direct, id, content) {
    await direct.create(chunksOf(content), { id: originalOf(direct, id), ...names });
  },
  async run(storage, id) {
    expect(await storage.copyFrom(storage, originalOf(storage, id), id)).not.toBeNull();
  },
  async check(attempt, id, outcome) {
    await expectCreated(attempt, id, outcome);
    const { direct } = attempt.faulty;
    await direct.delete(originalOf(direct, id));
  },
};

function originalOf(storage: Storage, id: string): string {
  return storage.idFor(`the original of ${id}`);
}

async function contentIn(storage: Storage, id: string): Promise<Buffer> {
  return collected((await storage.read(id)).chunks);
}

/**
 * Where an answer is lost, nobody can tell at once whether the blob is there. So both success and an
 * error of the network are right, in both cases with the blob there as a whole or not at all; wrong
 * is to say that it has been there before, or that nothing was stored where it was.
 */
async function expectCreated(
  { faulty: { direct, proxy, harness }, connected, content }: Attempt,
  id: string,
  outcome: Outcome<unknown>,
): Promise<void> {
  const found = await direct.find(id);
  expect((await listed(direct)).includes(id)).toBe(found !== null);
  if (found !== null) {
    expect(found).toMatchObject({ ...names, contentLength: content.byteLength });
    expect((await contentIn(direct, id)).equals(content)).toBe(true);
  }
  if ('result' in outcome) expect(found).not.toBeNull();
  else {
    const kinds = harness.trustsParts && found === null ? damagedToo : networkKinds;
    expectClear(outcome.error, proxy, kinds);
    const { message, hint } = outcome.error as DepotError;
    if (found !== null) expect(`${message} ${hint}`).not.toMatch(/nothing (was|is|has)/i);
  }
  const again = await outcomeOf(create.run(connected.storage, id, content));
  if (found === null) expect(again).toMatchObject({ result: { id } });
  else expect(again).toMatchObject({ error: { kind: 'refused' } });
}

async function expectReplaced(
  { faulty: { direct, proxy, harness }, connected, content }: Attempt,
  id: string,
  outcome: Outcome<unknown>,
): Promise<void> {
  const { filename, contentLength } = await direct.info(id);
  const isNew = filename === names.filename;
  if ('result' in outcome) expect(isNew).toBe(true);
  else expectClear(outcome.error, proxy, harness.trustsParts ? damagedToo : networkKinds);
  if ('result' in outcome || !isDamaged(outcome.error)) {
    const expected = isNew ? content : old;
    expect(contentLength).toBe(expected.byteLength);
    expect((await contentIn(direct, id)).equals(expected)).toBe(true);
  }
  await replace.run(connected.storage, id, content);
  expect((await contentIn(direct, id)).equals(content)).toBe(true);
}

/**
 * Writes while `fault` is set, and checks what that leaves; tells how often the fault happened. What
 * a service over HTTP has taken or not it tells when asked again: one cut must not fail there.
 */
export async function writeWith(
  write: Write,
  attempt: Attempt,
  fault: Fault,
): Promise<{ happened: number; failed: boolean }> {
  const { faulty, connected, content } = attempt;
  const { direct, proxy } = faulty;
  const id = direct.backend.newId();
  await write.prepare(direct, id, content);
  const { result, happened } = await duringFault(proxy, fault, () =>
    outcomeOf(write.run(connected.storage, id, content)),
  );
  const { busy, trustsParts, manyParts } = faulty.harness;
  const unsure = trustsParts === true && content.byteLength === manyParts;
  if (busy !== undefined && fault.does !== 'stall' && !unsure) {
    expect(result).not.toHaveProperty('error');
  }
  await write.check(attempt, id, result);
  await direct.delete(id);
  return { happened, failed: 'error' in result };
}

/**
 * Sets the fault at each answer in turn, until there are no more; tells how many of these writes
 * failed.
 */
export async function atEachAnswer(write: Write, attempt: Attempt, does: Act): Promise<number> {
  let failures = 0;
  for (let turns = 0; ; turns += 1) {
    const fault = { from: 'server', turns, does } as const;
    const { happened, failed } = await writeWith(write, attempt, fault);
    if (failed) failures += 1;
    if (happened > 0) continue;
    expect(turns).toBeGreaterThan(0);
    return failures;
  }
}
