import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { absentId, depot, done, newDirectory, outcome, start } from './depot.js';
import { changed, example, newOwn, sameModule, settings, write } from './own-storage.js';

const directory = 'directory = blobs';
const setting = 'depot.ini line 3 [depot] depot.0.backend';
const naming = 'depot.ini line 2 [depot] depot.0.name';

/** A schema of a library, as its author would write it. */
function schemaModule(schema: string): string {
  const valibot = import.meta.resolve('valibot');
  return `import * as v from '${valibot}';\nexport { open } from '${example}';\nexport const schema = ${schema};`;
}

const unloadable = [
  { text: 'const = 1;', why: "SyntaxError: Unexpected token '='" },
  { text: 'import "not-installed";', why: "Cannot find package 'not-installed' imported from " },
  { text: 'import "./not-there.js";', why: "Cannot find module '" },
  { text: 'import { no } from "node:fs";', why: 'SyntaxError: ' },
  { text: 'throw new Error("first\\nsecond");', why: 'first second' },
  { text: 'throw "a text";', why: 'a text' },
  { text: 'undefined.nothing;', why: 'TypeError: Cannot read properties of undefined' },
];

describe.concurrent('a module that cannot be used is a mistake in the configuration', () => {
  test.each(unloadable)('$text', async ({ text, why }) => {
    const here = newOwn(text, directory);
    const { code, out, err } = await depot(here, ['list']);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    const file = path.join(here, 'my-storage.js');
    const [line, hint, ...rest] = err.split('\n');
    expect(line).toContain(`depot: ${setting}: cannot load ${file}: ${why}`);
    expect({ hint, rest }).toEqual({ hint: `Try it with: node ${file}`, rest: [''] });
  });

  test('a file that is not there', async () => {
    const here = newDirectory();
    write(here, 'depot.ini', settings('./absent.js'));
    const { code, out, err } = await depot(here, ['list']);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    const file = path.join(here, 'absent.js');
    expect(err).toBe(
      `depot: ${setting}: cannot load ${file}: it does not exist\nA relative path is relative to the configuration file.\n`,
    );
  });

  test.each([
    { manifest: null, why: 'it does not exist' },
    { manifest: '{', why: 'JSON' },
    { manifest: '{"exports": {"./other": "./x.js"}}', why: 'exports nothing to import' },
    { manifest: '{}', why: 'index.js' },
  ])('a directory with the package.json $manifest', async ({ manifest, why }) => {
    const here = newDirectory();
    write(here, 'depot.ini', settings('./package'));
    mkdirSync(path.join(here, 'package'));
    if (manifest !== null) write(here, 'package/package.json', manifest);
    const { code, out, err } = await depot(here, ['list']);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toMatch(/^depot: depot\.ini line 3 .*: cannot load \/.*\/package: .+\n.+\n$/);
    expect(err).toContain(why);
  });

  test.each([
    'export default 1;',
    'export const open = 1;',
    'export default null;',
    'export const other = () => {};',
    '',
  ])('no function open: %j', async (text) => {
    const here = newOwn(text);
    const { code, out, err } = await depot(here, ['list']);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toBe(
      `depot: ${setting}: cannot load ${here}/my-storage.js: it exports no function called open\nA storage module exports open, and schema if it has options.\n`,
    );
  });

  test.each([
    {
      text: 'throw new Error("no luck\\n today")',
      says: `cannot open storage files: no luck today`,
    },
    { text: 'throw undefined', says: 'cannot open storage files: undefined' },
    { text: 'return undefined', says: 'is no backend: it has no method place' },
    { text: 'return { place() {}, ping: 1 }', says: 'is no backend: it has no method ping' },
    {
      text: `const { close, ...rest } = await (await import('${example}')).open({ directory: '.' }, context); return rest`,
      says: 'is no backend: it has no method close',
    },
    {
      text: `const all = await (await import('${example}')).open({ directory: '.' }, context); return { ...all, ephemeral: undefined }`,
      says: 'its ephemeral is neither true nor false',
    },
  ])('open does: $text', async ({ text, says }) => {
    const here = newOwn(`export async function open(settings, context) { ${text}; }`);
    const { code, out, err } = await depot(here, ['list']);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toMatch(/^depot: .+\n$/);
    expect(err).toContain(`depot: ${naming}: `);
    expect(err).toContain(says);
  });
});

