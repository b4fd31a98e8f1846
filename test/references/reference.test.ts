import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import Sqlite from 'better-sqlite3';
import { expect, test } from 'vitest';
import {
  blobsOf,
  formatReferenceText,
  isBrokenReference,
  parseReferenceText,
} from '../../src/references/reference.js';

interface Recorded {
  raw: string | null;
}

const recorded = JSON.parse(
  readFileSync(new URL('../../fixtures/references.json', import.meta.url), 'utf8'),
) as { kotti_site: Recorded[]; other_kinds: Recorded[] };

function roundTrip(text: string): string {
  const parsed = parseReferenceText(text);
  if (parsed === null) throw new Error(`no reference in ${text}`);
  return formatReferenceText(parsed, (reference) => reference);
}

test('the recorded references come back byte for byte', () => {
  const texts = [...recorded.kotti_site, ...recorded.other_kinds]
    .map(({ raw }) => raw)
    .filter((raw) => raw !== null && raw !== '');
  expect(texts.length).toBeGreaterThan(70);
  for (const text of texts) expect(roundTrip(text as string)).toBe(text);
});

test('every reference of the Kotti site comes back byte for byte', () => {
  const file = fileURLToPath(new URL('../../fixtures/kotti-site/Kotti.db', import.meta.url));
  const database = new Sqlite(file, { readonly: true });
  const texts = ['files.data', 'images.data', 'members.photo', 'gallery_pictures.picture']
    .map((name) => name.split('.'))
    .flatMap(([table, column]) =>
      database
        .prepare<[], string>(`SELECT ${column} FROM ${table} WHERE ${column} <> ''`)
        .pluck()
        .all(),
    );
  database.close();
  expect(texts.length).toBeGreaterThan(20);
  for (const text of texts) expect(roundTrip(text)).toBe(text);
});

const id = 'f8978386-e6ef-11f1-b551-02fc00000001';
const own = `"depot_name": "a", "files": ["a/${id}"], "file_id": "${id}", "path": "a/${id}"`;

test.for([
  ['numbers as written', `{${own}, "r": 1.0, "t": 1e-07, "n": -0, "x": NaN, "i": -Infinity}`],
  ['huge integers', `{${own}, "n": 123456789012345678901234567890}`],
  ['keys in their order', `{"10": 1, ${own}, "9": 2, "01": 3, "": 4}`],
  ['non-ASCII', `{${own}, "\\u00e9": "\\ud83c\\udf88 \\u2028 \\u007f \\ud800"}`],
  ['nesting', `[[], {}, {"a": [{${own}, "in": {${own}}}]}, null, true]`],
])('%s come back as they are', ([, text]) => {
  expect(roundTrip(text as string)).toBe(text);
});

test('other spellings of JSON become those of Python', () => {
  expect(roundTrip(`{"x":"é\\/",\n${own.replaceAll(': ', ':')}}`)).toBe(
    `{"x": "\\u00e9/", ${own}}`,
  );
  expect(roundTrip(`{"x": 1, ${own}, "x": 2}`)).toBe(`{"x": 2, ${own}}`);
});

test.for([
  ['prose', 'a "depot_name" is the name of a storage'],
  ['prose in JSON', '["the key \\"depot_name\\"", {"note": "\\"depot_name\\": \\"a\\""}]'],
  ['a name alone', '{"depot_name": "a"}'],
  ['a name that is no text', `{"depot_name": 1, "file_id": "${id}", "files": []}`],
  ['no identifier', '{"depot_name": "a", "files": [], "path": "a/b"}'],
  ['neither files nor path', `{"depot_name": "a", "file_id": "${id}"}`],
  ['a configuration', '{"depot_name": {"default": "a"}, "file_id": ["files"], "path": "/"}'],
  ['nothing', ''],
])('%s is no reference', ([, text]) => {
  expect(parseReferenceText(text as string)).toBeNull();
});

test('a reference that is cut off is broken, other texts are not', () => {
  const text = `{${own}}`;
  expect(isBrokenReference(text.slice(0, -1))).toBe(true);
  expect(isBrokenReference(`[${text}`)).toBe(true);
  expect(isBrokenReference(text)).toBe(false);
  expect(isBrokenReference('the key "depot_name" is …')).toBe(false);
  expect(isBrokenReference('{"title": "cut off')).toBe(false);
});

/** The blobs of the first reference in a text, as paths. */
function blobs(text: string): string[] {
  const [reference] = parseReferenceText(text)?.references ?? [];
  if (reference === undefined) throw new Error(`no reference in ${text}`);
  return blobsOf(reference).map(({ storage, id: blob }) => `${storage} ${blob}`);
}

test('a reference owns its file, its files and its thumbnails, each once', () => {
  expect(blobs(`{${own}}`)).toEqual([`a ${id}`]);
  const files = `"files": ["a/${id}", "a/T1", "b/T2", 7, null, "nopath", "/slash"]`;
  expect(blobs(`{"depot_name": "a", "file_id": "${id}", ${files}}`)).toEqual([
    `a ${id}`,
    'a T1',
    'b T2',
  ]);
  const thumbs =
    '"thumb_9x9_id": "T", "thumb_9x9_path": "a/T", "other_id": "O", "other_path": "a/P"';
  expect(blobs(`{${own}, ${thumbs}}`)).toEqual([`a ${id}`, 'a T']);
});

test("a storage's name may hold a slash", () => {
  const text =
    '{"depot_name": "an/alias", "file_id": "X", "path": "an/alias/X", "files": ["an/alias/X", "an/alias/Y"]}';
  expect(blobs(text)).toEqual(['an/alias X', 'an/alias Y']);
});
