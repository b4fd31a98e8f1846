import type { Manager } from '../manager.js';
import { notServed, type ResponseBody } from './message.js';
import { createResponder, type ServingOptions } from './respond.js';

/** A handler for servers that take and give what `fetch` does. */
export type FetchHandler = (request: Request) => Promise<Response>;

/**
 * Serves the storages of a manager below their mount point. To what is not for them the answer is
 * 404, or 405 to another method than GET and HEAD. Never rejects.
 *
 * @throws DepotError `config` for a mount point that is no path
 */
export function createFetchHandler(manager: Manager, options: ServingOptions = {}): FetchHandler {
  const respond = createResponder(manager, options);
  return async (request) => {
    const gone = new AbortController();
    const asked = {
      method: request.method,
      target: new URL(request.url).pathname,
      headers: Object.fromEntries(request.headers),
      signal: AbortSignal.any([request.signal, gone.signal]),
    };
    const { status, headers, body } = (await respond(asked)) ?? notServed(asked);
    return new Response(body && streamOf(body, gone), { status, headers });
  };
}

/** Read as it is asked for; one that is cancelled is closed, even where nothing was read of it. */
function streamOf(body: ResponseBody, gone: AbortController): ReadableStream<Uint8Array> {
  const iterator = body[Symbol.asyncIterator]();
  return new ReadableStream(
    {
      async pull(controller) {
        try {
          const { done, value } = await iterator.next();
          if (done !== true) return controller.enqueue(value);
        } catch (error) {
          await body.close();
          throw error;
        }
        controller.close();
        await body.close();
      },
      async cancel() {
        gone.abort();
        await iterator.return?.();
        await body.close();
      },
    },
    { highWaterMark: 0 },
  );
}
