import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { readDocument } from './markdown.js';
import { installPackages } from './packages.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** The JavaScript programs in a document. */
export function programsOf(document: string): string[] {
  const programs = readDocument(document).matchAll(/^```js\n(.*?)^```$/gms);
  return [...programs].map(([, program]) => program as string);
}

/**
 * A copy of a Kotti site with this package and others installed, and the program beside it as
 * `program.mjs`.
 */
export function newProgram(program: string, ...packages: readonly string[]): string {
  const directory = mkdtempSync(path.join(tmpdir(), 'depot-docs-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  cpSync(path.join(root, 'fixtures/kotti-site'), directory, { recursive: true });
  installPackages(directory, ...packages);
  writeFileSync(path.join(directory, 'program.mjs'), program);
  return directory;
}
