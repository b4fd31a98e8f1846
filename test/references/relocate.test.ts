import { describe, expect, test } from 'vitest';
import { formatReferenceText, parseReferenceText } from '../../src/references/reference.js';
import { eraseNames } from '../../src/references/relocate.js';
import { id, move, moved, other, served, thumb } from './relocation.js';

/** A reference in a storage, with `extra` keys behind its own. */
function reference(storage: string, file = id, extra = ''): string {
  return `{"depot_name": "${storage}", "files": ["${storage}/${file}"], "file_id": "${file}", "path": "${storage}/${file}", "filename": "a.txt", "content_type": "text/plain", "uploaded_at": "2026-01-02 03:04:05", "_public_url": null${extra}}`;
}

test('changes what names the blob, and nothing else', () => {
  expect(moved(reference('dbfiles'), move())).toBe(reference('localfs'));
  expect(moved(reference('archive'), move())).toBe(reference('archive'));
});

test('both kinds of thumbnails move with their file', () => {
  const filter = (storage: string): string =>
    `{"depot_name": "${storage}", "files": ["${storage}/${id}", "${storage}/${thumb}"], "file_id": "${id}", "path": "${storage}/${id}", "thumb_12x12_id": "${thumb}", "thumb_12x12_path": "${storage}/${thumb}", "thumb_12x12_url": "/depot/${storage}/${thumb}"}`;
  expect(moved(filter('dbfiles'), move())).toBe(filter('localfs'));
  const image = (storage: string): string =>
    `{"depot_name": "${storage}", "files": ["${storage}/${id}", "${storage}/${thumb}"], "file_id": "${id}", "path": "${storage}/${id}", "_public_url": null, "thumb_id": "${thumb}", "thumb_path": "${storage}/${thumb}", "_thumb_public_url": null}`;
  expect(moved(image('dbfiles'), move())).toBe(image('localfs'));
});

test('aliases of the source become the name of the target, in the name and in paths', () => {
  const text = reference('old', id, `, "mine": "dbfiles/${id}", "yours": "/depot/old/${id}"`);
  const sources = new Set(['dbfiles', 'old']);
  expect(moved(text, move({ sources }))).toBe(
    reference('localfs', id, `, "mine": "localfs/${id}", "yours": "/depot/localfs/${id}"`),
  );
});

test('names of storages may hold slashes, and each other', () => {
  const sources = new Set(['fs']);
  const text = reference('fs', id, `, "a": "localfs/${id}", "b": "my/fs/${id}"`);
  expect(moved(text, move({ sources, target: 'x/y' }))).toBe(
    reference('x/y', id, `, "a": "localfs/${id}", "b": "my/fs/${id}"`),
  );
  expect(moved(reference('x/y'), move({ sources: new Set(['x/y']) }))).toBe(reference('localfs'));
});

test.for(served)('%s in any value moves, also where identifiers change', ([, form]) => {
  const idFor = (blob: string): string => `new-${blob}`;
  for (const keep of [true, false]) {
    const after = keep ? id : idFor(id);
    const extra = (value: string): string =>
      `, "x": "${value}", "deep": [{"y": {"z": ["${value}"]}}, "${value}"]`;
    expect(
      moved(reference('dbfiles', id, extra(form('dbfiles', id))), move(keep ? {} : { idFor })),
    ).toBe(reference('localfs', after, extra(form('localfs', after))));
  }
});

test.for([
  ['prose', `see dbfiles/${id} for more`],
  ['prose that begins with it', `dbfiles/${id} is the original`],
  ['a query that names it', `/view?file=dbfiles/${id}`],
  ['another blob', `dbfiles/${other}`],
  ['a blob of another storage', `archive/${id}`],
  ['a longer identifier', `dbfiles/${id}0`],
  ['a longer name', `mydbfiles/${id}`],
  ['a relative path', `uploads/dbfiles/${id}`],
  ['markup', `<img src='/depot/dbfiles/${id}'>`],
  ['upper case', id.toUpperCase()],
  ['JSON', `{'path': 'dbfiles/${id}'}`],
  ['the name of the storage', 'dbfiles'],
])('%s in any value stays', ([, value]) => {
  const extra = `, "x": "${value}", "deep": {"y": ["${value}"]}`;
  const text = reference('dbfiles', id, extra);
  expect(moved(text, move())).toBe(reference('localfs', id, extra));
});

test('what the upload said stays, whatever it looks like', () => {
  const facts = (storage: string): string =>
    `{"depot_name": "${storage}", "files": ["${storage}/${id}"], "file_id": "${id}", "filename": "${id}", "content_type": "dbfiles/${id}", "uploaded_at": "dbfiles/${id}"}`;
  expect(moved(facts('dbfiles'), move({ idFor: () => id }))).toBe(facts('localfs'));
});

