import { onTestFinished } from 'vitest';
import { configurationOf, Manager } from '../../src/index.js';

/** A manager of storages in memory, the first one the default; closed at the end. */
export function inMemory(...names: string[]): Manager {
  const storages = Object.fromEntries(names.map((name) => [name, { backend: 'memory' }]));
  const manager = new Manager(configurationOf({ storages }));
  onTestFinished(() => manager.close());
  return manager;
}

/** The paths of all files of a storage, sorted. */
export async function pathsIn(manager: Manager, name?: string): Promise<string[]> {
  const storage = await manager.storage(name);
  const paths: string[] = [];
  for await (const id of storage.list()) paths.push(storage.path(id));
  return paths.sort();
}
