import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** npm's names. None has a capital letter, which the class at the end of a Python path begins with. */
const packageName = /^(?:@[a-z0-9~-][a-z0-9._~-]*\/)?[a-z0-9~-][a-z0-9._~-]*$/;

/**
 * Where a storage module is, absolute: a file, or the directory of a package. A path is taken as it
 * stands; a package is looked for from the configuration file's directory, then from our own. Null
 * for what is neither a path nor the name of an installed package.
 */
export function locateModule(backend: string, directory: string): string | null {
  if (backend.startsWith('file:')) return fileOf(backend, directory);
  if (/^\.{1,2}[/\\]/.test(backend) || path.isAbsolute(backend)) {
    return path.resolve(directory, backend);
  }
  if (!packageName.test(backend)) return null;
  return findPackage(backend, directory) ?? findPackage(backend, import.meta.dirname);
}

function fileOf(url: string, directory: string): string | null {
  try {
    return fileURLToPath(new URL(url, pathToFileURL(path.join(directory, path.sep))));
  } catch {
    return null;
  }
}

function findPackage(name: string, from: string): string | null {
  for (let above = from; ; above = path.dirname(above)) {
    const found = path.join(above, 'node_modules', name);
    if (existsSync(path.join(found, 'package.json'))) return found;
    if (above === path.dirname(above)) return null;
  }
}
