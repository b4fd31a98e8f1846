import { mkdirSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Installs packages that are here into a project: this one, and those that it is used with. */
export function installPackages(directory: string, ...names: readonly string[]): void {
  const modules = path.join(directory, 'node_modules');
  mkdirSync(modules, { recursive: true });
  symlinkSync(root, path.join(modules, 'filedepot'));
  for (const name of names) {
    const place = path.join(modules, name);
    mkdirSync(path.dirname(place), { recursive: true });
    symlinkSync(path.join(root, 'node_modules', name), place);
  }
}
