import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { configurationOf, FileIntent, loadConfiguration, Manager } from '../../src/index.js';

function newDirectory(): string {
  const directory = mkdtempSync(path.join(tmpdir(), 'depot-library-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  return directory;
}

const absent = '3b241101-e2bb-11e5-8b8e-0242ac110002';
const memory = { backend: 'memory' };

/** A manager of storages in memory, closed at the end. */
function inMemory(...names: string[]): Manager {
  const storages = Object.fromEntries(names.map((name) => [name, memory]));
  const manager = new Manager(configurationOf({ storages }));
  onTestFinished(() => manager.close());
  return manager;
}

test('stores and gives back, from an object as from a file', async () => {
  const directory = newDirectory();
  const storage_path = 'files';
  const settings = { storages: { files: { backend: 'local', storage_path } }, directory };
  const manager = new Manager(configurationOf(settings));
  await (await manager.storage()).backend.provision();
  const content = Buffer.from('<svg/>');
  const stored = await manager.store(content, { filename: 'a logo.svg' });
  expect(stored).toMatchObject({
    ...{ path: `files/${stored.id}`, storage: 'files', filename: 'a logo.svg' },
    ...{ contentType: 'image/svg+xml', contentLength: 6, publicUrl: null },
  });
  expect(Date.now() - Number(stored.lastModified)).toBeLessThan(60_000);
  await manager.close();
  expect(readdirSync(path.join(directory, storage_path))).toEqual([stored.id]);

  writeFileSync(
    path.join(directory, 'depot.ini'),
    '[depot]\ndepot.0.name = files\ndepot.0.backend = local\ndepot.0.storage_path = files\n',
  );
  const configuration = await loadConfiguration({
    file: path.join(directory, 'depot.ini'),
    env: {},
  });
  const other = new Manager(configuration);
  onTestFinished(() => other.close());
  const found = await other.getFile(stored.path);
  expect({ ...found, read: null, readable: null, stream: null, bytes: null }).toEqual({
    ...{ ...stored, read: null, readable: null, stream: null, bytes: null },
    lastModified: new Date(Math.floor(Number(stored.lastModified) / 1000) * 1000),
  });
  expect(Buffer.from(await found.bytes()).equals(content)).toBe(true);
});

test('every way out gives the same bytes, and ranges of them', async () => {
  const manager = inMemory('files');
  const { path: stored } = await manager.store(Buffer.from('0123456789'));
  const file = await manager.getFile(stored);
  const range = { start: 2, end: 4 };
  for (const [options, expected] of [
    [{}, '0123456789'],
    [{ range }, '234'],
  ] as const) {
    expect(Buffer.from(await file.bytes(options)).toString()).toBe(expected);
    expect(Buffer.concat(await file.readable(options).toArray()).toString()).toBe(expected);
    expect(await new Response(file.stream(options)).text()).toBe(expected);
  }
  await expect(file.bytes({ range: { start: 5, end: 10 } })).rejects.toMatchObject({
    kind: 'usage',
  });
  const aborted = AbortSignal.abort(new Error('enough'));
  await expect(file.bytes({ signal: aborted })).rejects.toThrow('enough');
  await expect(file.readable({ signal: aborted }).toArray()).rejects.toThrow('enough');
  // A reader that goes away early leaves nothing open that would keep another from deleting it.
  for await (const chunk of file.readable()) {
    expect(chunk.length).toBeGreaterThan(0);
    break;
  }
  await (await manager.storage('files')).delete(file.id);
  await expect(manager.getFile(stored)).rejects.toMatchObject({ kind: 'not-found' });
});

test('an alias stands for a storage, and what is stored has the name of the storage', async () => {
  const manager = inMemory('old', 'new');
  manager.alias('avatars', 'old');
  const first = await manager.store(Buffer.from('first'), { storage: 'avatars' });
  expect(first.storage).toBe('old');
  manager.alias('avatars', 'new');
  const second = await manager.store(Buffer.from('second'), { storage: 'avatars' });
  expect(second.storage).toBe('new');
  expect(Buffer.from(await (await manager.getFile(first.path)).bytes()).toString()).toBe('first');
  const path = `avatars/${second.id}`;
  expect((await manager.getFile(path)).path).toBe(second.path);
  // An alias of an alias is one of its storage.
  manager.alias('portraits', 'avatars');
  expect(manager.aliasesOf('new').sort()).toEqual(['avatars', 'portraits']);
  expect(() => manager.alias('old', 'new')).toThrow('"old" is the name of a storage');
  expect(() => manager.alias('other', 'nowhere')).toThrow(
    expect.objectContaining({ kind: 'not-found', hint: 'It has: old, new.' }),
  );
});

test('the default storage is the first, another that is set, or that of an alias', async () => {
  const manager = inMemory('one', 'two');
  expect((await manager.store(Buffer.from('a'))).storage).toBe('one');
  manager.setDefault('two');
  expect((await manager.store(Buffer.from('b'))).storage).toBe('two');
  expect((await manager.storage()).name).toBe('two');
  manager.alias('uploads', 'one');
  manager.setDefault('uploads');
  expect(manager.defaultName()).toBe('one');
  expect(() => manager.setDefault('three')).toThrow('no storage "three" in the settings');
  expect(manager.defaultName()).toBe('one');
});

test('two managers know nothing of each other, even of one configuration', async () => {
  const configuration = configurationOf({ storages: { a: memory, b: memory } });
  const [one, other] = [new Manager(configuration), new Manager(configuration)];
  one.setDefault('b');
  one.alias('c', 'a');
  expect([other.defaultName(), other.aliasesOf('a')]).toEqual(['a', []]);
  const { path: stored } = await one.store(Buffer.from('x'));
  await expect(other.getFile(stored)).rejects.toMatchObject({ kind: 'not-found' });
  await Promise.all([one.close(), other.close()]);
});

test('a link to a file is safe wherever it stands', () => {
  const manager = inMemory('a b');
  expect(manager.urlFor(`files/${absent}`)).toBe(`/depot/files/${absent}`);
  expect(manager.urlFor('a b/"<&?#')).toBe('/depot/a%20b/%22%3C%26%3F%23');
  const storages = { files: memory };
  const elsewhere = new Manager(configurationOf({ storages, mountpoint: '/media' }));
  expect(elsewhere.urlFor('files/x')).toBe('/media/files/x');
});

test.for([
  [{ storages: {} }, 'storages: it configures no storage'],
  [{ storages: { a: { backend: 'nothing' } } }, 'storages.a.backend: unknown backend nothing'],
  [{ storages: { a: memory }, default: 'b' }, "default: no storage is called 'b'"],
  [{ storages: { a: memory }, aliases: { a: 'a' } }, "aliases.a: an alias can't have the name"],
  [{ storages: { a: memory }, aliases: { b: 'c' } }, "aliases.b: no storage is called 'c'"],
  [
    { storages: { a: { backend: 'local', storage_path: 'x', colour: 'red' } } },
    'storages.a.colour',
  ],
  [{ storages: { a: { backend: 5 as unknown as string } } }, 'storages.a.backend: it must be text'],
] as const)('%j: %s', async ([settings, message]) => {
  const opened = async (): Promise<unknown> => new Manager(configurationOf(settings)).storage();
  await expect(opened()).rejects.toMatchObject({
    kind: 'config',
    message: expect.stringContaining(message),
  });
});

test('a FileIntent goes before what a content says of itself, and is outdone by what is given', async () => {
  const manager = inMemory('files');
  const intent = new FileIntent(new File(['x'], 'a.txt', { type: 'text/plain' }), 'b.csv');
  expect(await manager.store(intent)).toMatchObject({
    filename: 'b.csv',
    contentType: 'text/plain',
  });
  const given = { filename: 'c.html', contentType: 'text/html' };
  expect(await manager.store(intent, given)).toMatchObject(given);
});
