// Replaces the file of the row 1 of a site, as an application would, and stops at a step to be
// killed there: edit.ts SITE.INI DATABASE STEP
import { setTimeout } from 'node:timers/promises';
import Sqlite from 'better-sqlite3';
import { loadConfiguration, Manager, UnitOfWork } from '../../src/index.js';

const [, , ini = '', file = '', stop = ''] = process.argv;

async function reach(step: string): Promise<void> {
  if (step !== stop) return;
  console.log(step);
  await setTimeout(3_600_000);
}

async function* slowly(): AsyncGenerator<Uint8Array> {
  yield Buffer.alloc(100_000, 'new');
  await reach('storing');
  yield Buffer.from('end');
}

const manager = new Manager(await loadConfiguration({ file: ini, env: {} }));
const database = new Sqlite(file);
const { path: before } = JSON.parse(
  database.prepare('SELECT data FROM files WHERE id = 1').pluck().get() as string,
) as { path: string };

database.exec('BEGIN IMMEDIATE');
const unit = new UnitOfWork(manager);
const { path, storage, id } = await unit.store(slowly(), { storage: 'localfs' });
await reach('stored');
const reference = { depot_name: storage, files: [path], file_id: id, path };
database.prepare('UPDATE files SET data = ? WHERE id = 1').run(JSON.stringify(reference));
await unit.replace([before], [path]);
await reach('written');
database.exec('COMMIT');
await reach('committed');
await unit.commit();
await reach('deleted');
