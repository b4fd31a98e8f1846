import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { newDirectory } from './depot.js';

/** The module of `examples/own-storage`, with the option `directory`. */
export const example = fileURLToPath(
  new URL('../../examples/own-storage/storage.js', import.meta.url),
);

/** Text of a module that gives the same storage. */
export const sameModule = `export { open, schema } from ${JSON.stringify(example)};\n`;

/** Writes a file, and the directories above it. */
export function write(here: string, file: string, text: string): void {
  const full = path.join(here, file);
  mkdirSync(path.dirname(full), { recursive: true });
  writeFileSync(full, text, { mode: 0o600 });
}

/** Settings of one storage, `files`, whose backend is line 3 of `depot.ini`. */
export function settings(backend: string, ...options: string[]): string {
  const lines = [`name = files`, `backend = ${backend}`, ...options];
  return `[depot]\n${lines.map((line) => `depot.0.${line}\n`).join('')}`;
}

/** A directory with a configuration of the module of that text. */
export function newOwn(text: string, ...options: string[]): string {
  const here = newDirectory();
  write(here, 'depot.ini', settings('./my-storage.js', ...options));
  write(here, 'my-storage.js', text);
  return here;
}

/** Text of a module that opens the example's storage with some of its methods changed. */
export function changed(methods: string): string {
  return `import { open as openExample, schema } from ${JSON.stringify(example)};
export { schema };
export async function open(settings, context) {
  const { DepotError } = context;
  const backend = await openExample(settings, context);
  return { ...backend, ${methods} };
}
`;
}
