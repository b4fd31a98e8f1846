import type { Backend, BlobSource } from '../backend.js';
import { DepotError, type ErrorKind, exitCodes, messageOf } from '../errors.js';

/** The backends behind the guarded ones, for modules that copy between two storages of theirs. */
const originals = new WeakMap<Backend, Backend>();

/**
 * A module's backend whose errors are ours: those of another copy of this package become those of
 * this one, anything else that is thrown names the storage. What a source throws stays as it is.
 */
export function guarded(backend: Backend, name: string): Backend {
  const { mine, now, call, each } = callsOf(`storage ${name}`);
  const { readOnly, deniesVisitors } = backend;
  const guard: Backend = {
    holdsWholeBlobs: backend.holdsWholeBlobs,
    ephemeral: backend.ephemeral,
    ...(readOnly === undefined ? {} : { readOnly: mine(readOnly) }),
    ...(deniesVisitors === undefined ? {} : { deniesVisitors }),
    place: () => call(() => backend.place()),
    ping: () => call(() => backend.ping()),
    provision: () => call(() => backend.provision()),
    acceptsId: (id) => now(() => backend.acceptsId(id)),
    newId: () => now(() => backend.newId()),
    idFor: (id) => now(() => backend.idFor(id)),
    publicUrl: (id) => now(() => backend.publicUrl(id)),
    ...signing(backend, call),
    info: (id) => call(() => backend.info(id)),
    read: (id, range) =>
      call(async () => {
        const content = await backend.read(id, range);
        const { info, chunks } = content;
        return { info, chunks: each(chunks), close: () => call(() => content.close()) };
      }),
    create: (id, source, metadata) =>
      withSource(source, (own) => call(() => backend.create(id, own, metadata))),
    replace: (id, source, metadata) =>
      withSource(source, (own) => call(() => backend.replace(id, own, metadata))),
    ...(backend.copyFrom === undefined ? {} : { copyFrom: copying(backend, call) }),
    ...manyAtOnce(backend, call),
    delete: (id) => call(() => backend.delete(id)),
    list: () => each(now(() => backend.list())),
    close: () => call(() => backend.close()),
  };
  originals.set(guard, backend);
  return guard;
}

type ManyAtOnce = 'infos' | 'readMany' | 'createMany' | 'page';

type Call = <T>(action: () => T | Promise<T>) => Promise<T>;

/** Ways to call a module's methods: what they throw is said of `what`. */
function callsOf(what: string): {
  mine(error: unknown): DepotError;
  now<T>(action: () => T): T;
  call: Call;
  each<T>(items: AsyncIterable<T>): AsyncGenerator<T>;
} {
  const mine = (error: unknown): DepotError => ownError(error, what);
  return {
    mine,
    now(action) {
      try {
        return action();
      } catch (error) {
        throw mine(error);
      }
    },
    async call(action) {
      try {
        return await action();
      } catch (error) {
        throw mine(error);
      }
    },
    async *each(items) {
      try {
        yield* items;
      } catch (error) {
        throw mine(error);
      }
    },
  };
}

function signing(backend: Backend, call: Call): Pick<Backend, 'signedUrl'> {
  const { signedUrl } = backend;
  if (signedUrl === undefined) return {};
  return { signedUrl: (id, headers) => call(() => signedUrl.call(backend, id, headers)) };
}

function copying(backend: Backend, call: Call): NonNullable<Backend['copyFrom']> {
  return (source, sourceId, id) =>
    call(async () => {
      const original = originals.get(source) ?? source;
      return (await backend.copyFrom?.(original, sourceId, id)) ?? null;
    });
}

/** The methods for several blobs at once that the module has. */
function manyAtOnce(backend: Backend, call: Call): Pick<Backend, ManyAtOnce> {
  const { infos, readMany, createMany, page } = backend;
  return {
    ...(page && { page: (after, count) => call(() => page.call(backend, after, count)) }),
    ...(infos && { infos: (ids) => call(() => infos.call(backend, ids)) }),
    ...(readMany && { readMany: (ids) => call(() => readMany.call(backend, ids)) }),
    ...(createMany && { createMany: (blobs) => call(() => createMany.call(backend, blobs)) }),
  };
}

/** Lets an action read the source; an error of the source is the action's, whatever it made of it. */
async function withSource<T>(
  source: BlobSource,
  action: (source: BlobSource) => Promise<T>,
): Promise<T> {
  const broken: unknown[] = [];
  async function* chunks(): AsyncGenerator<Uint8Array> {
    try {
      yield* source.chunks;
    } catch (error) {
      broken.push(error);
      throw error;
    }
  }
  const [outcome] = await Promise.allSettled([action({ ...source, chunks: chunks() })]);
  if (broken.length > 0) throw broken[0];
  if (outcome.status === 'rejected') throw outcome.reason;
  return outcome.value;
}

/** What was thrown, as an error of this copy of the package; `what` is said of those of no copy. */
export function ownError(
  error: unknown,
  what: string,
  otherwise: ErrorKind = 'failed',
): DepotError {
  if (error instanceof DepotError) return error;
  const own = isForeign(error)
    ? new DepotError(error.kind, error.message, { ...hintOf(error), cause: error })
    : new DepotError(otherwise, `${what}: ${messageOf(error)}`, { cause: error });
  // The module's own trace is what its author looks for.
  if (error instanceof Error && error.stack !== undefined) own.stack = error.stack;
  return own;
}

/** A DepotError of another copy of this package. */
function isForeign(error: unknown): error is Error & { kind: ErrorKind; hint?: unknown } {
  if (!(error instanceof Error) || error.name !== 'DepotError') return false;
  return 'kind' in error && Object.hasOwn(exitCodes, String(error.kind));
}

function hintOf({ hint }: { hint?: unknown }): { hint?: string } {
  return typeof hint === 'string' ? { hint } : {};
}
