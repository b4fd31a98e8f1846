import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { openLocal } from '../../src/backends/local.js';
import { Storage } from '../../src/storage.js';
import { chunksOf, listed } from '../conformance/harness.js';

/**
 * Goes on creating files in the directory in which it was started, whatever that is called by now:
 * as a writer does for an instant whose call the kernel was carrying out when the directory moved.
 */
const lateWriter = 'echo started; for i in {1..60}; do : > "late-$i"; done 2>/dev/null';

test('a delete succeeds while a writer is under way into the blob', async () => {
  const directory = await mkdtemp(path.join(tmpdir(), 'depot-delete-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const storage = new Storage('files', 'local', openLocal(directory));
  for (let run = 0; run < 30; run += 1) {
    const { id } = await storage.create(chunksOf('content'));
    const writer = spawn('bash', ['-c', lateWriter], {
      cwd: path.join(directory, id),
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const ended = once(writer, 'exit');
    await once(writer.stdout, 'data');
    await storage.delete(id);
    await ended;
  }
  expect(await listed(storage)).toEqual([]);
  await storage.backend.close();
  expect(await readdir(directory)).toEqual([]);
});
