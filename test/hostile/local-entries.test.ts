import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseMetadata } from '../../src/backends/local-metadata.js';
import { DepotError } from '../../src/errors.js';
import { done, newDirectory, objects } from '../cli/depot.js';
import { filesOutside, oddTexts, runSound } from './sound.js';

const sound = {
  filename: 'a.txt',
  content_type: 'text/plain',
  content_length: 7,
  last_modified: '2026-01-02 03:04:05',
};
const written = JSON.stringify(sound);
const withValue = (key: keyof typeof sound, value: unknown): string =>
  JSON.stringify({ ...sound, [key]: value });

/** Metadata that cannot be read. */
const broken: readonly (string | Buffer)[] = [
  ...['', '{', 'null', '[{}]', '"x"', '1', 'NaN', '{"filename":', '{}}', "{'filename': 'a'}", '\0'],
  ...[`\ufeff${written}`, `${written}x`, '{"filename": "a\0b"}', '{"content_length": 007}'],
  ...['['.repeat(200_000), '{"a":'.repeat(200_000), `${'['.repeat(2000)}${']'.repeat(2000)}`],
  ...[
    Buffer.from(written, 'utf16le'),
    Buffer.from([0xff, 0xfe]),
    Buffer.from('{"filename": "\xff"}', 'latin1'),
  ],
  ...[1, [], {}, true].map((value) => withValue('filename', value)),
  ...[7, []].map((value) => withValue('content_type', value)),
  ...[5, 'garbage', '9999-99-99 99:99:99', '2026-01-02 03:04:05\u001b[2J'].map((value) =>
    withValue('last_modified', value),
  ),
  withValue('filename', 'x'.repeat(2_000_000)),
];

/** Metadata that says odd things in the form that it should have. */
const odd: readonly string[] = [
  ...[...oddTexts, null].map((value) => withValue('filename', value)),
  ...['', 'text/plain\r\nX: y', '\u001b[31m', 'é', null].map((value) =>
    withValue('content_type', value),
  ),
  ...[null, -1, 1.5, 2 ** 63, [], true, '7'].map((value) => withValue('content_length', value)),
  '{"filename":"first","filename":"second","content_length":1,"content_length":7}',
  '{"__proto__":{"filename":"p"},"constructor":1,"content_length":7}',
];

let number = 0;

/** Writes an entry whose bytes are `content`; without metadata where that is null. */
function entry(here: string, metadata: string | Buffer | null): string {
  number += 1;
  const id = `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`;
  const directory = path.join(here, 'files', id);
  mkdirSync(directory, { recursive: true });
  writeFileSync(path.join(directory, 'file'), 'content');
  if (metadata !== null) writeFileSync(path.join(directory, 'metadata.json'), metadata);
  return id;
}

function newStore(): string {
  const here = newDirectory();
  const storages = ['files', 'copy'].map(
    (name, index) =>
      `depot.${index}.name = ${name}\ndepot.${index}.backend = local\ndepot.${index}.storage_path = %(here)s/${name}\n`,
  );
  writeFileSync(path.join(here, 'depot.ini'), `[depot]\n${storages.join('')}`);
  for (const name of ['files', 'copy']) mkdirSync(path.join(here, name));
  return here;
}

