import { appendFileSync, cpSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import {
  depot,
  done,
  executable,
  newDirectory,
  newSite,
  objects,
  outcome,
  startProgram,
} from './depot.js';
import { example, newOwn, sameModule, settings, write } from './own-storage.js';

const directory = 'directory = blobs';

/** Everything that the commands do with a storage. */
async function expectWorking(here: string, before: readonly string[] = []): Promise<void> {
  const run = (...args: string[]) => done(here, [...before, ...args]);
  await run('storages', 'create', 'files');
  writeFileSync(path.join(here, 'größe.txt'), 'content');
  const blob = await run('put', path.join(here, 'größe.txt'));
  expect(await run('get', blob, '-')).toBe('content');
  expect(await run('list')).toBe(blob);
  const [info] = objects((await depot(here, [...before, '--json', 'info', blob])).out);
  expect(info).toMatchObject({ filename: 'größe.txt', content_length: 7, public_url: null });
  writeFileSync(path.join(here, 'new'), 'other');
  await run('replace', blob, path.join(here, 'new'));
  expect(await run('get', blob, '-')).toBe('other');
  await run('delete', blob);
  expect(await run('list')).toBe('');
  expect(await depot(here, [...before, 'info', blob])).toMatchObject({ code: 3, out: '' });
}

/** A package of the example in the `node_modules` of a directory. */
function install(
  here: string,
  name: string,
  manifest: object = { type: 'module', exports: { import: './storage.js' } },
  file = 'storage.js',
): void {
  write(here, `node_modules/${name}/package.json`, JSON.stringify({ name, ...manifest }));
  cpSync(example, path.join(here, 'node_modules', name, file));
}

describe.concurrent('a storage module', () => {
  test.each(['./my-storage.js', '%(here)s/my-storage.js', '../my-storage.js'])(
    'at %s does all that a storage does',
    async (backend) => {
      const parent = newDirectory();
      const here = path.join(parent, 'here');
      write(here, 'depot.ini', settings(backend, directory));
      write(backend.startsWith('..') ? parent : here, 'my-storage.js', sameModule);
      await expectWorking(here);
    },
  );

  test('is found from the configuration file, wherever the command is started', async () => {
    const here = newOwn(sameModule, directory);
    const elsewhere = newDirectory();
    await expectWorking(elsewhere, ['-c', path.join(here, 'depot.ini')]);
  });

  test('may be given as a URL', async () => {
    const here = newOwn(sameModule);
    const url = pathToFileURL(path.join(here, 'my-storage.js')).href.replaceAll('%', '%%');
    write(here, 'depot.ini', settings(url, directory));
    await expectWorking(here);
    write(here, 'depot.ini', settings('file:./my-storage.js', directory));
    await expectWorking(here);
  });

  test('may lie in a directory of any name', async () => {
    const here = newDirectory();
    write(here, 'depot.ini', settings('./100%% #1?/größe .js', directory));
    write(here, '100% #1?/größe .js', sameModule);
    await expectWorking(here);
  });

  test.each([
    { file: 'my-storage.mjs', text: sameModule },
    { file: 'default.mjs', text: `import * as all from '${example}';\nexport default { ...all };` },
    { file: 'common.cjs', text: `module.exports = require('${example}');` },
  ])('may be $file: $text', async ({ file, text }) => {
    const here = newDirectory();
    write(here, 'depot.ini', settings(`./${file}`, directory));
    write(here, file, text);
    await expectWorking(here);
  });

  test.each([
    { name: 'my-depot-storage', manifest: undefined },
    { name: '@acme/depot-storage', manifest: { type: 'module', exports: './storage.js' } },
    { name: 'depot.storage.v2', manifest: { type: 'module', main: 'storage.js' } },
    {
      name: 'with-conditions',
      manifest: {
        type: 'module',
        exports: { './other': './no.js', '.': { types: './no.d.ts', default: './storage.js' } },
      },
    },
  ])('may be the installed package $name', async ({ name, manifest }) => {
    const parent = newDirectory();
    const here = path.join(parent, 'here');
    install(parent, name, manifest);
    write(here, 'depot.ini', settings(name, directory));
    await expectWorking(here);
  });

  test('may be a package beside depot itself', async () => {
    const there = newDirectory();
    const installed = path.join(there, 'node_modules/filedepot');
    const root = path.resolve(path.dirname(executable), '..');
    for (const each of ['bin', 'dist', 'package.json']) {
      cpSync(path.join(root, each), path.join(installed, each), { recursive: true });
    }
    install(there, 'my-depot-storage');
    const here = newDirectory();
    write(here, 'depot.ini', settings('my-depot-storage', directory));
    const program = [process.execPath, path.join(installed, 'bin/depot.js')] as const;
    const created = startProgram(here, [...program, 'storages', 'create', 'files'], {});
    const location = path.join(here, 'blobs');
    expect(await outcome(created)).toMatchObject({ code: 0, out: `${location}\n`, err: '' });
    expect((await depot(here, ['list'])).err).toContain('unknown backend my-depot-storage');
  });

  test('takes the place of a Python class, with the options of that', async () => {
    const here = newOwn(sameModule);
    const python = settings('mysite.depot.MyStorage', directory).replace('[depot]', '[app:main]');
    write(here, 'depot.ini', python);
    const { code, err } = await depot(here, ['storages']);
    expect(code).toBe(2);
    expect(err).toMatch(
      /^depot: .*unknown backend mysite\.depot\.MyStorage .*\n.*\[depot:storage:files\] .*\n$/,
    );
    appendFileSync(
      path.join(here, 'depot.ini'),
      '[depot:storage:files]\nbackend = ./my-storage.js\n',
    );
    await expectWorking(here);
  });

  test('may be named by the environment', async () => {
    const here = newOwn(sameModule, directory);
    write(here, 'depot.ini', settings('mysite.depot.MyStorage', directory));
    const env = { DEPOT_FILES_BACKEND: './my-storage.js' };
    expect(await done(here, ['storages', 'create', 'files'], { env })).toBe(
      path.join(here, 'blobs'),
    );
  });

  test('is shown without being run, with its options masked', async () => {
    const here = newOwn('throw new Error("it ran");', 'password = hunter2', 'bucket = b');
    const { code, out, err } = await depot(here, ['--json', 'storages']);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(objects(out)).toEqual([
      {
        name: 'files',
        kind: 'module',
        backend: './my-storage.js',
        default: true,
        aliases: [],
        options: { password: '***', bucket: 'b' },
      },
    ]);
  });

  test('is told where it is, and speaks to the user', async () => {
    const here = newOwn(`export async function open(settings, context) {
      const { name, where, directory, idleTimeout } = context;
      context.retried();
      const { description } = await context.placeOf(context.path('blobs'));
      context.notice(JSON.stringify({ settings, name, where, directory, idleTimeout, description }));
      const example = await import('${example}');
      return example.open({ directory: '.' }, context);
    }`);
    const ended = await depot(here, ['-v', 'list']);
    const [notice = '', ...rest] = ended.err.split('\n');
    expect(JSON.parse(notice)).toEqual({
      settings: {},
      name: 'files',
      where: 'depot.ini line 2 [depot] depot.0.name',
      directory: here,
      idleTimeout: 60_000,
      description: path.join(here, 'blobs'),
    });
    expect(rest).toContain('storage files: 1 request sent once more');
  });
});

test('the blobs of a Kotti site go into an own storage and back', async () => {
  const here = newSite();
  const own = settings(example, 'directory = own').replace('name = files', 'name = own');
  appendFileSync(path.join(here, 'production.ini'), own);
  const run = (...args: string[]) => depot(here, ['-c', 'production.ini', '--json', ...args]);
  const counted = async () => objects((await run('references', '--count')).out);
  const before = await counted();
  await run('storages', 'create', 'own');
  const there = await run('migrate', '--from', 'dbfiles', '--to', 'own', '--delete-source');
  expect(there.code).toBe(1);
  expect(objects(there.out).at(-1)).toMatchObject({
    references: { migrated: 35, missing: 2, failed: 0 },
    blobs: { copied: 45, failed: 0 },
  });
  expect(await counted()).not.toEqual(before);
  const back = await run('migrate', '--from', 'own', '--to', 'dbfiles', '--delete-source');
  expect({ code: back.code, err: back.err }).toEqual({ code: 0, err: '' });
  expect(objects(back.out).at(-1)).toMatchObject({ references: { migrated: 35 } });
  expect(await counted()).toEqual(before);
  expect((await run('list', 'own')).out).toBe('');
});

test('the example’s own configuration works', async () => {
  const here = newDirectory();
  cpSync(path.dirname(example), here, { recursive: true });
  await expectWorking(here);
});