describe.concurrent('a backend that is no module is unknown', () => {
  test.each([
    'locals',
    'mysite.depot.MyStorage',
    'depot.io.local.LocalFilesStorage',
    'http',
    'node:fs',
    'my-storage.js',
    'storages/my-storage.js',
    '@acme',
    '@acme/Storage',
    'file://host/my-storage.js',
    'https://example.com/my-storage.js',
    'data:text/javascript,export function open() {}',
  ])('%s', async (backend) => {
    const here = newDirectory();
    write(here, 'depot.ini', settings(backend));
    write(here, 'my-storage.js', sameModule);
    for (const args of [['list'], ['storages'], ['storages', '--ping']]) {
      const { code, out, err } = await depot(here, args);
      expect({ code, out }).toEqual({ code: 2, out: '' });
      const [line, hint, ...rest] = err.split('\n');
      expect(line).toBe(`depot: ${setting}: unknown backend ${backend} of storage files`);
      expect(hint).toMatch(/^Known are the Python backends .*: local, .*\.\/FILE\.js.*\.$/);
      expect(rest).toEqual(['']);
    }
  });

  test('a package that is no storage says so', async () => {
    const here = newDirectory();
    write(here, 'depot.ini', settings('left-pad'));
    write(here, 'node_modules/left-pad/package.json', '{}');
    write(here, 'node_modules/left-pad/index.js', 'module.exports = () => {};');
    const { code, err } = await depot(here, ['list']);
    expect(code).toBe(2);
    expect(err).toContain('node_modules/left-pad: it exports no function called open');
  });
});

describe.concurrent('options that a module does not take', () => {
  test.each([
    {
      name: 'an unknown one, which the schema leaves out',
      text: sameModule,
      options: [directory, 'colour = blue'],
      err: 'depot.ini line 5 [depot] depot.0.colour: unknown option colour of storage files\nThe schema of its module knows no such option.',
    },
    {
      name: 'any, without a schema',
      text: `export { open } from '${example}';`,
      options: [directory],
      err: 'depot.ini line 4 [depot] depot.0.directory: unknown option directory of storage files\nThe schema of its module knows no such option.',
    },
    {
      name: 'a missing one',
      text: sameModule,
      options: [],
      err: `${naming}: storage files needs the option directory: it must name a directory`,
    },
    {
      name: 'an unknown one, which the schema refuses',
      text: schemaModule('v.strictObject({ directory: v.string() })'),
      options: [directory, 'colour = blue'],
      err: 'depot.ini line 5 [depot] depot.0.colour: Invalid key: Expected never but received "colour"',
    },
    {
      name: 'a secret of the wrong form, which is not shown',
      text: schemaModule('v.object({ password: v.picklist(["a"]) })'),
      options: ['password = hunter"2'],
      err: 'depot.ini line 4 [depot] depot.0.password: Invalid type: Expected "a" but received "***"',
    },
    {
      name: 'one that is refused later',
      text: schemaModule(
        'v.objectAsync({ directory: v.pipeAsync(v.string(), v.checkAsync(async () => false, "not\\nthat")) })',
      ),
      options: [directory],
      err: 'depot.ini line 4 [depot] depot.0.directory: not that',
    },
    {
      name: 'all of them together',
      text: schemaModule('v.pipe(v.object({ directory: v.string() }), v.check(() => false, "no"))'),
      options: [directory],
      err: `${naming}: storage files: no`,
    },
    {
      name: 'by a schema that throws',
      text: schemaModule('{ "~standard": { validate({ key }) { throw new Error("no " + key) } } }'),
      options: ['key = hunter2'],
      err: `${naming}: the schema of storage files failed: no ***`,
    },
    {
      name: 'by no schema at all',
      text: schemaModule('{ type: "object" }'),
      options: [directory],
      err: `${naming}: the schema of storage files is no Standard Schema`,
    },
  ])('$name', async ({ text, options, err }) => {
    const ended = await depot(newOwn(text, ...options), ['list']);
    expect(ended).toMatchObject({ code: 2, out: '', err: `depot: ${err}\n` });
  });
});

/** Of a blob that need not be there. */
const anyInfo = `async info(id) {
  return { id, filename: 'a', contentType: 'b', contentLength: 1, lastModified: null, version: '1' };
}`;

