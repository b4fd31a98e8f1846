import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { newProgram, programsOf } from '../docs/programs.js';
import { freePort, startServer } from '../docs/server-process.js';

const programs = programsOf('docs/serving.md');

const blob = '/depot/dbfiles/f89f72bc-e6ef-11f1-b551-02fc00000001';
const servers = programs.filter((program) => program.includes('8000'));

test.for(servers.map((program, index) => [index, program] as const))(
  'server %i of docs/serving.md serves',
  async ([, program]) => {
    const port = await freePort();
    const directory = newProgram(program.replaceAll('8000', String(port)), 'express', 'fastify');
    const ask = await startServer(directory, 'program.mjs', port);
    const response = await ask(blob);
    expect(response.headers.get('content-disposition')).toContain('cafe menu.txt');
    expect((await response.arrayBuffer()).byteLength).toBe(29);
    expect((await ask('/other')).status).toBe(404);
  },
);

test('the other programs print what they are to', async () => {
  const [program = '', ...more] = programs.filter((one) => !servers.includes(one));
  expect([servers.length, more]).toEqual([3, []]);
  const child = spawn(process.execPath, ['program.mjs'], { cwd: newProgram(program) });
  const printed: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => printed.push(chunk));
  const [code] = await once(child, 'close');
  expect({ code, printed: String(Buffer.concat(printed)) }).toEqual({
    code: 0,
    printed: expect.stringMatching(/^206 bytes 0-6\/29 .{5,7}\n?/s),
  });
});
