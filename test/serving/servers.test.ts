import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import {
  configurationOf,
  createFetchHandler,
  createNodeHandler,
  Manager,
  type NodeHandler,
  type ServingOptions,
} from '../../src/index.js';

function newManager(): Manager {
  const manager = new Manager(configurationOf({ storages: { files: { backend: 'memory' } } }));
  onTestFinished(() => manager.close());
  return manager;
}

async function serve(handler: NodeHandler): Promise<string> {
  const server = createServer(handler).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Serves a manager; gives what asks it. */
type Start = (manager: Manager, options?: ServingOptions) => Promise<typeof fetch>;

/** A manager that is served, and what it was told of. */
async function startTelling(
  start: Start,
): Promise<{ manager: Manager; told: unknown[]; ask: typeof fetch }> {
  const manager = newManager();
  const told: unknown[] = [];
  return { manager, told, ask: await start(manager, { onError: (error) => told.push(error) }) };
}

/** The same requests, answered by either adapter. */
const adapters: Readonly<Record<string, Start>> = {
  async 'node:http'(manager, options) {
    const origin = await serve(createNodeHandler(manager, options));
    return (path, init) => fetch(`${origin}${path}`, init);
  },
  async fetch(manager, options) {
    const handle = createFetchHandler(manager, options);
    return (path, init) => handle(new Request(`http://site.example${path}`, init));
  },
};

for (const [name, start] of Object.entries(adapters)) {
  test(`${name}: GET, HEAD, ranges, conditions and what is not there`, async () => {
    const manager = newManager();
    const ask = await start(manager);
    const { id } = await manager.store(Buffer.from('0123456789'), { filename: 'a.txt' });
    const path = `/depot/files/${id}`;
    const whole = await ask(path);
    expect(whole.status).toBe(200);
    expect(whole.headers.get('content-length')).toBe('10');
    expect(await whole.text()).toBe('0123456789');
    const head = await ask(path, { method: 'HEAD' });
    expect([head.status, head.headers.get('content-length'), await head.text()]).toEqual([
      ...[200, '10', ''],
    ]);
    const part = await ask(path, { headers: { Range: 'bytes=-3' } });
    expect([part.status, part.headers.get('content-range')]).toEqual([206, 'bytes 7-9/10']);
    expect(await part.text()).toBe('789');
    const etag = whole.headers.get('etag') as string;
    const same = await ask(path, { headers: { 'If-None-Match': etag } });
    expect([same.status, await same.text()]).toEqual([304, '']);
    expect((await ask('/depot/files/nothing')).status).toBe(404);
    expect((await ask('/elsewhere')).status).toBe(404);
    const post = await ask(path, { method: 'POST', body: 'x' });
    expect([post.status, post.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  });

  test(`${name}: HEAD and 304 read no blob, and an empty one is served`, async () => {
    const manager = newManager();
    const ask = await start(manager);
    const { id } = await manager.store(Buffer.alloc(0), { filename: 'empty' });
    const { backend } = await manager.storage();
    const read = backend.read;
    backend.read = () => Promise.reject(new Error('it was read'));
    const head = await ask(`/depot/files/${id}`, { method: 'HEAD' });
    expect([head.status, head.headers.get('content-length')]).toEqual([200, '0']);
    const headers = { 'If-None-Match': head.headers.get('etag') as string };
    expect((await ask(`/depot/files/${id}`, { headers })).status).toBe(304);
    backend.read = read;
    expect(await (await ask(`/depot/files/${id}`)).text()).toBe('');
  });

  test(`${name}: a GET without conditions looks at the blob once`, async () => {
    const manager = newManager();
    const ask = await start(manager);
    const { id } = await manager.store(Buffer.from('0123456789'));
    const { backend } = await manager.storage();
    backend.info = () => Promise.reject(new Error('it was looked at'));
    expect(await (await ask(`/depot/files/${id}`)).text()).toBe('0123456789');
    expect((await ask(`/depot/files/${backend.newId()}`)).status).toBe(404);
  });

  test(`${name}: a client that leaves closes the blob, also one that stalls`, async () => {
    const { manager, told, ask } = await startTelling(start);
    const { id } = await manager.store(Buffer.alloc(100_000), { filename: 'a.bin' });
    const { backend } = await manager.storage();
    const { info } = await backend.read(id);
    const closed = new Promise<void>((resolve) => {
      backend.read = async () => ({ info, chunks: stalling(), close: async () => resolve() });
    });
    const response = await ask(`/depot/files/${id}`);
    const reader = response.body?.getReader();
    expect((await reader?.read())?.value?.byteLength).toBe(1000);
    await reader?.cancel();
    await closed;
    expect(told).toEqual([]);
  });

  test(`${name}: what fails before it begins is a 500, and told`, async () => {
    const { manager, told, ask } = await startTelling(start);
    const { id } = await manager.store(Buffer.from('x'));
    const { backend } = await manager.storage();
    const failure = new Error('secret.example does not answer');
    backend.read = () => Promise.reject(failure);
    const response = await ask(`/depot/files/${id}`);
    expect([response.status, await response.text()]).toEqual([500, 'Internal server error.\n']);
    expect(told).toEqual([failure]);
  });

  test(`${name}: what fails on the way breaks off, and is told`, async () => {
    const { manager, told, ask } = await startTelling(start);
    const { id } = await manager.store(Buffer.alloc(100_000), { filename: 'a.bin' });
    const { backend } = await manager.storage();
    const { info } = await backend.read(id);
    const failure = new Error('the disk is gone');
    backend.read = async () => ({ info, chunks: failing(failure), close: async () => {} });
    const reading = ask(`/depot/files/${id}`).then((response) => response.arrayBuffer());
    await expect(reading).rejects.toThrow();
    expect(told).toEqual([failure]);
  });

  test(`${name}: a blob that is replaced while it is opened is served with its own headers`, async () => {
    const manager = newManager();
    const ask = await start(manager);
    const { id } = await manager.store(Buffer.from('old'), { filename: 'old.txt' });
    const storage = await manager.storage();
    const { info } = storage.backend;
    storage.backend.info = async (of) => {
      const old = await info(of);
      storage.backend.info = info;
      await storage.replace(id, new Blob(['newer']).stream(), { filename: 'new.txt' });
      return old;
    };
    // Looked at before it is opened, since a condition may be enough to answer.
    const response = await ask(`/depot/files/${id}`, { headers: { 'If-None-Match': '"other"' } });
    expect(response.headers.get('content-disposition')).toContain('new.txt');
    expect(response.headers.get('content-length')).toBe('5');
    expect(await response.text()).toBe('newer');
  });
}

/** A chunk, and then nothing for ever. */
async function* stalling(): AsyncGenerator<Uint8Array> {
  yield Buffer.alloc(1000);
  await new Promise(() => {});
}

async function* failing(failure: Error): AsyncGenerator<Uint8Array> {
  yield Buffer.alloc(1000);
  throw failure;
}

test('what is not for the storages goes to the application', async () => {
  const handler = createNodeHandler(newManager(), { mountpoint: '/files' });
  const origin = await serve((request, response) =>
    handler(request, response, () => void response.end(`application: ${request.url}`)),
  );
  expect(await (await fetch(`${origin}/depot/x`)).text()).toBe('application: /depot/x');
  const post = await fetch(`${origin}/files/x/y`, { method: 'POST' });
  expect(await post.text()).toBe('application: /files/x/y');
  expect((await fetch(`${origin}/files/x/y`)).status).toBe(404);
});

test('a blob is read no faster than its client reads', async () => {
  const manager = newManager();
  const length = 1024 ** 4;
  const { id } = await manager.store(Buffer.from('x'), { filename: 'a.bin' });
  const { backend } = await manager.storage();
  const info = { ...(await backend.info(id)), contentLength: length };
  backend.info = async () => info;
  let read = 0;
  const closed = new Promise<void>((resolve) => {
    backend.read = async () => ({ info, chunks: endless(), close: async () => resolve() });
  });
  async function* endless(): AsyncGenerator<Uint8Array> {
    for (;;) {
      read += 65_536;
      yield Buffer.alloc(65_536);
    }
  }
  const origin = new URL(await serve(createNodeHandler(manager)));
  const socket = connect(Number(origin.port), origin.hostname);
  socket.write(`GET /depot/files/${id} HTTP/1.1\r\nHost: x\r\n\r\n`);
  await once(socket, 'readable');
  let before = -1;
  // What the system keeps for both ends is some megabytes; then reading stops by itself.
  while (read !== before) {
    before = read;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  expect(read).toBeLessThan(64 * 1024 * 1024);
  socket.destroy();
  await closed;
});
