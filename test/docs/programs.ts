import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { readDocument } from './markdown.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** The JavaScript programs in a document. */
export function programsOf(document: string): string[] {
  const programs = readDocument(document).matchAll(/^```js\n(.*?)^```$/gms);
  return [...programs].map(([, program]) => program as string);
}

/** A copy of a Kotti site with the package installed, and the program beside it as `program.mjs`. */
export function newProgram(program: string): string {
  const directory = mkdtempSync(path.join(tmpdir(), 'depot-docs-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  cpSync(path.join(root, 'fixtures/kotti-site'), directory, { recursive: true });
  mkdirSync(path.join(directory, 'node_modules'));
  symlinkSync(root, path.join(directory, 'node_modules/filedepot'));
  symlinkSync(path.join(root, 'node_modules/sharp'), path.join(directory, 'node_modules/sharp'));
  writeFileSync(path.join(directory, 'program.mjs'), program);
  return directory;
}
