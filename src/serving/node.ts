import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import type { Manager } from '../manager.js';
import { notServed, type RequestHeaders } from './message.js';
import { createResponder, type Responder, type ServingOptions } from './respond.js';

/** A handler of `node:http`, which Express and all of its kind take too. */
export type NodeHandler = (
  request: IncomingMessage,
  response: ServerResponse,
  next?: () => void,
) => Promise<void>;

/**
 * Serves the storages of a manager below their mount point. What is not for them goes to `next`;
 * without it, the answer is 404, or 405 to another method than GET and HEAD. Never rejects.
 *
 * @throws DepotError `config` for a mount point that is no path
 */
export function createNodeHandler(manager: Manager, options: ServingOptions = {}): NodeHandler {
  return nodeHandlerOf(createResponder(manager, options));
}

/** Passes requests of `node:http` to a responder. */
export function nodeHandlerOf(respond: Responder): NodeHandler {
  return async (request, response, next) => {
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const { method = '', url = '' } = request;
    const headers = joined(request.headers);
    const asked = { method, target: url, headers, signal: gone.signal };
    const answer = await respond(asked);
    if (answer === null && next !== undefined) return next();
    const { status, headers: given, body } = answer ?? notServed(asked);
    try {
      response.writeHead(status, given);
      // It waits for a slow client, and ends when the client has gone.
      if (body === null) response.end();
      else await pipeline(body, response);
    } catch {
      // Nobody is left to be told: the responder has told of what is not the client's doing.
      response.destroy();
    } finally {
      await body?.close();
    }
  };
}

function joined(headers: IncomingHttpHeaders): RequestHeaders {
  const entries = Object.entries(headers);
  return Object.fromEntries(entries.map(([name, value]) => [name, value && String(value)]));
}
