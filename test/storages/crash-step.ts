// Does one operation on a local storage, and kills itself before one of its file system calls.
// Arguments: the storage's directory, the operation, the number of the version, the call from 1.
import fs from 'node:fs';
import promises, { type FileHandle, open } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { id, version } from './crash-version.js';

const [place, operation, number, step] = process.argv.slice(2) as [string, string, string, string];

type Call = (this: unknown, ...args: unknown[]) => unknown;
let calls = 0;

function killBefore(owner: Record<string, Call>, names: readonly string[]): void {
  for (const name of names) {
    const original = owner[name] as Call;
    owner[name] = function (...args) {
      calls += 1;
      if (calls === Number(step)) process.kill(process.pid, 'SIGKILL');
      return original.apply(this, args);
    };
  }
}

const handle = await open(import.meta.filename);
const methods: FileHandle = Object.getPrototypeOf(handle);
await handle.close();
const names = ['link', 'mkdir', 'open', 'readdir', 'rename', 'rm', 'rmdir', 'stat', 'unlink'];
killBefore(promises as unknown as Record<string, Call>, names);
killBefore(methods as unknown as Record<string, Call>, ['write', 'sync', 'stat', 'close']);
const onTheSpot = [
  'mkdirSync',
  'openSync',
  'writeFileSync',
  'fstatSync',
  'closeSync',
  'renameSync',
];
killBefore(fs as unknown as Record<string, Call>, [...onTheSpot, 'rmSync', 'fsync']);
syncBuiltinESMExports();
// Only now: they take some of these functions as they are loaded.
const { openLocal } = await import('../../src/backends/local.js');
const { Storage } = await import('../../src/storage.js');

async function* chunks(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.byteLength; start += 500) {
    yield bytes.subarray(start, start + 500);
  }
}

const storage = new Storage('files', 'local', openLocal(place));
const { bytes, filename } = version(Number(number));
if (operation === 'create') await storage.create(chunks(bytes), { id, filename });
if (operation === 'create together') {
  const metadata = { filename, contentType: 'text/plain', lastModified: null };
  await storage.createMany([{ id, bytes, metadata }]);
}
if (operation === 'replace') await storage.replace(id, chunks(bytes), { filename });
if (operation === 'delete') await storage.delete(id);
