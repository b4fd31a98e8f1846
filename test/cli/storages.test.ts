import {
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { depot, done, newDirectory, newSite, newStore, objects } from './depot.js';

function write(here: string, file: string, ...lines: string[]): void {
  writeFileSync(path.join(here, file), lines.map((line) => `${line}\n`).join(''));
}

describe.concurrent('storages', () => {
  test('prints name, backend, where, default and aliases', async () => {
    const here = newSite();
    write(here, 'more.ini', '[depot]', 'default = localfs', '[depot:aliases]', 'uploads = localfs');
    const text = readFileSync(path.join(here, 'production.ini'), 'utf8');
    write(here, 'x.ini', text, readFileSync(path.join(here, 'more.ini'), 'utf8'));
    const table = await done(here, ['-c', 'x.ini', 'storages']);
    expect(table.split('\n').map((line) => line.replaceAll(/ {2,}/g, ' | '))).toEqual([
      'NAME | KIND | DEFAULT | ALIASES | OPTIONS',
      `dbfiles | sql | sqlalchemy.url=sqlite:///${here}/Kotti.db`,
      `localfs | local | yes | uploads | storage_path=${here}/blobs`,
    ]);
    expect(objects((await depot(here, ['-c', 'x.ini', '--json', 'storages'])).out)).toEqual([
      {
        name: 'dbfiles',
        kind: 'sql',
        backend: 'kotti.filedepot.DBFileStorage',
        default: false,
        aliases: [],
        options: {},
      },
      {
        name: 'localfs',
        kind: 'local',
        backend: 'depot.io.local.LocalFileStorage',
        default: true,
        aliases: ['uploads'],
        options: { storage_path: path.join(here, 'blobs') },
      },
    ]);
    const [blob = ''] = (await done(here, ['-c', 'x.ini', 'list', 'uploads'])).split('\n');
    expect(blob).toMatch(/^localfs\//);
    await done(here, ['-c', 'x.ini', 'info', blob.replace('localfs', 'uploads')]);
  });

  test('--ping reaches each, says which it cannot, and exits 5', async () => {
    const here = newSite();
    const args = ['-c', 'production.ini', 'storages', '--ping', '--json'];
    const reached = await depot(here, args);
    expect(reached.code).toBe(0);
    expect(objects(reached.out)).toMatchObject([
      { name: 'dbfiles', reachable: true, error: null },
      { name: 'localfs', reachable: true, error: null },
    ]);
    const env = { DEPOT_LOCALFS_STORAGE_PATH: path.join(here, 'absent') };
    const failed = await depot(here, args, { env });
    expect(failed.code).toBe(5);
    const [first, second] = objects(failed.out);
    expect([first?.reachable, second?.reachable]).toEqual([true, false]);
    expect(second?.error).toContain(path.join(here, 'absent'));
  });

  test('--ping says of one without a policy that it is only read, and what to add', async ({
    onTestFinished,
  }) => {
    const here = newDirectory();
    const server = createServer((request, response) => {
      const body = '<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>';
      request.resume().on('end', () => response.end(body));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    write(
      here,
      'depot.ini',
      ...['[depot]', 'depot.0.name = cloud', 'depot.0.backend = s3', 'depot.0.bucket = files'],
      ...[`depot.0.endpoint_url = http://127.0.0.1:${port}`, 'depot.0.access_key_id = key'],
      'depot.0.secret_access_key = secret',
    );
    const { code, out, err } = await depot(here, ['storages', '--ping']);
    expect(code).toBe(0);
    expect(out).toMatch(/ {2}yes, only for reading\n$/);
    expect(err).toMatch(/: it has no policy\nAdd the line "depot\.0\.policy = private", or .*\n$/);
    const json = await depot(here, ['--json', 'storages', '--ping']);
    expect(objects(json.out)).toMatchObject([
      { reachable: true, writable: false, error: expect.stringContaining('it has no policy') },
    ]);
    expect(await depot(here, ['put', 'depot.ini'])).toMatchObject({ code: 2, out: '' });
  });

  test.each([
    ['list'],
    ['put', 'depot.ini'],
    ['info', 'files/3b241101-e2bb-11e5-8b8e-0242ac110002'],
    ['get', 'files/3b241101-e2bb-11e5-8b8e-0242ac110002', '-'],
  ])('%s of a storage that is not there exits 5 and makes nothing', async (...args) => {
    const here = newStore();
    const env = { DEPOT_FILES_STORAGE_PATH: path.join(here, 'absent') };
    const ended = await depot(here, args, { env });
    expect(ended).toMatchObject({ code: 5, out: '' });
    expect(ended.err).toMatch(/^depot: cannot open the directory .*absent: .*\n.*\n$/);
    expect(readdirSync(here).sort()).toEqual(['depot.ini', 'files']);
  });

  test('create makes the directory, and a second time is no error', async () => {
    const here = newStore();
    const location = path.join(here, 'a', 'b');
    const env = { DEPOT_FILES_STORAGE_PATH: location };
    expect(await done(here, ['storages', 'create', 'files'], { env })).toBe(location);
    await done(here, ['put', 'depot.ini'], { env });
    const again = await depot(here, ['storages', 'create', 'files', '--json'], { env });
    expect(objects(again.out)).toEqual([{ storage: 'files', location }]);
    expect(readdirSync(location)).toHaveLength(1);
    expect(statSync(location).mode & 0o777).toBe(0o700);
  });

  test('create says what is in its way, also where no directory can ever be', async () => {
    const here = newStore();
    for (const [location, why] of [
      [path.join(here, 'depot.ini'), 'it exists already'],
      ['/proc/depot/files', 'it does not exist'],
    ] as const) {
      if (location.startsWith('/proc') && process.platform !== 'linux') continue;
      const env = { DEPOT_FILES_STORAGE_PATH: location };
      const ended = await depot(here, ['storages', 'create', 'files'], { env });
      expect(ended).toMatchObject({ out: '' });
      expect(ended.err).toBe(`depot: cannot create ${location}: ${why}\n`);
    }
  });

  test.each([
    { args: ['create', 'nowhere'], code: 3 },
    { args: ['create'], code: 2 },
    { args: ['remove', 'files'], code: 2 },
  ])('$args exits $code', async ({ args, code }) => {
    expect(await depot(newStore(), ['storages', ...args])).toMatchObject({ code, out: '' });
  });
});

describe.concurrent('init', () => {
  test('writes a configuration that works at once, and its directory', async () => {
    const here = newDirectory();
    expect(await done(here, ['init'])).toBe('depot.ini');
    expect(readdirSync(here).sort()).toEqual(['depot.ini', 'files']);
    const blob = await done(here, ['put', 'depot.ini']);
    expect(await done(here, ['get', blob, '-'])).toBe(
      readFileSync(path.join(here, 'depot.ini'), 'utf8').trimEnd(),
    );
    const comments = readFileSync(path.join(here, 'depot.ini'), 'utf8').match(/^#/gm);
    expect(comments).not.toBeNull();
  });

  test('takes another file, and with --json prints it', async () => {
    const here = newDirectory();
    mkdirSync(path.join(here, 'sub'));
    const { code, out } = await depot(here, ['--json', 'init', 'sub/my.ini']);
    expect({ code, objects: objects(out) }).toEqual({ code: 0, objects: [{ file: 'sub/my.ini' }] });
    expect(readdirSync(path.join(here, 'sub')).sort()).toEqual(['files', 'my.ini']);
    await done(here, ['-c', 'sub/my.ini', 'put', 'sub/my.ini']);
  });

  test('never writes over anything', async () => {
    const here = newDirectory();
    write(here, 'depot.ini', 'mine');
    symlinkSync('nowhere', path.join(here, 'link.ini'));
    for (const file of ['depot.ini', 'link.ini', '.']) {
      const ended = await depot(here, ['init', file]);
      expect(ended).toMatchObject({ code: 4, out: '' });
      expect(ended.err).toMatch(/^depot: cannot write .*: it exists already\n.*\n$/);
    }
    expect(readFileSync(path.join(here, 'depot.ini'), 'utf8')).toBe('mine\n');
    expect(readdirSync(here).sort()).toEqual(['depot.ini', 'link.ini']);
  });

  test('says what is in its way', async () => {
    const here = newDirectory();
    const nowhere = await depot(here, ['init', 'absent/depot.ini']);
    expect(nowhere).toMatchObject({ code: 3, out: '' });
    expect(nowhere.err).toBe(
      'depot: cannot write absent/depot.ini: there is no directory absent\n',
    );
    write(here, 'files', 'a file');
    const blocked = await depot(here, ['init']);
    expect(blocked).toMatchObject({ code: 4, out: '' });
    expect(blocked.err).toBe('depot: cannot make the directory files: it exists already\n');
    expect(readdirSync(here)).toEqual(['files']);
  });
});
