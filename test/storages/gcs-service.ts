import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** The URL of a service that answers as a test wants, closed at the test's end. */
export async function serviceAt(handler: Handler): Promise<string> {
  const server = createServer(handler);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

export function answer(response: ServerResponse, status: number, body: unknown = {}): void {
  response.writeHead(status, { 'Content-Type': 'application/json' });
  response.end(JSON.stringify(body));
}

/** As the service words an error. */
export function refusal(status: number, reason: string, message: string): object {
  return { error: { code: status, message, errors: [{ domain: 'global', reason, message }] } };
}
