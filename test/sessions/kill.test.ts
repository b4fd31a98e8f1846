import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { runGc } from '../../src/transfer/run-gc.js';
import { addBlob, addRow, makeSite, query, referenceText, withManager } from '../transfer/site.js';
import { pathsIn } from './files.js';

/** Runs the program until it has reached the step, and kills it there. */
async function killAt(step: string, ini: string, database: string): Promise<void> {
  const loader = fileURLToPath(new URL('../typescript-loader.js', import.meta.url));
  const program = fileURLToPath(new URL('./edit.ts', import.meta.url));
  const child = spawn(process.execPath, ['--import', loader, program, ini, database, step], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const closed = once(child, 'close');
  for await (const line of createInterface({ input: child.stdout })) {
    expect(line).toBe(step);
    child.kill('SIGKILL');
  }
  await closed;
  expect(child.signalCode).toBe('SIGKILL');
}

test.each([
  { step: 'storing', named: 'old', left: 0 },
  { step: 'stored', named: 'old', left: 1 },
  { step: 'written', named: 'old', left: 1 },
  { step: 'committed', named: 'new', left: 1 },
  { step: 'deleted', named: 'new', left: 0 },
])('killed when $step, the row names a whole file, and gc deletes the other one', async (at) => {
  const site = makeSite();
  const old = `localfs/${await addBlob(site, 'localfs', 'old')}`;
  addRow(site, referenceText('localfs', old.slice('localfs/'.length)));
  await killAt(at.step, site.ini, site.database);

  const [row] = query<{ data: string }>(site, 'SELECT data FROM files');
  const { path: named } = JSON.parse(row?.data ?? '') as { path: string };
  expect(named === old).toBe(at.named === 'old');
  await withManager(site, async (manager) => {
    const length = (await (await manager.getFile(named)).bytes()).byteLength;
    expect(length).toBe(at.named === 'old' ? 3 : 100_003);
    expect(await pathsIn(manager, 'localfs')).toHaveLength(1 + at.left);
    const { counts, error } = await runGc(manager, {
      ...{ name: 'localfs', before: new Date(Date.now() + 60_000), deleting: true },
      ...{ signal: new AbortController().signal, concurrency: 4, found: async () => {} },
      observer: { problem() {}, progress() {} },
    });
    expect({ error, deleted: counts.blobs.deleted }).toEqual({ error: null, deleted: at.left });
    expect(counts.leftovers.removed).toBe(at.step === 'storing' ? 1 : 0);
    expect(await pathsIn(manager, 'localfs')).toEqual([named]);
  });
});
