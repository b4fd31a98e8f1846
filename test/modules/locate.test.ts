import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { locateModule } from '../../src/modules/locate.js';

function newDirectory(): string {
  const directory = mkdtempSync(path.join(tmpdir(), 'depot-locate-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  return directory;
}

function install(directory: string, name: string): string {
  const location = path.join(directory, 'node_modules', name);
  mkdirSync(location, { recursive: true });
  writeFileSync(path.join(location, 'package.json'), '{}');
  return location;
}

test.each([
  ['./x.js', '/site/x.js'],
  ['./a b/../x#1?.js', '/site/x#1?.js'],
  ['../x.js', '/x.js'],
  ['/opt/x.js', '/opt/x.js'],
  ['file:///opt/a%20b.js', '/opt/a b.js'],
  ['file:./x.js', '/site/x.js'],
  ['file://host/x.js', null],
  ['file:///a%2fb.js', null],
])('%s is the file %s', (backend, file) => {
  expect(locateModule(backend, '/site')).toBe(file);
});

test.each([
  'my-storage',
  '@acme/storage',
  'my.depot.storage',
  'mysite.storage',
  'storage.js',
  '~x',
  '0',
  'http',
])('%s is a package where it is installed, from there and from below', (name) => {
  const directory = newDirectory();
  const below = path.join(directory, 'etc/depot');
  expect(locateModule(name, below)).toBeNull();
  const location = install(directory, name);
  expect(locateModule(name, directory)).toBe(location);
  expect(locateModule(name, below)).toBe(location);
  expect(locateModule(name, tmpdir())).toBeNull();
  expect(locateModule(name, path.join(directory, 'node_modules/other'))).toBe(location);
});

test.each([
  'mysite.depot.MyStorage',
  'depot.io.local.LocalFileStorage',
  'MyStorage',
  'mysite.depot:MyStorage',
  'a/b',
  '@a/b/c',
  '@a',
  '.hidden',
  '..',
  '.',
  '',
  'a b',
  '%61',
  'x.js\n',
])('%j is no package, even where there is such a directory', (name) => {
  const directory = newDirectory();
  install(directory, name);
  expect(locateModule(name, directory)).toBeNull();
});

test('the nearest package counts, and the configuration’s before our own', () => {
  const directory = newDirectory();
  const below = path.join(directory, 'below');
  const [far, near] = [install(directory, 'valibot'), install(below, 'valibot')];
  expect(locateModule('valibot', below)).toBe(near);
  expect(locateModule('valibot', directory)).toBe(far);
  expect(locateModule('valibot', tmpdir())).toBe(
    path.resolve(import.meta.dirname, '../../node_modules/valibot'),
  );
});
