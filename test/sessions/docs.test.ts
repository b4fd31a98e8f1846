import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { newProgram, programsOf } from '../docs/programs.js';
import { describeWithServer } from '../servers/servers.js';

const packages = ['@mikro-orm/core', '@mikro-orm/sqlite', 'typeorm', 'mongoose', 'better-sqlite3'];

/** What each program is to print, by what it imports. */
const printed: Readonly<Record<string, string>> = {
  "'filedepot/mikro-orm'": 'a.txt 1\n',
  "'filedepot/typeorm'": 'a.txt 1\n',
  "'filedepot/mongoose'": 'a.txt\n',
  UnitOfWork: '1\n',
};

const programs = Object.entries(printed).map(([imports, output]) => {
  const program = programsOf('docs/orm.md').find((one) => one.includes(imports)) ?? '';
  return { imports, output, program };
});

function run(program: string, env: Readonly<Record<string, string>> = {}): unknown {
  const { stdout, stderr, status } = spawnSync(process.execPath, ['program.mjs'], {
    ...{ cwd: newProgram(program, ...packages), encoding: 'utf8' },
    env: { ...process.env, ...env },
  });
  return { stdout, stderr, status };
}

const [ownDatabase, onMongodb] = [false, true].map((mongodb) =>
  programs.filter(({ imports }) => imports.includes('mongoose') === mongodb),
);

describe.concurrent('docs/orm.md', () => {
  test.for(ownDatabase ?? [])('the program with $imports runs', ({ program, output }) => {
    expect(run(program)).toEqual({ stdout: output, stderr: '', status: 0 });
  });

  test('every program is known', () => {
    expect(programs.map(({ program }) => program)).toEqual(programsOf('docs/orm.md'));
  });
});

describeWithServer('mongodb', 'docs/orm.md with MongoDB', (url) => {
  test.for(onMongodb ?? [])('the program with $imports runs', async ({ program, output }) => {
    const place = new URL(url);
    place.pathname = `depot_${randomBytes(8).toString('hex')}`;
    expect(run(program, { MONGODB_URL: place.href })).toEqual({
      ...{ stdout: output, stderr: '', status: 0 },
    });
    const { MongoClient } = await import('mongodb');
    const client = new MongoClient(place.href);
    await client.db().dropDatabase();
    await client.close();
  });
});
