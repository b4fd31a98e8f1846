import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import { configurationOf, configuredKinds } from '../servers/configured.js';
import { describeWithServer } from '../servers/servers.js';
import { done, newDirectory } from './depot.js';

const measured = fileURLToPath(new URL('../transfer/measured.js', import.meta.url));
const megabyte = 1_000_000;

/**
 * Bytes to stream through, and the memory that they may take: where a server's protocol has a
 * limit, close below it.
 */
const limits: Readonly<Record<string, { length: number; memory: number }>> = {
  local: { length: 2000 * megabyte, memory: 250 * megabyte },
  s3: { length: 2000 * megabyte, memory: 250 * megabyte },
  // The emulators are slow: the one hashes everything again for each part, the other one stores text.
  gcs: { length: 400 * megabyte, memory: 250 * megabyte },
  gridfs: { length: 400 * megabyte, memory: 250 * megabyte },
  'sql on PostgreSQL': { length: 1000 * megabyte, memory: 250 * megabyte },
  'sql on MariaDB': { length: 400 * megabyte, memory: 250 * megabyte },
};

/** So many bytes in which no two blocks are equal. */
function* content(length: number): Generator<Buffer> {
  const block = Buffer.alloc(megabyte, 'tide table ');
  for (let start = 0; start < length; start += megabyte) {
    const copy = Buffer.from(block.subarray(0, Math.min(megabyte, length - start)));
    copy.writeUInt32LE(start / megabyte);
    yield copy;
  }
}

interface Run {
  readonly here: string;
  readonly args: readonly string[];
}

/** Runs depot; gives its input, hashes its output, and tells what it printed and its memory. */
async function run({ here, args }: Run, input?: Iterable<Buffer>) {
  const env = { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '' };
  const child = spawn(process.execPath, [measured, ...args], { cwd: here, env });
  const hash = createHash('sha256');
  const said: Buffer[] = [];
  let printed = '';
  child.stdout.on('data', (chunk: Buffer) => {
    hash.update(chunk);
    if (printed.length < 1000) printed += chunk.toString('latin1');
  });
  child.stderr.on('data', (chunk: Buffer) => said.push(chunk));
  const closed = once(child, 'close');
  if (input === undefined) child.stdin.end();
  else await pipeline(Readable.from(input), child.stdin).catch(() => {});
  await closed;
  const err = Buffer.concat(said).toString();
  const peak = Number(/peak (\d+)/.exec(err)?.[1]);
  return { code: child.exitCode, err, printed, sha256: hash.digest('hex'), peak };
}

for (const { kind, server, configure } of configuredKinds) {
  const { length, memory } = limits[kind] as { length: number; memory: number };
  const tests = (url: string): void => {
    test(`${length / megabyte} MB go in and out in bounded memory`, {
      timeout: 600_000,
    }, async (context) => {
      if (process.platform !== 'linux') context.skip('needs /proc');
      const here = newDirectory();
      const storage = await configure(url);
      onTestFinished(storage.remove);
      writeFileSync(path.join(here, 'depot.ini'), configurationOf({ files: storage }), {
        mode: 0o600,
      });
      await done(here, ['storages', 'create', 'files']);
      const put = await run({ here, args: ['put', '-', '--name', 'large.bin'] }, content(length));
      expect({ code: put.code, err: put.err }).toMatchObject({ code: 0 });
      const [blob = ''] = put.printed.split('\n');
      const got = await run({ here, args: ['get', blob, '-'] });
      expect({ code: got.code, err: got.err }).toMatchObject({ code: 0 });
      const expected = createHash('sha256');
      for (const block of content(length)) expected.update(block);
      expect(got.sha256).toBe(expected.digest('hex'));
      expect(put.peak).toBeLessThan(memory);
      expect(got.peak).toBeLessThan(memory);
      expect(got.peak).toBeGreaterThan(20 * megabyte);
    });
  };
  if (server === null) describe(kind, () => tests(''));
  else describeWithServer(server, kind, tests);
}
