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

/** The example in a project of its author, who has installed this package and vitest. */
function newProject(): string {
  const project = mkdtempSync(path.join(tmpdir(), 'depot-author-'));
  onTestFinished(() => rmSync(project, { recursive: true }));
  cpSync(path.join(root, 'examples/own-storage'), project, { recursive: true });
  const installed = path.join(project, 'node_modules/filedepot');
  mkdirSync(installed, { recursive: true });
  for (const each of ['package.json', 'dist']) {
    cpSync(path.join(root, each), path.join(installed, each), { recursive: true });
  }
  for (const name of ['vitest', 'fast-check']) {
    symlinkSync(path.join(root, 'node_modules', name), path.join(project, 'node_modules', name));
  }
  return project;
}

/** Names of the tests that failed and number of those that passed, of those whose name matches. */
function runSuite(project: string, names: string): { failed: string[]; passed: number } {
  const vitest = path.join(root, 'node_modules/vitest/vitest.mjs');
  const args = [vitest, 'run', '--reporter=json', '--outputFile=result.json', '-t', names];
  const { PATH = '', HOME = '' } = process.env;
  spawnSync(process.execPath, args, { cwd: project, env: { PATH, HOME }, encoding: 'utf8' });
  const result = JSON.parse(readFileSync(path.join(project, 'result.json'), 'utf8')) as {
    testResults: { assertionResults: { title: string; status: string }[] }[];
  };
  const tests = result.testResults.flatMap((file) => file.assertionResults);
  const failed = tests.filter(({ status }) => status === 'failed').map(({ title }) => title);
  return { failed, passed: tests.filter(({ status }) => status === 'passed').length };
}

function change(project: string, from: string, to: string): void {
  const file = path.join(project, 'storage.js');
  const text = readFileSync(file, 'utf8');
  expect(text).toContain(from);
  writeFileSync(file, text.replace(from, to));
}

test('an author runs the suite on a storage that passes it', () => {
  const project = newProject();
  const { failed, passed } = runSuite(project, 'identifiers|fails half way|needs a storage');
  expect(failed).toEqual([]);
  expect(passed).toBeGreaterThan(20);
});

test.each([
  {
    mistake: 'overwrites in create',
    from: 'await link(staged, fileOf(id))',
    to: 'await rename(staged, fileOf(id))',
    fails: 'creates under a given identifier, once',
  },
  {
    mistake: 'shows what is not complete',
    from: 'const length = await writeFile(staged,',
    to: 'const length = await writeFile(fileOf(randomUUID()),',
    fails: 'creates nothing',
  },
  {
    mistake: 'throws plain errors',
    from: "throw new DepotError('not-found', ",
    to: 'throw new Error(',
    fails: 'a missing blob is not found, whatever is asked',
  },
])('an author learns of a storage that $mistake', ({ from, to, fails }) => {
  const project = newProject();
  change(project, from, to);
  expect(runSuite(project, fails).failed).toContain(fails);
});
