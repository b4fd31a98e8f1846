import { createReadStream, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import fc from 'fast-check';
import { afterAll, expect, onTestFinished, test } from 'vitest';
import { type Content, configurationOf, Manager, uploadOf } from '../../src/index.js';

const directory = mkdtempSync(path.join(tmpdir(), 'depot-library-'));
const text = 'bytes of a file';
const bytes = Buffer.from(text);
const file = path.join(directory, 'häßlich & leer.txt');

/** Every kind of content, and what is known of each. */
const contents: [kind: string, make: () => Content, known: object][] = [
  ['a Buffer', () => bytes, { length: 15 }],
  ['a path', () => file, { length: 15, filename: 'häßlich & leer.txt' }],
  ['a file: URL', () => pathToFileURL(file), { length: 15, filename: 'häßlich & leer.txt' }],
  ['a Blob', () => new Blob([text]), { length: 15 }],
  [
    'a File',
    () => new File([text], 'a.bin', { type: 'text/x-own' }),
    { length: 15, filename: 'a.bin', contentType: 'text/x-own' },
  ],
  [
    'a Request',
    () =>
      new Request('http://localhost/', {
        ...{ method: 'POST', body: text, headers: { 'content-length': '15' } },
      }),
    { length: 15, contentType: 'text/plain;charset=UTF-8' },
  ],
  ['a Response', () => new Response(text), { contentType: 'text/plain;charset=UTF-8' }],
  ['a web stream', () => new Blob([text]).stream(), {}],
  ["a stream of Node's", () => createReadStream(file), {}],
  ['a generator', () => inTwo(), {}],
];

async function* inTwo(): AsyncGenerator<Uint8Array> {
  yield bytes.subarray(0, 3);
  yield bytes.subarray(3);
}

afterAll(() => rmSync(directory, { recursive: true }));

test.for(contents)('stores %s', async ([, make, known]) => {
  writeFileSync(file, bytes);
  const manager = new Manager(configurationOf({ storages: { files: { backend: 'memory' } } }));
  onTestFinished(() => manager.close());
  const { chunks, ...described } = await uploadOf(make());
  for await (const _ of chunks);
  expect(JSON.parse(JSON.stringify(described))).toEqual(known);
  const stored = await manager.store(make());
  expect(Buffer.from(await stored.bytes()).toString()).toBe(text);
  const { filename = 'unnamed' } = known as { filename?: string };
  expect(stored.filename).toBe(filename);
});

test('an empty body is an empty file', async () => {
  const manager = new Manager(configurationOf({ storages: { files: { backend: 'memory' } } }));
  onTestFinished(() => manager.close());
  for (const empty of [new Uint8Array(), new Blob([]), new Request('http://localhost/')]) {
    expect((await manager.store(empty)).contentLength).toBe(0);
  }
});

test('a body shorter than its header says leaves nothing behind', async () => {
  const manager = new Manager(configurationOf({ storages: { files: { backend: 'memory' } } }));
  onTestFinished(() => manager.close());
  const headers = { 'content-length': '16' };
  await expect(manager.store(new Response(text, { headers }))).rejects.toThrow('15');
  // What was compressed on its way has another length.
  const compressed = { ...headers, 'content-encoding': 'gzip' };
  const stored = await manager.store(new Response(text, { headers: compressed }));
  const listed: string[] = [];
  for await (const id of (await manager.storage()).list()) listed.push(id);
  expect(listed).toEqual([stored.id]);
});

test.for([
  [path.join(directory, 'absent'), 'not-found', 'it does not exist'],
  [directory, 'usage', 'it is not a file'],
  [7, 'usage', 'number cannot be stored'],
  [null, 'usage', 'object cannot be stored'],
] as const)('%s is %s', async ([content, kind, message]) => {
  await expect(uploadOf(content as Content)).rejects.toMatchObject({
    kind,
    message: expect.stringContaining(message),
  });
});

test('any bytes under any name come back as they were', async () => {
  const manager = new Manager(configurationOf({ storages: { files: { backend: 'memory' } } }));
  onTestFinished(() => manager.close());
  const anyChunks = fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(anyChunks, fc.string({ unit: 'binary', minLength: 1 }), async (all, name) => {
      async function* chunks(): AsyncGenerator<Uint8Array> {
        yield* all;
      }
      const { path: stored } = await manager.store(chunks(), { filename: name });
      const found = await manager.getFile(stored);
      expect(found.filename).toBe(name);
      expect(Buffer.from(await found.bytes()).equals(Buffer.concat(all))).toBe(true);
    }),
  );
});
