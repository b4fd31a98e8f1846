import { describe, expect, test } from 'vitest';
import type { Storage } from '../../src/storage.js';
import { chunksOf, pattern } from '../conformance/harness.js';
import type { Fault } from './fault.js';
import {
  type Connected,
  duringFault,
  expectClear,
  expectRecovered,
  type Faulty,
  impatient,
  networkKinds,
  pointsIn,
} from './harness.js';

const range = { start: 1000, end: 1_099_999 };
const always = Number.POSITIVE_INFINITY;
/** Bytes of a blob that no service gives in one piece. */
const severalAnswers = 5_000_000;

interface Reading {
  readonly faulty: Faulty;
  readonly connected: Connected;
  readonly id: string;
  readonly content: Buffer;
}

/** What a read gives before it ends or fails; it is closed in either case. */
async function readSome(
  storage: Storage,
  id: string,
  options: Parameters<Storage['read']>[1] = {},
): Promise<{ bytes: Buffer; error: unknown }> {
  const parts: Uint8Array[] = [];
  let error: unknown = null;
  try {
    const { chunks, close } = await storage.read(id, options);
    try {
      for await (const chunk of chunks) parts.push(Uint8Array.from(chunk));
    } finally {
      await close();
    }
  } catch (thrown) {
    error = thrown;
  }
  return { bytes: Buffer.concat(parts), error };
}

/** All of the blob, and of a part of it, or an error after bytes that are right as far as they go. */
async function readWith({ faulty, connected, id, content }: Reading, fault: Fault): Promise<void> {
  const { proxy } = faulty;
  const part = content.subarray(range.start, range.end + 1);
  for (const [expected, options] of [
    [content, {}],
    [part, { range }],
  ] as const) {
    const { happened, result } = await duringFault(proxy, fault, () =>
      readSome(connected.storage, id, options),
    );
    const { bytes, error } = result;
    const { does, times = 1 } = fault;
    if (faulty.harness.busy !== undefined && does === 'cut' && times === 1)
      expect(error).toBeNull();
    if (error !== null) expectClear(error, proxy, networkKinds);
    else expect(bytes.byteLength).toBe(expected.byteLength);
    expect(bytes.equals(expected.subarray(0, bytes.byteLength))).toBe(true);
    if (expected === content) expect(happened).toBeGreaterThan(0);
  }
}

/** A read gives the right bytes to their end, or fails: never less, never others. */
export function reading(lengths: readonly number[], faultyStorage: () => Faulty): void {
  const begin = async (
    length: number,
    idleTimeout?: number,
  ): Promise<Reading & { total: number }> => {
    const faulty = faultyStorage();
    const content = pattern(length);
    const { id } = await faulty.direct.create(chunksOf(content));
    const connected = await faulty.connect(idleTimeout);
    const { storage } = connected;
    await readSome(storage, id);
    const { bytes } = await faulty.proxy.traffic(() => readSome(storage, id));
    return { faulty, connected, id, content, total: bytes.server };
  };
  const end = async ({ faulty, connected, id }: Reading): Promise<void> => {
    await expectRecovered(connected, faulty);
    await faulty.direct.delete(id);
  };

  describe.each(lengths)('reading %i bytes', (length) => {
    test('of which some pass until the connection is cut', async () => {
      const reading = await begin(length);
      for (const after of pointsIn(reading.total)) {
        await readWith(reading, { from: 'server', after, does: 'cut' });
      }
      await end(reading);
    });

    test('where each connection is cut', async () => {
      const reading = await begin(length);
      for (const after of [0, reading.total >> 1]) {
        await readWith(reading, { from: 'server', after, does: 'cut', times: always });
      }
      await end(reading);
    });

    test('that stall', async () => {
      const reading = await begin(length, impatient);
      for (const after of [0, reading.total >> 1, reading.total - 1]) {
        await readWith(reading, { from: 'server', after, does: 'stall' });
      }
      await end(reading);
    });
  });

  test('a read that stalls can be closed', async () => {
    const reading = await begin(severalAnswers);
    const { faulty, connected, id, total } = reading;
    const fault = faulty.proxy.set({ from: 'server', after: total - 1000, does: 'stall' });
    const { chunks, close } = await connected.storage.read(id);
    const iterator = chunks[Symbol.asyncIterator]();
    await iterator.next();
    await close();
    await iterator.return?.();
    expect(fault.happened).toBeLessThan(2);
    await end(reading);
  });
}
