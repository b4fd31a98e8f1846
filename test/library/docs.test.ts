import { spawnSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';

const root = path.resolve(import.meta.dirname, '../..');

/** The programs in a document, each with what it is to print. */
function programsOf(document: string): string[] {
  const text = readFileSync(path.join(root, document), 'utf8');
  return [...text.matchAll(/^```js\n(.*?)^```$/gms)].map(([, program]) => program as string);
}

const printed = [
  /^files\/[0-9a-f-]{36} text\/html 14\n<h1>Hello<\/h1>\n$/,
  /^dbfiles sql\nlocalfs local\n$/,
  /^export\.csv text\/csv\n$/,
  /^17\n$/,
  /^35 references, 45 blobs\n$/,
];

test.for(programsOf('docs/library.md').map((program, index) => [index, program] as const))(
  'program %i of docs/library.md runs',
  ([index, program]) => {
    const directory = mkdtempSync(path.join(tmpdir(), 'depot-docs-'));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    cpSync(path.join(root, 'fixtures/kotti-site'), directory, { recursive: true });
    mkdirSync(path.join(directory, 'node_modules'));
    symlinkSync(root, path.join(directory, 'node_modules/filedepot'));
    writeFileSync(path.join(directory, 'program.mjs'), program);
    const { stdout, status, stderr } = spawnSync(process.execPath, ['program.mjs'], {
      ...{ cwd: directory, encoding: 'utf8' },
    });
    expect(stdout).toMatch(printed[index] as RegExp);
    expect({ status, stderr: stderr.split('\n').length <= 3 }).toEqual({ status: 0, stderr: true });
  },
);

test('every program of docs/library.md is known', () => {
  expect(programsOf('docs/library.md')).toHaveLength(printed.length);
});
