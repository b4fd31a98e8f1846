import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { DepotError } from '../../errors.js';
import { fileError } from '../../files.js';
import type { Manager } from '../../manager.js';
import { nodeHandlerOf } from '../../serving/node.js';
import { createResponder, type Responder } from '../../serving/respond.js';
import { parseText } from '../arguments.js';
import type { Context } from '../context.js';
import { guarded, isLoopback } from '../serve-access.js';
import { createPages } from '../serve-page.js';
import { keepReferences } from '../serve-references.js';

interface Options {
  readonly host: string;
  readonly port: number;
  readonly token?: string;
}

export function registerServe(program: Command, start: () => Context): void {
  program
    .command('serve')
    .description('serve the storages over HTTP, read only, with a page that lists them')
    .option('--host <address>', 'listen there; all but this machine need a token', '127.0.0.1')
    .option('--port <number>', 'listen there; 0 takes a free one', parsePort, 8080)
    .addOption(
      new Option('--token <token>', 'what visitors have to give, best by the variable')
        .env('DEPOT_SERVE_TOKEN')
        .argParser(parseText),
    )
    .action((options: Options) => serve(start(), options));
}

function parsePort(text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65_535) return port;
  throw new InvalidArgumentError('It must be a whole number from 0 to 65535.');
}

async function serve(context: Context, { host, port, token }: Options): Promise<void> {
  if (token === undefined && !isLoopback(host)) {
    throw new DepotError('usage', `cannot serve on ${host}: everybody could read all files`, {
      hint: 'Set DEPOT_SERVE_TOKEN to a token that visitors have to give, or leave out --host.',
    });
  }
  const { output, signal } = context;
  const onError = (error: unknown): void => output.error(error);
  const manager = await context.manager();
  const references = keepReferences(manager, signal, onError);
  const respond = responderOf(manager, createPages(manager, references), onError);
  const server = createServer(nodeHandlerOf(guarded(respond, token ?? null)));
  await listen(server, host, port);
  const url = urlOf(server.address() as AddressInfo);
  await output.data(url, { url });
  await untilStopped(server, signal);
  references.close();
}

function responderOf(
  manager: Manager,
  pageAt: Responder,
  onError: (error: unknown) => void,
): Responder {
  const options = { cacheMaxAge: 0, cacheScope: 'private', onError } as const;
  const respondWithBlob = createResponder(manager, options);
  return async (request) => (await pageAt(request)) ?? respondWithBlob(request);
}

async function listen(server: Server, host: string, port: number): Promise<void> {
  server.listen(port, host);
  await once(server, 'listening').catch((error: unknown) => {
    throw fileError(error, `cannot listen on ${host}, port ${port}`);
  });
}

function urlOf({ address, port, family }: AddressInfo): string {
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}/`;
}

/** When the signal comes it takes no more connections, and waits for what is in flight. */
async function untilStopped(server: Server, signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort');
  const closed = once(server, 'close');
  server.close();
  // Closing ends what is idle now, and not what gets idle later.
  const idle = setInterval(() => server.closeIdleConnections(), 100);
  await closed;
  clearInterval(idle);
}