test('a blob of another storage inside stays, and so does the name of a reference that has only a thumbnail here', () => {
  const mixed = (own: string, small: string): string =>
    `{"depot_name": "${own}", "files": ["${own}/${id}", "${small}/${thumb}"], "file_id": "${id}", "path": "${own}/${id}", "thumb_id": "${thumb}", "thumb_path": "${small}/${thumb}"}`;
  expect(moved(mixed('dbfiles', 'archive'), move())).toBe(mixed('localfs', 'archive'));
  expect(moved(mixed('archive', 'dbfiles'), move())).toBe(mixed('archive', 'localfs'));
});

test('references inside a reference and in arrays are each exchanged on their own', () => {
  const nested = (outer: string, inner: string): string =>
    `[${reference(outer, id, `, "cover": [${reference(inner, id)}], "list": {"a": ${reference(outer, thumb)}}`)}, ${reference(inner, other)}]`;
  expect(moved(nested('dbfiles', 'archive'), move())).toBe(nested('localfs', 'archive'));
  expect(moved(nested('archive', 'dbfiles'), move())).toBe(nested('archive', 'localfs'));
  expect(moved(nested('dbfiles', 'dbfiles'), move())).toBe(nested('localfs', 'localfs'));
});

describe('public URLs', () => {
  const urls = (url: string, small: string, extra = 'null'): string =>
    `{"depot_name": "S", "files": ["S/${id}", "S/${thumb}"], "file_id": "${id}", "path": "S/${id}", "_public_url": ${url}, "thumb_id": "${thumb}", "thumb_path": "S/${thumb}", "_thumb_public_url": ${small}, "link": ${extra}}`;
  const inStorage = (text: string, storage: string): string => text.replaceAll('"S', `"${storage}`);
  const of = (host: string) => (blob: string) => `https://${host}.example/${blob}`;

  test('appear where the target has them', () => {
    const before = inStorage(urls('null', 'null'), 'dbfiles');
    const after = urls(`"https://b.example/${id}"`, `"https://b.example/${thumb}"`);
    expect(moved(before, move({ targetUrl: of('b') }))).toBe(inStorage(after, 'localfs'));
  });

  test('are gone where it has none, also those that are not quite as we would make them', () => {
    const link = `"https://a.example/${id}"`;
    const before = urls('"https://cdn.example/x?v=1"', `"https://a.example/${thumb}"`, link);
    const after = urls('null', 'null', `"/depot/localfs/${id}"`);
    expect(moved(inStorage(before, 'dbfiles'), move({ sourceUrl: of('a') }))).toBe(
      inStorage(after, 'localfs'),
    );
  });

  test('become those of the target, in values of other keys too', () => {
    const make = (host: string): string =>
      urls(`"${of(host)(id)}"`, `"${of(host)(thumb)}"`, `"${of(host)(thumb)}"`);
    const relocation = move({ sourceUrl: of('a'), targetUrl: of('b') });
    expect(moved(inStorage(make('a'), 'dbfiles'), relocation)).toBe(
      inStorage(make('b'), 'localfs'),
    );
  });

  test('of blobs that do not move stay', () => {
    const text = inStorage(urls('"https://a.example/1"', '"https://a.example/2"'), 'archive');
    expect(moved(text, move({ targetUrl: of('b') }))).toBe(text);
  });
});

test('erasing leaves what names other places, and only that', () => {
  const erased = (text: string): string => {
    const parsed = parseReferenceText(text);
    if (parsed === null) throw new Error('no reference');
    const url = (blob: string): string => `https://cdn.example/${blob}`;
    return formatReferenceText(parsed, (one) => eraseNames(one, new Set(['localfs', 'new']), url));
  };
  const names = `, "a": "/depot/new/${id}", "b": "https://cdn.example/${id}", "c": ["${id}"]`;
  expect(erased(reference('localfs', id, names))).not.toContain(id);
  for (const rest of [`"dbfiles/${id}"`, `"https://old.example/${id}"`, `"see localfs/${id}"`]) {
    expect(erased(reference('localfs', id, `, "x": ${rest}`))).toContain(rest);
    expect(
      erased(reference('localfs', id, `, "_x_public_url": ${rest}, "x_id": "${id}"`)),
    ).toContain(rest);
  }
  expect(erased(reference('dbfiles'))).toBe(reference('dbfiles'));
  expect(erased(reference('localfs', id, `, "inner": ${reference('dbfiles')}`))).toContain(
    reference('dbfiles'),
  );
});