describe.concurrent('what a module throws while it works', () => {
  const info = `files/${absentId}`;
  const commands: readonly { what: string; method: string; args: readonly string[] }[] = [
    { what: 'list', method: 'async *list() { throw ERROR }', args: ['list'] },
    { what: 'list at once', method: 'list() { throw ERROR }', args: ['list'] },
    { what: 'info', method: 'async info() { throw ERROR }', args: ['info', info] },
    { what: 'info at once', method: 'info() { throw ERROR }', args: ['info', info] },
    { what: 'acceptsId', method: 'acceptsId() { throw ERROR }', args: ['info', info] },
    { what: 'create', method: 'async create() { throw ERROR }', args: ['put', 'depot.ini'] },
    { what: 'newId', method: 'newId() { throw ERROR }', args: ['put', 'depot.ini'] },
    {
      what: 'provision',
      method: 'async provision() { throw ERROR }',
      args: ['storages', 'create', 'files'],
    },
    {
      what: 'read',
      method: `${anyInfo}, async read() { throw ERROR }`,
      args: ['get', info, '-'],
    },
    {
      what: 'the chunks of read',
      method: `${anyInfo}, async read() { return { info: {}, chunks: (async function* () { throw ERROR })(), close() {} } }`,
      args: ['get', info, '-'],
    },
  ];

  test.each(commands)('names the storage: $what', async ({ method, args }) => {
    const failing = (error: string): string =>
      newOwn(changed(method.replace('ERROR', error)), directory);
    const plain = await depot(failing('new TypeError("one\\n two")'), args);
    expect(plain).toMatchObject({ code: 1, err: 'depot: storage files: one two\n' });
    const text = await depot(failing('"a text"'), args);
    expect(text).toMatchObject({ code: 1, err: 'depot: storage files: a text\n' });
    const own = await depot(
      failing('new DepotError("unreachable", "gone", { hint: "Wait." })'),
      args,
    );
    expect(own).toMatchObject({ code: 5, err: 'depot: gone\nWait.\n' });
    const copy = 'Object.assign(new Error("not yet"), { name: "DepotError", kind: "refused" })';
    const foreign = await depot(failing(copy), args);
    expect(foreign).toMatchObject({ code: 4, err: 'depot: not yet\n' });
  });

  test('shows where with DEPOT_DEBUG=1', async () => {
    const here = newOwn(changed('async ping() { throw new Error("why") }'), directory);
    const env = { DEPOT_DEBUG: '1' };
    const { code, err } = await depot(here, ['storages', '--ping']);
    expect({ code, err }).toEqual({ code: 1, err: 'depot: storage files: why\n' });
    const list = newOwn(changed('async *list() { throw new Error("why") }'), directory);
    const shown = await outcome(start(list, ['list'], { env }));
    expect(shown.err).toMatch(/^depot: storage files: why\nError: why\n.*my-storage\.js:6:\d+/);
  });

  test('a module that says it may only be read is not written to', async () => {
    const text = changed('readOnly: new DepotError("config", "frozen", { hint: "Thaw it." })');
    const here = newOwn(text, directory);
    await done(here, ['storages', 'create', 'files']);
    const ended = await depot(here, ['put', 'depot.ini']);
    expect(ended).toMatchObject({ code: 2, err: 'depot: frozen\nThaw it.\n' });
    const foreign = newOwn(changed('readOnly: new Error("frozen")'), directory);
    const other = await depot(foreign, ['put', 'depot.ini']);
    expect(other).toMatchObject({ code: 1, err: 'depot: storage files: frozen\n' });
  });

  test('a blob that it says is longer or shorter than it is, is damaged', async () => {
    const here = newOwn(sameModule, directory);
    await done(here, ['storages', 'create', 'files']);
    const blob = await done(here, ['put', 'depot.ini']);
    const short = 'async create() { return 1 }';
    writeFileSync(path.join(here, 'my-storage.js'), changed(short));
    const stored = await depot(here, ['put', 'depot.ini']);
    expect(stored).toMatchObject({ code: 1, out: '' });
    expect(stored.err).toContain('it counts 1 bytes, 0 were written');
    const longer =
      'async read(...args) { const { info, ...rest } = await backend.read(...args); return { ...rest, info: { ...info, contentLength: 1000 } } }';
    writeFileSync(path.join(here, 'my-storage.js'), changed(longer));
    const read = await depot(here, ['get', blob, 'copy']);
    expect(read.code).toBe(1);
    expect(read.err).toContain('where 1000 bytes were announced');
  });

  test.each([
    { text: changed('ping() { return new Promise(() => {}) }'), args: ['storages', '--ping'] },
    {
      text: changed('info() { return new Promise(() => {}) }'),
      args: ['info', `files/${absentId}`],
    },
    { text: 'await new Promise(() => {});', args: ['list'] },
    { text: 'export function open() { return new Promise(() => {}); }', args: ['list'] },
  ])(
    'a promise that never settles does not end as if all were done: $text',
    async ({ text, args }) => {
      const options = text.includes('import') ? [directory] : [];
      const ended = await depot(newOwn(text, ...options), args);
      expect(ended).toMatchObject({ code: 1, out: '' });
      expect(ended.err).toBe('depot: ended before it was done: it waits for what can never come\n');
    },
  );
});
