import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { newProgram, programsOf } from '../docs/programs.js';

/** What each program is to print. */
const printed = [
  /^files\/[0-9a-f-]{36} text\/html 14\n<h1>Hello<\/h1>\n$/,
  /^dbfiles sql\nlocalfs local\n$/,
  /^export\.csv text\/csv\n$/,
  /^quay\.jpg 2 \/depot\/files\/[0-9a-f-]{36}\ntrue\n$/,
  /^17\n$/,
  /^35 references, 45 blobs\n$/,
];

test.for(programsOf('docs/library.md').map((program, index) => [index, program] as const))(
  'program %i of docs/library.md runs',
  ([index, program]) => {
    const { stdout, status, stderr } = spawnSync(process.execPath, ['program.mjs'], {
      ...{ cwd: newProgram(program, 'sharp'), encoding: 'utf8' },
    });
    expect(stdout).toMatch(printed[index] as RegExp);
    expect({ status, stderr: stderr.split('\n').length <= 3 }).toEqual({ status: 0, stderr: true });
  },
);

test('every program of docs/library.md is known', () => {
  expect(programsOf('docs/library.md')).toHaveLength(printed.length);
});
