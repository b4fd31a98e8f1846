import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { newProgram, programsOf } from '../docs/programs.js';

const programs = programsOf('docs/serving.md');

/** As much of the frameworks as passes a request of `node:http` on: none is a dependency. */
const standIns: Readonly<Record<string, string>> = {
  express: `import { createServer } from 'node:http';
    export default function express() {
      const handlers = [];
      const listen = (...where) => createServer((request, response) => {
        const [first] = handlers;
        first(request, response, () => response.writeHead(418).end());
      }).listen(...where);
      return { use: (handler) => handlers.push(handler), listen };
    }`,
  fastify: `import { createServer } from 'node:http';
    export default function Fastify() {
      let route;
      const get = (path, handler) => { route = handler; };
      const listen = async ({ port, host }) => createServer((raw, response) => {
        if (raw.url.startsWith('/depot/')) route({ raw }, { raw: response, hijack() {} });
        else response.writeHead(418).end();
      }).listen(port, host);
      return { get, listen };
    }`,
};

/** A site, with the package and the frameworks installed. */
function newPlace(program: string): string {
  const directory = newProgram(program);
  for (const [name, code] of Object.entries(standIns)) {
    mkdirSync(path.join(directory, 'node_modules', name));
    writeFileSync(path.join(directory, 'node_modules', name, 'index.mjs'), code);
    const manifest = { name, type: 'module', exports: './index.mjs' };
    writeFileSync(
      path.join(directory, 'node_modules', name, 'package.json'),
      JSON.stringify(manifest),
    );
  }
  return directory;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

const blob = '/depot/dbfiles/f89f72bc-e6ef-11f1-b551-02fc00000001';
const servers = programs.filter((program) => program.includes('8000'));

/** Until it listens. */
async function ask(url: string): Promise<Response> {
  for (;;) {
    const response = await fetch(url).catch(() => null);
    if (response !== null) return response;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

test.for(servers.map((program, index) => [index, program] as const))(
  'server %i of docs/serving.md serves',
  async ([, program]) => {
    const port = await freePort();
    const directory = newPlace(program.replaceAll('8000', String(port)));
    const child = spawn(process.execPath, ['program.mjs'], { cwd: directory, stdio: 'inherit' });
    const ended = once(child, 'exit');
    onTestFinished(async () => {
      child.kill();
      await ended;
    });
    const response = await ask(`http://127.0.0.1:${port}${blob}`);
    expect(response.headers.get('content-disposition')).toContain('cafe menu.txt');
    expect((await response.arrayBuffer()).byteLength).toBe(29);
    const other = await fetch(`http://127.0.0.1:${port}/other`);
    expect(other.status).toBe(program.includes('createServer') ? 404 : 418);
  },
);

test('the other programs print what they are to', async () => {
  const [program = '', ...more] = programs.filter((one) => !servers.includes(one));
  expect([servers.length, more]).toEqual([3, []]);
  const child = spawn(process.execPath, ['program.mjs'], { cwd: newPlace(program) });
  const printed: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => printed.push(chunk));
  const [code] = await once(child, 'close');
  expect({ code, printed: String(Buffer.concat(printed)) }).toEqual({
    code: 0,
    printed: expect.stringMatching(/^206 bytes 0-6\/29 .{5,7}\n?/s),
  });
});
