import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Runs a program in a directory until the test ends; it is told the port as `PORT`. */
export async function startServer(
  directory: string,
  program: string,
  port: number,
): Promise<(path: string, request?: RequestInit) => Promise<Response>> {
  const env = { ...process.env, PORT: String(port) };
  const child = spawn(process.execPath, [program], { cwd: directory, env, stdio: 'inherit' });
  const ended = once(child, 'exit');
  onTestFinished(async () => {
    child.kill();
    await ended;
  });
  const ask = (path: string, request?: RequestInit): Promise<Response> =>
    fetch(`http://127.0.0.1:${port}${path}`, request);
  while (child.exitCode === null) {
    if ((await ask('/').catch(() => null)) !== null) return ask;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${program} ended with ${child.exitCode}`);
}