describe.concurrent('entries of a local storage', () => {
  test.each<[string[]]>([
    [['list', '-l']],
    [['list', '--larger-than', '1']],
    [['--json', 'list', '-l']],
    [['du']],
    [['copy', '--from', 'files', '--to', 'copy']],
    [['copy', '--checksum', '--from', 'files', '--to', 'copy', '--delete', '--dry-run']],
  ])('with broken metadata are named, and the others done: %j', async (args) => {
    const here = newStore();
    const ids = broken.map((metadata) => entry(here, metadata));
    const sane = odd.map((metadata) => entry(here, metadata));
    const before = filesOutside(here, 'files', 'copy');
    const { code, out, err } = await runSound(here, args);
    expect(code).toBe(1);
    for (const id of ids) expect(err).toContain(id);
    for (const id of sane) {
      expect(err).not.toContain(id);
      if (args.includes('list')) expect(out).toContain(id);
    }
    if (args[0] === 'copy' && !args.includes('--dry-run')) {
      expect(readdirSync(path.join(here, 'copy')).sort()).toEqual([...sane].sort());
    }
    expect(filesOutside(here, 'files', 'copy')).toEqual(before);
  });

  test.each([[['check']], [['check', '--deep']]])('are problems of %s', async (args) => {
    const here = newStore();
    const ids = broken.map((metadata) => entry(here, metadata));
    const sane = odd.map((metadata) => entry(here, metadata));
    const { code, out } = await runSound(here, ['--json', ...args]);
    expect(code).toBe(6);
    const found = objects(out).filter(({ kind }) => kind === 'damaged-blob');
    expect(found.map(({ path: name }) => name).sort()).toEqual(
      ids.map((id) => `files/${id}`).sort(),
    );
    expect(objects(out).at(-1)).toMatchObject({ blobs: { checked: ids.length + sane.length } });
  });

  test('keep what they say on the way to another storage', async () => {
    const here = newStore();
    const ids = odd.map((metadata) => entry(here, metadata));
    await done(here, ['-q', 'copy', '--from', 'files', '--to', 'copy']);
    for (const id of ids) {
      const of = async (storage: string) =>
        objects(
          await done(here, ['--json', 'info', `${storage}/${id}`]).then((line) => `${line}\n`),
        );
      const [[from], [to]] = [await of('files'), await of('copy')];
      expect(to).toEqual({ ...from, path: `copy/${id}`, storage: 'copy' });
    }
  });

  test('that are pipes, devices or links in a circle do not hold anybody up', async () => {
    const here = newStore();
    const directory = (id: string) => path.join(here, 'files', id);
    const remove = (id: string, name: string) =>
      execFileSync('rm', [path.join(directory(id), name)]);
    const ids = [entry(here, null), entry(here, written), entry(here, written), entry(here, null)];
    const [pipe, pipedFile, device, circle] = ids as [string, string, string, string];
    execFileSync('mkfifo', [path.join(directory(pipe), 'metadata.json')]);
    remove(pipedFile, 'file');
    execFileSync('mkfifo', [path.join(directory(pipedFile), 'file')]);
    remove(device, 'file');
    symlinkSync('/dev/zero', path.join(directory(device), 'file'));
    symlinkSync('metadata.json', path.join(directory(circle), 'metadata.json'));
    entry(here, written);
    for (const args of [['du'], ['copy', '--from', 'files', '--to', 'copy']]) {
      const { code, err } = await runSound(here, args);
      expect(code).toBe(1);
      for (const id of ids) expect(err).toContain(id);
    }
    expect(readdirSync(path.join(here, 'copy'))).toHaveLength(1);
    expect((await runSound(here, ['check', '--deep'])).code).toBe(6);
    expect((await runSound(here, ['get', `files/${pipe}`])).code).toBe(1);
  });

  test('with names that no identifier has are none', async () => {
    const here = newStore();
    const id = entry(here, written);
    const names = ['a\nb', '\u001b[2J', '...', '\u202eabc', '%2e%2e', Buffer.from([0xff, 0xfe])];
    for (const name of names) {
      const place = Buffer.concat([Buffer.from(`${here}/files/`), Buffer.from(name)]);
      mkdirSync(place);
      for (const file of ['file', 'metadata.json']) {
        writeFileSync(Buffer.concat([place, Buffer.from(`/${file}`)]), written);
      }
    }
    expect((await runSound(here, ['list'])).out).toContain(`files/${id}\n`);
    for (const args of [['du'], ['check'], ['copy', '--from', 'files', '--to', 'copy']]) {
      await runSound(here, args);
    }
    expect(readdirSync(path.join(here, 'copy'))).toEqual([id]);
  });
});

test('any text is metadata or damaged', () => {
  const json = fc.json({ noUnicodeString: false }).map(String);
  const keys = fc.constantFrom(...Object.keys(sound), '__proto__', 'other');
  const object = fc.dictionary(keys, fc.jsonValue()).map((value) => JSON.stringify(value));
  const cut = fc.tuple(object, fc.nat(200)).map(([text, length]) => text.slice(0, length));
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: 'binary' }), json, object, cut), (text) => {
      try {
        const found = parseMetadata(text, 'metadata.json');
        expect(typeof found.filename).toBe('string');
        expect(typeof found.contentType).toBe('string');
        expect(found.contentLength ?? 0).toBeGreaterThanOrEqual(0);
        expect(found.lastModified?.getTime() ?? 0).not.toBeNaN();
      } catch (error) {
        expect(error).toBeInstanceOf(DepotError);
        expect(error).toMatchObject({ kind: 'damaged' });
      }
    }),
    { numRuns: 500 },
  );
});
