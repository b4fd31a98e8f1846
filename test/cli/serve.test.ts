import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import path from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { depot, done, newStore } from './depot.js';
import { serve } from './served.js';

describe('who may read', () => {
  test('another address is refused without a token', async () => {
    const ended = await depot(newStore(), ['serve', '--host', '0.0.0.0', '--port', '0']);
    expect(ended).toMatchObject({ code: 2, out: '' });
    expect(ended.err).toMatch(
      /^depot: cannot serve on 0\.0\.0\.0: everybody could read all files\n/,
    );
    const empty = await depot(newStore(), ['serve', '--port', '0', '--token', '']);
    expect(empty.code).toBe(2);
    expect((await depot(newStore(), ['serve', '--port', '65536'])).code).toBe(2);
  });

  test('with a token only those who have it', async () => {
    const { url, stop } = await serve(newStore(), ['--host', '0.0.0.0'], {
      DEPOT_SERVE_TOKEN: 's3:cret',
    });
    const here = url.replace('0.0.0.0', '127.0.0.1');
    const ask = async (authorization?: string): Promise<number> =>
      (await fetch(here, authorization ? { headers: { authorization } } : {})).status;
    const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`;
    expect(await ask()).toBe(401);
    expect(await ask('Bearer other')).toBe(401);
    expect(await ask(basic('s3:cret'))).toBe(401);
    expect(await ask('Digest s3:cret')).toBe(401);
    expect(await ask('Bearer s3:cret')).toBe(200);
    expect(await ask(basic('anyone:s3:cret'))).toBe(200);
    expect((await fetch(here)).headers.get('www-authenticate')).toMatch(/^Basic /);
    expect(await stop('SIGTERM')).toBe(143);
  });

  test('without one nobody who asks by the name of a site', async () => {
    const { url } = await serve(newStore());
    expect(await statusOf(url, 'GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n')).toBe(403);
    expect(await statusOf(url, 'GET / HTTP/1.1\r\nHost: localhost:1\r\n\r\n')).toBe(200);
  });

  test('a port that is taken is named', async () => {
    const { url } = await serve(newStore());
    const { port } = new URL(url);
    const ended = await depot(newStore(), ['serve', '--port', port]);
    expect(ended.code).toBe(1);
    expect(ended.err).toMatch(
      new RegExp(`^depot: cannot listen on 127\\.0\\.0\\.1, port ${port}: `),
    );
  });
});

function open(url: string, request: string): Socket {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => {});
  socket.write(request);
  return socket;
}

async function statusOf(url: string, request: string): Promise<number> {
  const socket = open(url, request);
  const [chunk] = (await once(socket, 'data')) as [Buffer];
  socket.destroy();
  return Number(/^HTTP\/1\.1 (\d+)/.exec(chunk.toString())?.[1]);
}

/** A store with a blob of so many bytes, and its path below the server. */
async function storeOf(length: number): Promise<{ here: string; blob: string }> {
  const here = newStore();
  writeFileSync(path.join(here, 'big.bin'), Buffer.alloc(length));
  return { here, blob: `depot/${await done(here, ['put', 'big.bin'])}` };
}

test('Ctrl-C ends when the last download has', async () => {
  const length = 32 * 1024 * 1024;
  const { here, blob } = await storeOf(length);
  const { url, child, stop } = await serve(here);
  const response = await fetch(url + blob);
  const stopped = stop();
  await expect
    .poll(
      () =>
        fetch(url).then(
          () => 'taken',
          () => 'refused',
        ),
      { timeout: 20_000 },
    )
    .toBe('refused');
  expect(child.exitCode).toBeNull();
  expect((await response.arrayBuffer()).byteLength).toBe(length);
  expect(await stopped).toBe(130);
});

test('--json prints the address as an object', async () => {
  const { url } = await serve(newStore(), ['--json']);
  expect(JSON.parse(url)).toEqual({ url: expect.stringMatching(/^http:/) });
});

const isLinux = process.platform === 'linux';

/** Open files, and the most memory that a process has held, in bytes. */
function usage({ pid }: ChildProcess): { files: number; peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const files = readdirSync(`/proc/${pid}/fd`).length;
  return { files, peak: Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024 };
}

test.runIf(isLinux)(
  '1,000 downloads at a time are held in bounded memory',
  async () => {
    const { here, blob } = await storeOf(64 * 1024 * 1024);
    const { url, child } = await serve(here);
    await (await fetch(url)).text();
    const before = usage(child);
    const request = `GET /${blob} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
    const sockets = Array.from({ length: 1000 }, () => open(url, request));
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy();
    });
    await Promise.all(sockets.map((socket) => once(socket, 'readable')));
    const during = usage(child);
    expect(during.files).toBeGreaterThan(2000);
    expect(during.peak - before.peak).toBeLessThan(700 * 1024 * 1024);
    for (const socket of sockets) socket.destroy();
    await expect.poll(() => usage(child).files, { timeout: 60_000 }).toBeLessThan(100);
  },
  120_000,
);
