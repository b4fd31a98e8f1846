import type { Backend } from '../../src/backend.js';
import type { StorageModule } from '../../src/modules/contract.js';
import { openModule } from '../../src/modules/open.js';

/** Opens a storage of a module with these options, as the command does. */
export function openStorageModule<Settings>(
  module: StorageModule<Settings>,
  options: Readonly<Record<string, string>>,
): Promise<Backend> {
  const settings = Object.entries(options).map(([key, value]) => {
    return [key, { value, origin: { file: '', line: null, section: null, key } }] as const;
  });
  return openModule(module as StorageModule, new Map(settings), {
    name: 'files',
    where: 'test',
    directory: process.cwd(),
    idleTimeout: 60_000,
    retried: () => {},
    notice: () => {},
  });
}
