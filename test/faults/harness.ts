import { inspect } from 'node:util';
import { afterAll, beforeAll, expect, onTestFinished } from 'vitest';
import { DepotError, type ErrorKind } from '../../src/errors.js';
import type { Storage } from '../../src/storage.js';
import { chunksOf, collected, listed } from '../conformance/harness.js';
import type { Configured, ConfiguredKind } from '../servers/configured.js';
import { openConfigured } from '../servers/open-configured.js';
import type { Fault, HttpAnswer } from './fault.js';
import { type FaultyProxy, startProxy } from './proxy.js';

/** What differs between the kinds of storages when something goes wrong. */
export interface FaultHarness {
  /** Bytes of a blob that is sent in several parts. */
  readonly manyParts: number;
  /** What the service answers over HTTP when it cannot answer now; absent where it is not HTTP. */
  readonly busy?: readonly HttpAnswer[];
  /**
   * True for an emulator that takes the parts of an upload as they come: it compares them with no
   * checksum, and keeps one twice that comes again. Then it is enough that the damage is told.
   */
  readonly trustsParts?: boolean;
}

/** An empty storage behind a proxy. */
export interface Faulty {
  readonly harness: FaultHarness;
  readonly proxy: FaultyProxy;
  /** Past the proxy. */
  readonly direct: Storage;
  /**
   * Opens it once more through the proxy, with no connection yet, until the test ends. Only where
   * something stalls it must be `impatient`; elsewhere a slow server is no fault.
   */
  connect(idleTimeout?: number): Promise<Connected>;
}

export interface Connected {
  readonly storage: Storage;
  /** How often it has said that it sent a request once more. */
  retries(): number;
}

/** Milliseconds without a sign of the server that are too many. */
const patient = 60_000;
export const impatient = 1500;

/** One storage for the tests of a suite. */
export function faultyStorage(
  { configure }: ConfiguredKind,
  harness: FaultHarness,
  url: string,
): () => Faulty {
  let faulty: Faulty;
  let remove: () => Promise<void>;
  beforeAll(async () => {
    const server = new URL(url);
    const proxy = await startProxy(server.host);
    const place = await configure(url);
    const direct = await openConfigured('files', place, { retried() {}, idleTimeout: patient });
    await direct.backend.provision();
    const behind = (text: string): string => text.replaceAll(server.host, proxy.address);
    faulty = {
      harness,
      proxy,
      direct,
      async connect(idleTimeout = patient) {
        let retries = 0;
        const retried = (): void => {
          retries += 1;
        };
        const storage = await openConfigured('files', moved(place, behind), {
          retried,
          idleTimeout,
        });
        onTestFinished(async () => {
          await proxy.heal();
          await storage.backend.close();
        });
        return { storage, retries: () => retries };
      },
    };
    remove = async () => {
      await direct.backend.close();
      await proxy.close();
      await place.remove();
    };
  });
  afterAll(() => remove());
  return () => faulty;
}

/** The same place, with each of its options changed. */
export function moved(place: Configured, change: (text: string) => string): Configured {
  const all = (options: Readonly<Record<string, string>>): Record<string, string> =>
    Object.fromEntries(Object.entries(options).map(([name, text]) => [name, change(text)]));
  const { options, own, sqlalchemyUrl, remove } = place;
  const url = sqlalchemyUrl === undefined ? {} : { sqlalchemyUrl: change(sqlalchemyUrl) };
  return { options: all(options), own: all(own), ...url, remove };
}

/** What came of something: its result, or its error. */
export type Outcome<T> = { readonly result: T } | { readonly error: unknown };

export async function outcomeOf<T>(promise: Promise<T>): Promise<Outcome<T>> {
  return promise.then(
    (result) => ({ result }),
    (error: unknown) => ({ error }),
  );
}

/** Runs it while `fault` is set, and tells how often that happened. */
export async function duringFault<T>(
  proxy: FaultyProxy,
  fault: Fault,
  action: () => Promise<T>,
): Promise<{ result: T; happened: number }> {
  const set = proxy.set(fault);
  const result = await action();
  const { happened } = set;
  await proxy.heal();
  return { result, happened };
}

/** An error of one of these kinds, on one line that says where and holds no secret. */
export function expectClear(error: unknown, proxy: FaultyProxy, kinds: readonly ErrorKind[]): void {
  expect(error).toBeInstanceOf(DepotError);
  const { kind, message, hint = '' } = error as DepotError;
  expect({ kind, message, known: kinds.includes(kind) }).toEqual({ kind, message, known: true });
  expect(message).toContain(proxy.address);
  expect(`${message}${hint}`).not.toMatch(/[\p{Cc}]/u);
  expect(message.length).toBeLessThan(300);
  expect(inspect(error, { depth: 20 })).not.toMatch(/secret-of-\w/);
}

/** The kinds of an error that the network is to blame for. */
export const networkKinds = ['unreachable', 'failed'] as const;

/** The same object goes on working: nothing that broke is left in it. */
export async function expectRecovered({ storage }: Connected, { proxy }: Faulty): Promise<void> {
  await proxy.heal();
  const { id } = await storage.create(chunksOf('as before'), { filename: 'later.txt' });
  expect((await storage.info(id)).filename).toBe('later.txt');
  expect((await collected((await storage.read(id)).chunks)).toString()).toBe('as before');
  expect(await listed(storage)).toContain(id);
  await storage.delete(id);
}

/** Bytes after which something goes wrong, spread over so many that pass when nothing does. */
export function pointsIn(total: number): number[] {
  const points = [0, 1, 200, 1000, total >> 2, total >> 1, total - 1000, total - 1];
  const inside = points.filter((point) => point >= 0 && point < total);
  return [...new Set(inside)].sort((one, other) => one - other);
}
