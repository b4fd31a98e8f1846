import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { DepotError, messageOf } from '../errors.js';
import { fileError } from '../files.js';
import type { StorageModule } from './contract.js';

/**
 * Imports a storage module: a file, or the directory of a package.
 *
 * @param where the setting that names it, for errors
 * @throws DepotError `config`
 */
export async function loadModule(location: string, where: string): Promise<StorageModule> {
  const what = `${where}: cannot load ${location}`;
  const file = await entryFile(location).catch((error: unknown) => {
    throw new DepotError('config', fileError(error, what).message, {
      hint: 'A relative path is relative to the configuration file.',
      cause: error,
    });
  });
  const exported: unknown = await import(pathToFileURL(file).href).catch((error: unknown) => {
    throw new DepotError('config', `${what}: ${describe(error)}`, {
      hint: `Try it with: node ${file}`,
      cause: error,
    });
  });
  const found = [exported, property(exported, 'default')].find(isStorageModule);
  if (found !== undefined) return found;
  throw new DepotError('config', `${what}: it exports no function called open`, {
    hint: 'A storage module exports open, and schema if it has options.',
  });
}

function isStorageModule(value: unknown): value is StorageModule {
  return typeof property(value, 'open') === 'function';
}

function property(value: unknown, name: string): unknown {
  const holds = (typeof value === 'object' || typeof value === 'function') && value !== null;
  return holds ? (value as Record<string, unknown>)[name] : undefined;
}

/** A mistake in the code itself is easier to recognize by its kind. */
function describe(error: unknown): string {
  const own = error instanceof Error && error.name !== 'Error' && error.name !== 'DepotError';
  return own ? `${error.name}: ${messageOf(error)}` : messageOf(error);
}

/** The file itself, or the one that a package's `package.json` names. */
async function entryFile(location: string): Promise<string> {
  if (!(await stat(location)).isDirectory()) return location;
  const text = await readFile(path.join(location, 'package.json'), 'utf8');
  const { exports, main } = JSON.parse(text) as { exports?: unknown; main?: string };
  const entry = exports === undefined ? (main ?? 'index.js') : exportedFile(exports);
  if (entry === null) throw new Error('its package.json exports nothing to import');
  return path.join(location, entry);
}

/** The file that `import` of a package gives, by the `exports` of its `package.json`. */
function exportedFile(exports: unknown): string | null {
  if (typeof exports === 'string') return exports;
  if (typeof exports !== 'object' || exports === null) return null;
  const conditions = ['.', 'node', 'import', 'module-sync', 'default'];
  for (const [condition, target] of Object.entries(exports)) {
    const found = conditions.includes(condition) ? exportedFile(target) : null;
    if (found !== null) return found;
  }
  return null;
}
