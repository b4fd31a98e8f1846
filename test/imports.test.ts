import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';

const root = path.resolve(import.meta.dirname, '..');

/** The rooms from the bottom up: each may import itself and what stands below it. */
const rooms = [
  'errors',
  'python',
  'time',
  'backend',
  'streams',
  'ranges',
  'listing',
  'files',
  'network',
  'lock',
  'config',
  'settings',
  'mongodb',
  'databases',
  'backends',
  'modules',
  'registry',
  'storage',
  'library',
  'manager',
  'fields',
  'serving',
  'references',
  'sessions',
  'transfer',
  'index',
  'cli',
];

/** `errors` of `errors.ts`, `cli` of `cli/commands/list.ts`. */
function roomOf(file: string): string {
  return (file.split('/')[0] as string).replace(/\.(?:ts|js)$/, '');
}

const sources = readdirSync(path.join(root, 'src'), { recursive: true, encoding: 'utf8' }).filter(
  (file) => file.endsWith('.ts'),
);

function importsOf(file: string): string[] {
  const text = readFileSync(path.join(root, 'src', file), 'utf8');
  const matches = text.matchAll(/(?:from|import\()\s*'(\.[^']+)'/g);
  return [...matches].map(([, to]) => path.posix.join(path.posix.dirname(file), to as string));
}

test('every room is known', () => {
  expect(sources.length).toBeGreaterThan(50);
  for (const file of sources) expect(rooms).toContain(roomOf(file));
});

test.each(sources)('%s imports nothing from above', (file) => {
  const own = roomOf(file);
  for (const imported of importsOf(file)) {
    const room = roomOf(imported);
    expect({ imported, below: room === own || rooms.indexOf(room) < rooms.indexOf(own) }).toEqual({
      imported,
      below: true,
    });
  }
});

/** Files that import each other in a ring, types apart, which are gone when the program runs. */
function findCycle(): string[] | null {
  const done = new Set<string>();
  const visit = (file: string, above: readonly string[]): string[] | null => {
    if (above.includes(file)) return [...above.slice(above.indexOf(file)), file];
    if (done.has(file)) return null;
    done.add(file);
    for (const imported of runtimeImportsOf(file)) {
      const cycle = visit(imported, [...above, file]);
      if (cycle !== null) return cycle;
    }
    return null;
  };
  return sources.map((file) => visit(file, [])).find((cycle) => cycle !== null) ?? null;
}

function runtimeImportsOf(file: string): string[] {
  const text = readFileSync(path.join(root, 'src', file), 'utf8');
  const matches = text.matchAll(/^(?:import|export) (?!type\b)[^;]*?from '(\.[^']+)\.js'/gm);
  return [...matches].map(
    ([, to]) => `${path.posix.join(path.posix.dirname(file), to as string)}.ts`,
  );
}

test('no files import each other in a ring', () => {
  expect(sources.flatMap(runtimeImportsOf).length).toBeGreaterThan(100);
  expect(findCycle()).toBeNull();
});

/** Packages that a command loads, asked of the process itself. */
function packagesLoadedBy(directory: string, ...args: string[]): string[] {
  return packagesLoaded(directory, args, 0);
}

function packagesLoaded(directory: string, args: readonly string[], exit: number): string[] {
  const hook = `
    import { registerHooks } from 'node:module';
    const loaded = new Set();
    registerHooks({ load(url, context, next) { loaded.add(url); return next(url, context); } });
    process.on('exit', () => console.error([...loaded].filter((url) => url.includes('/node_modules/')).join('\\n')));`;
  const { status, stderr } = spawnSync(
    process.execPath,
    [
      '--import',
      `data:text/javascript,${encodeURIComponent(hook)}`,
      path.join(root, 'bin/depot.js'),
      ...args,
    ],
    { cwd: directory, encoding: 'utf8' },
  );
  expect({ status, stderr }).toMatchObject({ status: exit });
  const names = stderr.matchAll(/\/node_modules\/([^/\n]+)/g);
  return [...new Set([...names].map(([, name]) => name as string))];
}

test('a command loads no driver or library that it does not use', () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'depot-imports-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  expect(packagesLoadedBy(directory, '--version')).toEqual([]);
  expect(packagesLoadedBy(directory, 'init')).toEqual(['ini']);
  expect(packagesLoadedBy(directory, 'list')).toEqual([]);
  expect(packagesLoadedBy(directory, 'put', path.join(root, 'LICENSE'))).toEqual([]);
  expect(packagesLoadedBy(directory, 'list', '-l')).toEqual([]);
  expect(packagesLoadedBy(directory, 'storages')).toEqual(expect.arrayContaining(['cli-table3']));
});

/** Storages on a port where nothing listens, and what opening each may load. */
const unreachable = [
  {
    kind: 's3',
    sdk: '@aws-sdk',
    lines: ['endpoint_url = http://127.0.0.1:9', 'bucket = b', 'access_key_id = k'].concat([
      'secret_access_key = s',
    ]),
  },
  { kind: 'gcs', sdk: '@google-cloud', lines: ['api_endpoint = http://127.0.0.1:9', 'bucket = b'] },
  { kind: 'gridfs', sdk: 'mongodb', lines: ['mongouri = mongodb://127.0.0.1:9/site'] },
  { kind: 'sql', sdk: 'pg', lines: [], url: 'postgresql://u@127.0.0.1:9/site' },
  { kind: 'sql', sdk: 'mysql2', lines: [], url: 'mysql://u@127.0.0.1:9/site' },
];

test.each(unreachable)(
  '$kind loads $sdk, and no other SDK or driver',
  ({ kind, sdk, lines, url }) => {
    const directory = mkdtempSync(path.join(tmpdir(), 'depot-imports-'));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    const settings = ['name = files', `backend = ${kind}`, ...lines];
    const text = [
      '[app:main]',
      ...(url === undefined ? [] : [`sqlalchemy.url = ${url}`]),
      ...settings.map((line) => `depot.0.${line}`),
      '',
    ].join('\n');
    writeFileSync(path.join(directory, 'depot.ini'), text);
    const sdks = ['better-sqlite3', ...unreachable.map((one) => one.sdk)];
    const known = (packages: readonly string[]): string[] =>
      packages.filter((one) => sdks.includes(one));
    expect(known(packagesLoaded(directory, ['storages'], 0))).toEqual([]);
    expect(known(packagesLoaded(directory, ['list', 'files'], 5))).toEqual([sdk]);
  },
);
