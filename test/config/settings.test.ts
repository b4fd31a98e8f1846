import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type Configuration,
  describeOrigin,
  loadConfiguration,
} from '../../src/config/settings.js';
import { DepotError } from '../../src/errors.js';

let directory: string;
let count = 0;

beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'depot-config-'));
});

afterAll(async () => {
  await rm(directory, { recursive: true });
});

/** Writes files into a directory of their own and loads the first one. */
async function load(
  files: string | Record<string, string>,
  { app = '', env = {} }: { app?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<Configuration> {
  count += 1;
  const place = path.join(directory, String(count));
  await mkdir(place);
  const all = typeof files === 'string' ? { 'site.ini': files } : files;
  for (const [name, text] of Object.entries(all)) await writeFile(path.join(place, name), text);
  return loadConfiguration({ file: path.join(place, Object.keys(all)[0] ?? '') + app, env });
}

/** The error's message, with paths below the file's directory made short, and its hint. */
async function failure(...input: Parameters<typeof load>): Promise<string[]> {
  const error = await load(...input).then(
    () => expect.unreachable('no error'),
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof DepotError)) throw error;
  expect(error.kind).toBe('config');
  const place = `${path.join(directory, String(count))}${path.sep}`;
  return [error.message, error.hint ?? ''].map((text) => text.replaceAll(place, ''));
}

function summary({ storages }: Configuration): string[] {
  return storages.map(({ name, backend, options }) => {
    const list = [...options].map(([key, { value }]) => `${key}=${value}`);
    return [name, backend.value, ...list].join(' ');
  });
}

const kotti = '[app:kotti]\nuse = egg:kotti\n';
const memory = (number: number | string, name: string) =>
  `depot.${number}.name = ${name}\ndepot.${number}.backend = memory\n`;

describe('the Kotti site of the fixtures', () => {
  const file = path.resolve('fixtures/kotti-site/production.ini');

  test('is read whole', async () => {
    const configuration = await loadConfiguration({ file, env: {} });
    expect(summary(configuration)).toEqual([
      'dbfiles kotti.filedepot.DBFileStorage',
      `localfs depot.io.local.LocalFileStorage storage_path=${path.dirname(file)}/blobs`,
    ]);
    expect(configuration).toMatchObject({
      file,
      directory: path.dirname(file),
      app: 'kotti',
      defaultStorage: 'dbfiles',
      mountpoint: '/depot',
      databases: [{ value: `sqlite:///${path.dirname(file)}/Kotti.db` }],
      references: [],
      notices: [],
    });
    expect(configuration.databases).toEqual([configuration.sqlalchemyUrl]);
    expect(configuration.timezone).toBeUndefined();
  });

  test('a value says where it is written', async () => {
    const { storages } = await loadConfiguration({ file, env: {} });
    const origin = storages[1]?.options.get('storage_path')?.origin;
    expect(origin && describeOrigin(origin)).toBe(
      'fixtures/kotti-site/production.ini line 32 [app:kotti] kotti.depot.1.storage_path',
    );
  });

  test('by its pipeline it is the same', async () => {
    const direct = await loadConfiguration({ file: `${file}#kotti`, env: {} });
    const piped = await loadConfiguration({ file: `${file}#main`, env: {} });
    expect(piped).toEqual({ ...direct, app: 'main' });
  });
});

describe('the application', () => {
  test.each([
    ['use = egg:kotti', `${kotti}`, 'kotti'],
    ['egg:Kotti#main', '[app:a]\nuse = egg:Kotti#main', 'a'],
    ['any kotti. setting', '[app:a]\nkotti.secret = x', 'a'],
    ['a bare [app]', `[app]\n${memory(0, 'm')}`, 'main'],
    ['application:', `[application:a]\n${memory(0, 'm')}`, 'a'],
    ['filter-app', `[filter-app:f]\nuse = egg:x\nnext = kotti\n${kotti}`, 'kotti'],
    ['filter-with', `${kotti}filter-with = gone`, 'kotti'],
    ['pipeline before the app', `[pipeline:main]\npipeline = a kotti\n${kotti}`, 'kotti'],
    [
      'others without storages',
      `[composite:main]\nuse = egg:Paste#urlmap\n/ = kotti\n${kotti}`,
      'kotti',
    ],
    ['others that lead nowhere', `[app:main]\nuse = gone\n${kotti}`, 'kotti'],
  ])('is found: %s', async (_, text, app) => {
    expect((await load(text)).app).toBe(app);
  });

  test('is found through another file, with the settings of both', async () => {
    const configuration = await load({
      'site.ini':
        '[DEFAULT]\nget_me = sqlite:///x\n[app:main]\nuse = config:base.ini#k\nget sqlalchemy.url = get_me\n',
      'base.ini': '[app:k]\nuse = egg:kotti\nkotti.depot_mountpoint = /files\nsqlalchemy.url = y\n',
    });
    expect(summary(configuration)).toEqual(['dbfiles kotti.filedepot.DBFileStorage']);
    expect(configuration).toMatchObject({
      app: 'main',
      mountpoint: '/files',
      sqlalchemyUrl: { value: 'sqlite:///x', origin: { section: 'DEFAULT', line: 2 } },
    });
  });

  test('is the one that # names', async () => {
    const text = `[app:a]\n${memory(0, 'one')}[app:b]\n${memory(0, 'two')}`;
    expect(summary(await load(text, { app: '#b' }))).toEqual(['two memory']);
    expect((await load(`[app]\n${memory(0, 'one')}`, { app: '#main' })).app).toBe('main');
  });

  test('gets nothing from [DEFAULT]', async () => {
    const text = `[DEFAULT]\nsqlalchemy.url = x\nkotti.depot.0.name = y\n${kotti}kotti.depot.0.name = z\n`;
    const configuration = await load(text);
    expect(summary(configuration)).toEqual(['dbfiles kotti.filedepot.DBFileStorage']);
    expect(configuration).toMatchObject({ sqlalchemyUrl: undefined, databases: [] });
  });

  test('a setting that nobody needs may be broken', async () => {
    expect(summary(await load(`${kotti}format = %(asctime)s`))).toHaveLength(1);
  });

  test('errors', async () => {
    expect(await failure(`[app:a]\n${memory(0, 'm')}[app:b]\n${memory(0, 'm')}`)).toEqual([
      'site.ini: more than one application has storages: a, b',
      'Choose one: -c site.ini#a',
    ]);
    expect(await failure(kotti, { app: '#main' })).toEqual([
      'site.ini: no section [app:main]',
      'The file has [app:kotti].',
    ]);
    expect(await failure('[app:a]\nx = 1\n[composite:a]\n', { app: '#a' })).toEqual([
      "site.ini: more than one application 'a': [app:a], [composite:a]",
      'Rename one of the sections.',
    ]);
    expect(await failure('[app:a]\nuse = b\n[app:b]\nuse = a\n')).toEqual([
      'site.ini [app:a]: it uses itself: site.ini [app:a] → site.ini [app:b] → site.ini [app:a]',
      "Let 'use' name another section.",
    ]);
    expect(await failure('[app:a]\nuse = config:gone.ini\n')).toEqual([
      'site.ini line 2 [app:a] use: gone.ini: no such file',
      '',
    ]);
    expect((await failure('[app:a]\nuse = gone\n'))[0]).toBe(
      'site.ini line 2 [app:a] use: site.ini: no section [app:gone]',
    );
    expect((await failure('[app:a]\nuse = paste:x\n'))[0]).toBe(
      "site.ini line 2 [app:a] use: 'paste:' is none of config:, egg: and call:",
    );
    expect((await failure('[pipeline:a]\npipeline = b\nx = 1\n'))[0]).toBe(
      "site.ini line 3 [pipeline:a] x: a pipeline has no other setting than 'pipeline'",
    );
    expect((await failure('[pipeline:a]\npipeline =\n'))[0]).toBe(
      'site.ini line 2 [pipeline:a] pipeline: the pipeline is empty',
    );
    expect((await failure('[pipeline:a]\n'))[0]).toBe(
      "site.ini [pipeline:a]: no setting 'pipeline'",
    );
    expect((await failure('[filter-app:a]\n'))[0]).toBe(
      "site.ini [filter-app:a]: no setting 'next'",
    );
    expect(await failure('[app:a]\nget x = y\n')).toEqual([
      "site.ini line 2 [app:a] get x: there is no global setting 'y'",
      'Global settings stand in [DEFAULT].',
    ]);
  });
});

describe('storages', () => {
  test('of the plain form: the default one, the numbered, the named', async () => {
    const configuration = await load(
      `[app:main]\n${memory(10, 'ten')}${memory(2, 'two')}depot.storage_path = x\n` +
        'depot.images.backend = local\ndepot.images.storage_path = y\n',
    );
    expect(summary(configuration)).toEqual([
      'default depot.io.local.LocalFileStorage storage_path=x',
      'two memory',
      'ten memory',
      'images local storage_path=y',
    ]);
    expect(configuration.defaultStorage).toBe('default');
  });

  test('of a file without any application', async () => {
    const configuration = await load(`[depot]\n${memory(1, 'b')}${memory(0, 'a')}`);
    expect(summary(configuration)).toEqual(['a memory', 'b memory']);
    expect(configuration).toMatchObject({ app: undefined, databases: [], mountpoint: '/depot' });
  });

  test("of [depot] come after the application's", async () => {
    const configuration = await load(`[depot]\n${memory(0, 'archive')}${kotti}`);
    expect(configuration.storages.map(({ name }) => name)).toEqual(['dbfiles', 'archive']);
  });

  test('of Kotti without a backend are local files, as in Python', async () => {
    const configuration = await load(`${kotti}kotti.depot.1.name = x\n`);
    expect(summary(configuration)[1]).toBe('x depot.io.local.LocalFileStorage');
  });

  test('numbers are what int() reads', async () => {
    const configuration = await load(
      `[app:a]\n${memory('1_0', 'a')}${memory('+2', 'b')}${memory('٣', 'c')}depot.02.x = 1\n`,
    );
    expect(summary(configuration)).toEqual(['b memory x=1', 'c memory', 'a memory']);
  });

  test('errors', async () => {
    expect(await failure('[app:a]\nx = 1\n')).toEqual([
      'site.ini: it configures no storage',
      'Add depot.0.name and depot.0.backend to [depot]; depot init writes an example.',
    ]);
    expect(await failure(`${kotti}kotti.depot.first.name = x\n`)).toEqual([
      "site.ini line 3 [app:kotti] kotti.depot.first.name: Kotti reads 'kotti.depot.' only before a number, a dot and an option",
      "Write it like kotti.depot.1.name; what is no setting of Kotti's belongs into [depot].",
    ]);
    expect((await failure(`${kotti}kotti.depot.x = 1\n`))[0]).toContain(
      'kotti.depot.x: Kotti reads',
    );
    expect(await failure(`${kotti}kotti.depot.1.backend = local\n`)).toEqual([
      'site.ini line 3 [app:kotti] kotti.depot.1.backend: the storage has no name',
      'Give it one: kotti.depot.1.name = NAME',
    ]);
    expect((await failure('[app:a]\ndepot.0.name =\ndepot.0.backend = x\n'))[0]).toBe(
      'site.ini line 2 [app:a] depot.0.name: the storage has no name',
    );
    expect(await failure('[app:a]\ndepot.0.name = x\n')).toEqual([
      "site.ini line 2 [app:a] depot.0.name: the storage 'x' has no backend",
      'Give it one: depot.0.backend = local',
    ]);
    expect(await failure('[app:a]\ndepot.images.bucket = x\n')).toEqual([
      "site.ini line 2 [app:a] depot.images.bucket: the storage 'images' has no backend",
      'Give it one: depot.images.backend = local',
    ]);
    expect(await failure(`[app:a]\n${memory(0, 'x')}${memory(1, 'x')}`)).toEqual([
      "site.ini line 4 [app:a] depot.1.name: 'x' is already the name of the storage at site.ini line 2 [app:a] depot.0.name",
      'Rename one of the two, or remove it.',
    ]);
    expect((await failure(`[depot]\n${memory(0, 'dbfiles')}${kotti}`))[0]).toBe(
      "site.ini line 2 [depot] depot.0.name: 'dbfiles' is already the name of the storage at site.ini [app:kotti] kotti.depot.0.name",
    );
  });

  test('any option in the plain form is read back', async () => {
    const word = fc.stringMatching(/^[a-z_]{1,12}$/).filter((key) => key !== 'name');
    const text = fc.string({ unit: 'grapheme', maxLength: 20 }).map((each) => each.trim());
    const value = text.filter((each) => !/[\p{Cc}\u2028\u2029\ufeff]/u.test(each));
    await fc.assert(
      fc.asyncProperty(word, value, async (key, written) => {
        fc.pre(key !== 'backend');
        const escaped = written.replaceAll('%', '%%');
        const { storages } = await load(`[depot]\n${memory(0, 'm')}depot.0.${key} = ${escaped}\n`);
        expect(storages[0]?.options.get(key)?.value).toBe(written);
      }),
      { numRuns: 50 },
    );
  });
});

describe('sections of our own', () => {
  const own = `[depot]
default = up
timezone = Europe/Berlin
mountpoint = /files
databases =
    sqlite:///%(here)s/a.db
    # a comment
    mongodb://db/site
references =
    files.data

    images.data
[depot:aliases]
up = archive
[depot:storage:archive]
addressing_style = path
backend = ./archive.js
`;
  const site = `[DEFAULT]\ntimezone = UTC\nnonsense = 1\n${kotti}sqlalchemy.url = sqlite:///b.db\n${memory(1, 'archive')}`;

  test('are read, and inherit nothing', async () => {
    const configuration = await load(own + site);
    const { directory: here, databases, references } = configuration;
    expect(summary(configuration)[1]).toBe('archive ./archive.js addressing_style=path');
    expect(configuration).toMatchObject({
      defaultStorage: 'archive',
      aliases: new Map([['up', 'archive']]),
      timezone: { value: 'Europe/Berlin', origin: { section: 'depot', line: 3 } },
      mountpoint: '/files',
    });
    const values = [...databases, ...references].map(({ value }) => value);
    const urls = [`sqlite:///${here}/a.db`, 'mongodb://db/site'];
    expect(values).toEqual([...urls, 'files.data', 'images.data']);
  });

  test('what they leave out comes from the application', async () => {
    const configuration = await load(`[depot]\n${site}kotti.depot_mountpoint = /quay\n`);
    expect(configuration).toMatchObject({
      defaultStorage: 'dbfiles',
      timezone: undefined,
      mountpoint: '/quay',
      databases: [{ value: 'sqlite:///b.db' }],
    });
  });

  test('errors', async () => {
    expect(await failure(`[depot]\ntime_zone = UTC\n${site}`)).toEqual([
      'site.ini line 2 [depot] time_zone: unknown setting',
      '[depot] has default, timezone, mountpoint, databases, references and depot.N.OPTION.',
    ]);
    expect((await failure('[depot]\ndepot.backend = local\n'))[0]).toBe(
      'site.ini line 2 [depot] depot.backend: unknown setting',
    );
    expect(await failure(`[depot:alias]\n${site}`)).toEqual([
      'site.ini [depot:alias]: unknown section',
      'There are [depot], [depot:aliases] and [depot:storage:NAME].',
    ]);
    expect(await failure(`[depot:storage:x]\n${site}`)).toEqual([
      "site.ini [depot:storage:x]: no storage is called 'x'",
      'There are dbfiles, archive.',
    ]);
    expect((await failure(`[depot]\ndefault = x\n${site}`))[0]).toBe(
      "site.ini line 2 [depot] default: no storage is called 'x'",
    );
    expect((await failure(`[depot:aliases]\nup = x\n${site}`))[0]).toBe(
      "site.ini line 2 [depot:aliases] up: no storage is called 'x'",
    );
    expect(await failure(`[depot:aliases]\narchive = dbfiles\n${site}`)).toEqual([
      "site.ini line 2 [depot:aliases] archive: an alias can't have the name of a storage",
      'Choose another alias: references name the storage.',
    ]);
  });
});

describe('the environment', () => {
  const text = `[depot]\n${memory(0, 's3')}${memory(1, 's3-old.files')}depot.0.apiKey = x\n[depot:storage:s3]\nregion = y\n`;

  test('lays options over the file', async () => {
    const configuration = await load(text, {
      env: {
        DEPOT_S3_APIKEY: 'a',
        DEPOT_S3_REGION: 'b',
        DEPOT_S3_BUCKET: 'c',
        DEPOT_S3_OLD_FILES_BUCKET: 'd',
        DEPOT_CONFIG: 'e',
        DEPOT_DEBUG: '1',
        DEPOT_OTHER_BUCKET: 'f',
        DEPOT_S3_: 'g',
        depot_s3_prefix: 'h',
      },
    });
    expect(summary(configuration)).toEqual([
      's3 memory apiKey=a region=b bucket=c',
      's3-old.files memory bucket=d',
    ]);
    const origin = configuration.storages[0]?.options.get('bucket')?.origin;
    expect(origin && describeOrigin(origin)).toBe('DEPOT_S3_BUCKET');
  });

  test('may choose the backend', async () => {
    const configuration = await load(text, { env: { DEPOT_S3_BACKEND: 's3' } });
    expect(configuration.storages[0]?.backend).toMatchObject({ value: 's3' });
  });

  test('a variable of two storages is an error', async () => {
    const both = `[depot]\n${memory(0, 'a-b')}${memory(1, 'a.b')}`;
    expect(await failure(both, { env: { DEPOT_A_B_BUCKET: 'secret' } })).toEqual([
      "DEPOT_A_B_BUCKET: it could be of the storage 'a-b' or of 'a.b'",
      'Set the option in the configuration file.',
    ]);
  });
});

describe('the file', () => {
  test('a byte-order mark is read past and noted', async () => {
    const { notices, file } = await load(`\ufeff${kotti}`);
    expect(notices).toEqual([
      `${file}: begins with a byte-order mark; read past it, but Python refuses the file`,
    ]);
  });

  test('a # or % in its directory is no application and no reference', async () => {
    const place = path.join(directory, 'c# 100%');
    await mkdir(place);
    await writeFile(path.join(place, 'a.ini'), `[app:a]\n${memory(0, 'm')}depot.0.p = %(here)s\n`);
    for (const app of ['', '#a']) {
      const { storages } = await loadConfiguration({ file: `${place}/a.ini${app}`, env: {} });
      expect(storages[0]?.options.get('p')?.value).toBe(place);
    }
  });

  test('errors', async () => {
    const hint =
      'Name the configuration file with -c FILE or DEPOT_CONFIG; depot init writes a first one.';
    const loading = (file: string) => loadConfiguration({ file, env: {} });
    await expect(loading('no/such.ini')).rejects.toMatchObject({
      kind: 'config',
      message: 'no/such.ini: no such file',
      hint,
    });
    await expect(loading('fixtures')).rejects.toThrow('fixtures: it is a directory');
    await expect(loading('package.json/x')).rejects.toThrow('package.json/x: no such file');
    await expect(loading('fixtures/ini/latin1.ini')).rejects.toThrow(
      /^fixtures\/ini\/latin1\.ini line 3: not UTF-8, the byte at offset 56 is 0xe9$/,
    );
  });

  test('one that may not be read', async ({ skip }) => {
    skip(process.getuid?.() === 0, 'root may read every file');
    const file = path.join(directory, 'private.ini');
    await writeFile(file, '');
    await chmod(file, 0);
    await expect(loadConfiguration({ file, env: {} })).rejects.toThrow('permission denied');
  });
});
