import path from 'node:path';
import type { Backend } from '../backend.js';
import { describeOrigin, type Setting, type StorageSettings } from '../config/settings.js';
import { DepotError } from '../errors.js';
import { placeOf } from '../files.js';
import type { ModuleContext, StorageModule } from './contract.js';
import { guarded, ownError } from './guarded.js';
import { loadModule } from './load.js';
import { locateModule } from './locate.js';
import { checkModuleSettings } from './settings.js';

/** What a module's storage is opened with, beside its options. */
export type ModuleStorage = Omit<ModuleContext, 'path' | 'placeOf' | 'DepotError'>;

const flags = ['holdsWholeBlobs', 'ephemeral'] as const satisfies readonly (keyof Backend)[];

const methods = [
  ...(['place', 'ping', 'provision'] as const),
  ...(['acceptsId', 'newId', 'idFor', 'publicUrl'] as const),
  ...(['info', 'read', 'create', 'replace', 'delete', 'list', 'close'] as const),
] satisfies readonly (keyof Backend)[];

/** Opens a configured storage whose backend `locateModule` has found to be a module. */
export async function openConfigured(
  { backend, options }: StorageSettings,
  storage: ModuleStorage,
): Promise<Backend> {
  const location = locateModule(backend.value, storage.directory) as string;
  const module = await loadModule(location, describeOrigin(backend.origin));
  return openModule(module, options, storage);
}

/**
 * Checks the options with the module's schema and opens a storage of its.
 *
 * @throws DepotError `config`, or what the module throws
 */
export async function openModule(
  module: StorageModule,
  options: ReadonlyMap<string, Setting>,
  storage: ModuleStorage,
): Promise<Backend> {
  const settings = await checkModuleSettings(module, options, storage);
  const { name, where, directory } = storage;
  const context: ModuleContext = {
    ...storage,
    path: (value) => path.resolve(directory, value),
    placeOf,
    DepotError,
  };
  let opened: unknown;
  try {
    opened = await module.open(settings, context);
  } catch (error) {
    throw ownError(error, `${where}: cannot open storage ${name}`, 'config');
  }
  checkShape(opened, storage);
  return guarded(opened, name);
}

function checkShape(opened: unknown, { name, where }: ModuleStorage): asserts opened is Backend {
  const backend = Object(opened) as Readonly<Record<string, unknown>>;
  const what = `${where}: what the module of storage ${name} opens is no backend`;
  for (const method of methods) {
    if (typeof backend[method] === 'function') continue;
    throw new DepotError('config', `${what}: it has no method ${method}`);
  }
  for (const flag of flags) {
    if (typeof backend[flag] === 'boolean') continue;
    throw new DepotError('config', `${what}: its ${flag} is neither true nor false`);
  }
}
