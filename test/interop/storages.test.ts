import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import {
  describeWithPython,
  type StorageAnswer,
  type StorageOperation,
  useStorage,
} from './python.js';
import { depot } from './run.js';
import { copySite } from './site.js';

/** One storage of a site, for `depot` and for Python. */
interface Storage {
  python: string;
  ini: string;
  name: string;
}

const content = Buffer.from('tide table\r\n\0\xff', 'latin1');

/** Both sides guess types from Python's tables and from the machine's mime.types files. */
const oddNames = [
  'plain.txt',
  'Übersicht café.PDF',
  '港の地図 🚢.tar.gz',
  'the "Alba" and \'Berta\'.csv',
  'back\\slash.svg',
  'two\nlines\t.html',
  '100% %(here)s.wav',
  '../../etc/passwd',
  '-o',
  '.profile',
  'no suffix',
  ' ',
  'script.py',
  'module.ts',
  'readme.md',
  'page.js',
];

/** Any name that an argument of a command can carry. */
const anyName = fc
  .string({ unit: 'binary', minLength: 1, maxLength: 40 })
  .filter((name) => !name.includes('\0'));

async function run({ ini }: Storage, args: string[], input?: Buffer): Promise<Buffer> {
  const { code, stdout, stderr } = await depot(['-c', ini, ...args], input);
  expect({ code, stderr }).toMatchObject({ code: 0 });
  return stdout;
}

/** Stores a file with `depot put`. @returns its identifier */
async function put(storage: Storage, name: string, bytes: Buffer): Promise<string> {
  const output = await run(storage, ['put', '-', '-s', storage.name, `--name=${name}`], bytes);
  return output
    .toString()
    .trim()
    .slice(storage.name.length + 1);
}

/** `depot info` of several files, in the form of Python's answers. */
async function info(storage: Storage, ids: string[]): Promise<StorageAnswer[]> {
  const paths = ids.map((id) => `${storage.name}/${id}`);
  const output = await run(storage, ['--json', 'info', '--hash', ...paths]);
  const lines = output.toString().trim().split('\n');
  return lines.map((line) => {
    const { path, storage: name, public_url, ...file } = JSON.parse(line);
    expect({ path, public_url }).toEqual({ path: `${name}/${file.id}`, public_url: null });
    return { ...file, length: file.content_length };
  });
}

/** The same operation of Python on the storage with each of the arguments. */
function inPython(
  { python, ini, name }: Storage,
  operation: StorageOperation['do'],
  each: Omit<StorageOperation, 'do' | 'storage'>[],
): Promise<StorageAnswer[]> {
  const operations = each.map((rest) => ({ do: operation, storage: name, ...rest }));
  return useStorage(python, ini, operations);
}

/** What two files of one name and content have in common, whenever and wherever they were stored. */
function likeness({ id: _, last_modified: __, ...rest }: StorageAnswer) {
  return rest;
}

/** Both sides store a file of each name; both must then read the same of all of them. */
async function expectSameFiles(storage: Storage, names: string[]): Promise<void> {
  const ours: string[] = [];
  for (const name of names) ours.push(await put(storage, name, content));
  const created = await inPython(
    storage,
    'create',
    names.map((filename) => ({ filename, content: content.toString('base64') })),
  );
  const theirs = created.map((file) => file.id);
  const readHere = await info(storage, [...ours, ...theirs]);
  const readInPython = await inPython(
    storage,
    'get',
    [...ours, ...theirs].map((id) => ({ id })),
  );
  expect(readHere).toEqual(readInPython);
  expect(readHere.slice(0, ours.length).map(likeness)).toEqual(created.map(likeness));
}

for (const name of ['localfs', 'dbfiles']) {
  describeWithPython(`files of ${name}, stored by depot and by Python`, (python) => {
    const { directory, ini } = copySite();
    const storage = { python, ini, name };
    afterAll(() => rmSync(directory, { recursive: true }));

    test('are the same under odd names', () => expectSameFiles(storage, oddNames));

    test('are the same under any name', async () => {
      const names = fc.array(anyName, { minLength: 1, maxLength: 8 });
      const property = fc.asyncProperty(names, (some) => expectSameFiles(storage, some));
      await fc.assert(property, { numRuns: 3, endOnFailure: true });
    });

    test('may be empty or have a very long name', async () => {
      const long = `${'harbour '.repeat(40)}.txt`;
      const ids = [await put(storage, 'empty', Buffer.alloc(0)), await put(storage, long, content)];
      const read = await inPython(
        storage,
        'get',
        ids.map((id) => ({ id })),
      );
      expect(read).toEqual(await info(storage, ids));
      expect(read[0]).toMatchObject({ content_length: 0, length: 0, filename: 'empty' });
      expect(read[1]).toMatchObject({ content_type: 'text/plain', length: content.length });
      const stored = read[1]?.filename ?? '';
      if (name === 'localfs') expect(stored).toBe(long);
      else expect(stored).toMatch(/^harbour .{1,88}\.txt$/);
    });

    test('read the same on both sides after depot replaced and deleted them', async () => {
      const id = await put(storage, 'before.txt', content);
      const file = join(directory, 'replacement');
      writeFileSync(file, 'ebb');
      const path = `${name}/${id}`;
      await run(storage, ['replace', path, file, '--name=after ü.csv', '--type=text/x-tide']);
      const [replaced] = await inPython(storage, 'get', [{ id }]);
      expect(replaced).toEqual((await info(storage, [id]))[0]);
      const expected = { filename: 'after ü.csv', content_type: 'text/x-tide', length: 3 };
      expect(replaced).toMatchObject(expected);
      await run(storage, ['delete', path]);
      expect(await inPython(storage, 'get', [{ id }])).toEqual([{ id, error: 'no such file' }]);
    });

    test('read the same on both sides after Python replaced and deleted them', async () => {
      const tide = { content: content.toString('base64'), filename: 'before.txt' };
      const created = await inPython(storage, 'create', [tide, tide]);
      const [kept, deleted] = created.map((file) => file.id) as [string, string];
      const ebb = { content: Buffer.from('ebb').toString('base64'), filename: 'after.csv' };
      const replaced = await inPython(storage, 'replace', [{ id: kept, ...ebb }]);
      expect(await info(storage, [kept])).toEqual(replaced);
      expect(await run(storage, ['get', `${name}/${kept}`, '-'])).toEqual(Buffer.from('ebb'));

      await inPython(storage, 'delete', [{ id: deleted }]);
      expect(await depot(['-c', ini, 'info', `${name}/${deleted}`])).toMatchObject({ code: 3 });
      const listed = (await run(storage, ['list', name])).toString().split('\n');
      expect(listed).toContain(`${name}/${kept}`);
      expect(listed).not.toContain(`${name}/${deleted}`);
    });
  });
}
