import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DepotError } from '../errors.js';
import type { NetworkOptions } from '../network.js';
import type { Access, HttpResponse } from './gcs-access.js';
import { isCut, isTransient, readRefusal, refusalError, transportError } from './gcs-errors.js';
import { type IdleGuard, idleGuard } from './idle.js';
import { pauseAfter, retries } from './retries.js';

/** Bytes of a body that are handed over at once: whenever the server has taken some, it lives. */
const pieceSize = 64 * 1024;

export interface GcsRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** A path below the endpoint, or a URL that the service gave. */
  readonly url: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** One body in parts, which must stay as they are until there is an answer. */
  readonly body?: readonly Uint8Array[];
  /** What fails with it, such as `list`. */
  readonly action: string;
  /** Statuses that the caller knows what to do with, beside success. */
  readonly accept?: readonly number[];
  /** Whether it must not be sent again once the server may have all of it. */
  readonly onlyOnce?: boolean;
}

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** It was sent more than once: an earlier one may have been carried out. */
  readonly repeated: boolean;
}

export interface GcsAnswer extends Answer {
  readonly body: string;
}

export interface GcsStream extends Answer {
  /** Ends early or fails where the connection does; not asked for again. */
  readonly chunks: AsyncIterable<Uint8Array>;
  close(): void;
}

export interface GcsClient {
  readonly access: Access;
  /** For messages, such as `the bucket files at https://…`. */
  readonly bucket: string;
  request(request: GcsRequest): Promise<GcsAnswer>;
  open(request: GcsRequest): Promise<GcsStream>;
  /** Waits before something is tried again for the `failures`-th time; in the end throws `error`. */
  pause(failures: number, error: DepotError): Promise<void>;
}

/** Whether the transport has the whole body, and the server maybe too. */
interface Progress {
  handedOver: boolean;
}

function mayRepeat({ onlyOnce = false }: GcsRequest, { handedOver }: Progress): boolean {
  return !(onlyOnce && handedOver);
}

/** What one try came to: a result, or an error that the next one may not meet. */
type Try<T> = { readonly result: T } | { readonly passing: DepotError };

/**
 * The service's JSON API, with the SDK's credentials and transport. The SDK's methods for objects
 * are not used: their streams know no timeout, a download that is cut is not resumed, an upload
 * that is broken off leaves its session, one that arrives damaged is noticed only when it has
 * replaced the old content, and nobody is told of retries.
 */
export function openClient(access: Access, bucket: string, network: NetworkOptions): GcsClient {
  const pause = async (failures: number, error: DepotError): Promise<void> => {
    if (failures > retries) throw error;
    await sleep(pauseAfter(failures));
    network.retried();
  };

  const persistently = async <T>(once: (repeated: boolean) => Promise<Try<T>>): Promise<T> => {
    for (let failures = 0; ; ) {
      const tried = await once(failures > 0);
      if ('result' in tried) return tried.result;
      failures += 1;
      await pause(failures, tried.passing);
    }
  };

  const openOnce = async (request: GcsRequest, repeated: boolean): Promise<Try<GcsStream>> => {
    const what = `cannot ${request.action} ${bucket}`;
    const progress = { handedOver: false };
    try {
      const sent = await send(access, request, network.idleTimeout, progress);
      const stream = { ...sent, repeated };
      const { status } = stream;
      if (status < 300 || request.accept?.includes(status) === true) return { result: stream };
      const refusal = readRefusal(status, await textOf(stream));
      const error = refusalError(refusal, what, access.anonymous);
      if (isTransient(refusal) && mayRepeat(request, progress)) return { passing: error };
      throw error;
    } catch (error) {
      if (mayRepeat(request, progress)) return passing(error, what);
      throw transportError(error, what);
    }
  };

  return {
    access,
    bucket,
    pause,
    open: (request) => persistently((repeated) => openOnce(request, repeated)),
    request: (request) =>
      persistently(async (repeated) => {
        const opened = await openOnce(request, repeated);
        if ('passing' in opened) return opened;
        const { status, headers } = opened.result;
        try {
          return { result: { status, headers, repeated, body: await textOf(opened.result) } };
        } catch (error) {
          return passing(error, `cannot ${request.action} ${bucket}`);
        }
      }),
  };
}

/** A connection that was cut is worth another try; all else is thrown, as it would meet the same. */
function passing(error: unknown, what: string): { passing: DepotError } {
  const clear = transportError(error, what);
  if (isCut(error)) return { passing: clear };
  throw clear;
}

async function send(
  access: Access,
  request: GcsRequest,
  idleTimeout: number,
  progress: Progress,
): Promise<Omit<GcsStream, 'repeated'>> {
  const url = new URL(request.url, access.endpoint);
  for (const [name, value] of Object.entries(request.query ?? {})) {
    url.searchParams.set(name, value);
  }
  const parts = request.body ?? [];
  const length = parts.reduce((sum, { byteLength }) => sum + byteLength, 0);
  const headers = new Headers(await access.signIn(url));
  if (request.method !== 'GET') headers.set('Content-Length', String(length));
  for (const [name, value] of Object.entries(request.headers ?? {})) headers.set(name, value);
  const guard = idleGuard(idleTimeout);
  const body = length === 0 ? null : Readable.from(pieces(parts, guard, progress));
  const { method } = request;
  const response = await access
    .send({ method, url, headers, body, signal: guard.signal })
    .catch((error: unknown) => {
      throw reasonOf(error, guard);
    });
  return { status: response.status, headers: response.headers, ...bodyOf(response, guard) };
}

function* pieces(
  parts: readonly Uint8Array[],
  guard: IdleGuard,
  progress: Progress,
): Generator<Uint8Array> {
  for (const part of parts) {
    for (let start = 0; start < part.byteLength; start += pieceSize) {
      guard.moved();
      progress.handedOver = part === parts.at(-1) && start + pieceSize >= part.byteLength;
      yield part.subarray(start, start + pieceSize);
    }
  }
}

function bodyOf(
  { data }: HttpResponse,
  guard: IdleGuard,
): { chunks: AsyncIterable<Uint8Array>; close(): void } {
  guard.rest();
  if (data === '') return { chunks: nothing(), close() {} };
  // Nobody may be listening yet, or any more, when the connection breaks.
  data.on('error', () => {});
  return { chunks: heard(data, guard), close: () => data.destroy() };
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

async function* heard(data: Readable, guard: IdleGuard): AsyncGenerator<Uint8Array> {
  try {
    guard.moved();
    for await (const chunk of data) {
      guard.rest();
      yield chunk;
      guard.moved();
    }
  } catch (error) {
    throw reasonOf(error, guard);
  } finally {
    guard.rest();
    data.destroy();
  }
}

/** Why it was aborted says more than that it was. */
function reasonOf(error: unknown, { signal }: IdleGuard): unknown {
  return signal.aborted ? signal.reason : error;
}

async function textOf({ chunks }: { chunks: AsyncIterable<Uint8Array> }): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return Buffer.concat(parts).toString();
}
