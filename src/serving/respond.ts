import type { BlobContent, BlobInfo, ByteRange } from '../backend.js';
import { DepotError, isNotFound } from '../errors.js';
import type { Manager } from '../manager.js';
import type { Storage } from '../storage.js';
import { cachingHeaders, contentHeaders, type HeaderOptions, safeUrl } from './blob-headers.js';
import { parseRange } from './byte-range.js';
import {
  plainResponse,
  type ResponseBody,
  type ServingRequest,
  type ServingResponse,
} from './message.js';
import { mountParts, parseTarget } from './target.js';
import { failedCondition, rangeApplies, validatorsOf } from './validators.js';

export interface ServingOptions extends HeaderOptions {
  /** Below which path; default the configuration's, else `/depot`. */
  readonly mountpoint?: string | undefined;
  /** Told what the client is only told as `500` or `503`; default: written to standard error. */
  readonly onError?: ((error: unknown) => void) | undefined;
}

/** Gives the response to a request, or null to one that is not for the storages. */
export type Responder = (request: ServingRequest) => Promise<ServingResponse | null>;

/** How often a blob is looked up again that is replaced while it is opened. */
const attempts = 5;

/**
 * Serves the storages of a manager: GET and HEAD of `<mountpoint>/<storage>/<id>`. The response is
 * the same whatever server it is given to.
 *
 * @throws DepotError `config` for a mount point that is no path
 */
export function createResponder(manager: Manager, options: ServingOptions = {}): Responder {
  const { configuration } = manager;
  const { mountpoint = configuration.mountpoint, onError = console.error } = options;
  const mount = mountParts(mountpoint);
  return async (request) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') return null;
    const names = [
      ...configuration.storages.map(({ name }) => name),
      ...configuration.aliases.keys(),
    ];
    const target = parseTarget(request.target, mount, names);
    if (target === 'outside') return null;
    if (target === null) return plainResponse(404, request);
    try {
      const storage = await manager.storage(target.storage);
      return await respond(storage, target.id, request, { ...options, ...target, onError });
    } catch (error) {
      if (isNotFound(error)) return plainResponse(404, request);
      onError(error);
      const unreachable = error instanceof DepotError && error.kind === 'unreachable';
      return plainResponse(unreachable ? 503 : 500, request);
    }
  };
}

interface BlobOptions extends HeaderOptions {
  readonly download: boolean;
  readonly onError: (error: unknown) => void;
}

async function respond(
  storage: Storage,
  id: string,
  request: ServingRequest,
  options: BlobOptions,
): Promise<ServingResponse> {
  if (!storage.backend.acceptsId(id)) return plainResponse(404, request);
  const publicUrl = storage.publicUrl(id);
  if (isUnconditional(request) && publicUrl === null && !storage.signsUrls) {
    return respondWhole(storage, id, request, options);
  }
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    const info = await storage.find(id);
    if (info === null) return plainResponse(404, request);
    if (publicUrl !== null) return plainResponse(301, request, { Location: safeUrl(publicUrl) });
    const elsewhere = await signedRedirect(storage, info, request, options);
    if (elsewhere !== null) return elsewhere;
    const { range, ...response } = responseHead(info, request, options);
    if (response.body !== undefined) return { ...response, body: response.body };
    const content = await storage.readUnhashed(id, {
      ...(range === undefined ? {} : { range }),
      ...(request.signal === undefined ? {} : { signal: request.signal }),
    });
    if (content.info.version === info.version) {
      return { ...response, body: bodyOf(content, request, options) };
    }
    // The headers are those of the blob that was replaced by it.
    await content.close();
  }
  throw new DepotError('failed', `cannot serve ${storage.path(id)}: it is replaced all the time`);
}

/** A request for all of a blob, whatever state it is in. */
function isUnconditional({ method, headers }: ServingRequest): boolean {
  const asksForMore = Object.keys(headers).some(
    (name) => name === 'range' || name.startsWith('if-'),
  );
  return method === 'GET' && !asksForMore;
}

/** The blob is looked up and opened in one. */
async function respondWhole(
  storage: Storage,
  id: string,
  request: ServingRequest,
  options: BlobOptions,
): Promise<ServingResponse> {
  const { signal } = request;
  const content = await storage.readUnhashed(id, signal === undefined ? {} : { signal });
  const head = responseHead(content.info, request, options);
  return { ...head, body: bodyOf(content, request, options) };
}

/**
 * Sends who may read the blob here to where the storage itself gives it, where it is to. A HEAD is
 * answered here: the URL is signed for a GET alone.
 */
async function signedRedirect(
  storage: Storage,
  info: BlobInfo,
  request: ServingRequest,
  options: BlobOptions,
): Promise<ServingResponse | null> {
  if (request.method !== 'GET') return null;
  const headers = contentHeaders(info, options);
  const url = await storage.signedUrl(info.id, {
    contentType: headers['Content-Type'],
    contentDisposition: headers['Content-Disposition'],
  });
  if (url === null) return null;
  // Nobody may keep it: it is for this visitor, and soon leads nowhere.
  const caching = { 'Cache-Control': 'private, no-store', 'Referrer-Policy': 'no-referrer' };
  return plainResponse(302, request, { Location: safeUrl(url), ...caching });
}

/** Tells of what goes wrong on the way, unless it is that the client has gone. */
function bodyOf(
  content: BlobContent,
  { signal }: ServingRequest,
  { onError }: BlobOptions,
): ResponseBody {
  return {
    async *[Symbol.asyncIterator]() {
      try {
        yield* content.chunks;
      } catch (error) {
        if (signal?.aborted !== true) onError(error);
        throw error;
      }
    },
    close: () => content.close().catch(onError),
  };
}

/** A response but for the blob's bytes, where there is no `body` yet: those of `range`, or all. */
interface ResponseHead extends Omit<ServingResponse, 'body'> {
  readonly body?: ServingResponse['body'];
  readonly range?: ByteRange;
}

function responseHead(info: BlobInfo, request: ServingRequest, options: BlobOptions): ResponseHead {
  const now = new Date();
  const validators = validatorsOf(info, now);
  const caching = cachingHeaders(validators, options, now);
  const failed = failedCondition(request.headers, validators, now);
  if (failed === 304) return { status: 304, headers: caching, body: null };
  if (failed === 412) return plainResponse(412, request);
  const headers = { ...caching, ...contentHeaders(info, options) };
  const length = info.contentLength;
  const whole = { status: 200, headers: { ...headers, 'Content-Length': String(length) } };
  if (request.method === 'HEAD') return { ...whole, body: null };
  const applies = rangeApplies(request.headers['if-range'], validators, now);
  const range = applies ? parseRange(request.headers.range ?? '', length) : 'whole';
  if (range === 'whole') return whole;
  if (range === 'unsatisfiable') {
    return plainResponse(416, request, { 'Content-Range': `bytes */${length}` });
  }
  const { start, end } = range;
  const part = {
    'Content-Length': String(end - start + 1),
    'Content-Range': `bytes ${start}-${end}/${length}`,
  };
  return { status: 206, headers: { ...headers, ...part }, range };
}
