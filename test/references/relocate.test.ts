import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { dumpJson, type JsonValue, parseJson } from '../../src/python/json.js';
import { formatReferenceText, parseReferenceText } from '../../src/references/reference.js';
import { eraseNames, type Relocation, relocate } from '../../src/references/relocate.js';

const id = 'f8978386-e6ef-11f1-b551-02fc00000001';
const thumb = 'f8f4fb92-e6ef-11f1-b551-02fc00000001';
const other = '00000000-e6ef-11f1-b551-02fc00000001';

/** A move from `dbfiles` to `localfs` that keeps identifiers, unless `changes` say otherwise. */
function move(changes: Partial<Relocation> = {}): Relocation {
  return {
    sources: new Set(['dbfiles']),
    target: 'localfs',
    mountpoint: '/depot',
    idFor: (blob) => blob,
    sourceUrl: () => null,
    targetUrl: () => null,
    ...changes,
  };
}

function moved(text: string, relocation: Relocation): string {
  const parsed = parseReferenceText(text);
  if (parsed === null) throw new Error(`no reference in ${text}`);
  return formatReferenceText(parsed, (reference) => relocate(reference, relocation));
}

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

const served: [string, (storage: string, blob: string) => string][] = [
  ['a path', (storage, blob) => `${storage}/${blob}`],
  ['a path with a file name', (storage, blob) => `${storage}/${blob}/a.txt`],
  ['a relative URL', (storage, blob) => `/depot/${storage}/${blob}`],
  ['a URL below another mount point', (storage, blob) => `/a/b/c/${storage}/${blob}`],
  ['a URL at the root', (storage, blob) => `/${storage}/${blob}`],
  ['a URL with a host', (storage, blob) => `https://site.example:8080/depot/${storage}/${blob}`],
  ['a URL without a scheme', (storage, blob) => `//site.example/depot/${storage}/${blob}`],
  ['a download', (storage, blob) => `/depot/${storage}/${blob}/download`],
  ['a file name', (storage, blob) => `/depots/${storage}/${blob}/name.txt`],
  ['a query', (storage, blob) => `/depot/${storage}/${blob}?v=1&path=${'dbfiles'}`],
  ['a fragment', (storage, blob) => `/depot/${storage}/${blob}#page=2`],
  ['the identifier', (_, blob) => blob],
];

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

/** A JSON text as a function of where the blobs are: storage and identifiers. */
type Template = (storage: string, ids: readonly string[]) => string;

const names: Template[] = [0, 1].flatMap((blob) =>
  served.map(
    ([, form]): Template =>
      (storage, ids) =>
        JSON.stringify(form(storage, ids[blob] as string)),
  ),
);

const fixed: string[] = [
  '1.0',
  '1e-07',
  '-0',
  '12345678901234567890',
  'NaN',
  'true',
  'null',
].concat(
  [`see dbfiles/${id}`, `archive/${id}`, `dbfiles/${other}`, `x${id}`, 'dbfiles', 'é\u2028"\\'].map(
    (text) => dumpJson(text),
  ),
);

const key = fc.oneof(
  fc.constantFrom('10', '9', '', 'é', 'files', 'thumb_id', 'x_url'),
  fc.string(),
);

const template = fc.letrec<{ value: Template }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom(...names),
    fc.constantFrom(...fixed).map(
      (text): Template =>
        () =>
          text,
    ),
    fc.string().map(
      (text): Template =>
        () =>
          dumpJson(`_ ${text}`),
    ),
    fc.array(tie('value'), { maxLength: 4 }).map(
      (parts): Template =>
        (storage, ids) =>
          `[${parts.map((part) => part(storage, ids)).join(', ')}]`,
    ),
    fc.uniqueArray(fc.tuple(key, tie('value')), { selector: ([name]) => name, maxLength: 4 }).map(
      (members): Template =>
        (storage, ids) =>
          `{${members.map(([name, part]) => `${dumpJson(name)}: ${part(storage, ids)}`).join(', ')}}`,
    ),
  ),
})).value;

const extras = fc.uniqueArray(fc.tuple(key, template), {
  selector: ([name]) => name,
  maxLength: 6,
});
const ownKeys = new Set(['depot_name', 'files', 'file_id', 'path', 'filename', 'thumb_path']);

/** A reference with two blobs and these further keys before and behind its own. */
function referenceOf(
  members: readonly (readonly [string, Template])[],
  storage: string,
  ids: readonly string[],
): string {
  const further = members
    .filter(([name]) => !ownKeys.has(name))
    .map(([name, part]) => `${dumpJson(name)}: ${part(storage, ids)}`);
  const half = further.length >> 1;
  const files = ids.map((blob) => dumpJson(`${storage}/${blob}`)).join(', ');
  const own = [
    `"depot_name": ${dumpJson(storage)}`,
    `"files": [${files}]`,
    `"file_id": ${dumpJson(ids[0] as string)}`,
    `"filename": ${dumpJson(id)}`,
  ];
  return `{${[...further.slice(0, half), ...own, ...further.slice(half)].join(', ')}}`;
}

test('any reference: its names change wherever they stand, nothing else does, and back again', () => {
  const newIds = [`new ${id}`, `new ${thumb}`];
  const forward = move({ idFor: (blob) => `new ${blob}` });
  const back = move({
    sources: new Set(['localfs']),
    target: 'dbfiles',
    idFor: (blob) => blob.slice('new '.length),
  });
  fc.assert(
    fc.property(extras, (members) => {
      const text = referenceOf(members, 'dbfiles', [id, thumb]);
      const there = referenceOf(members, 'localfs', newIds);
      expect(moved(text, forward)).toBe(there);
      expect(moved(there, back)).toBe(text);
    }),
    { numRuns: 500 },
  );
});

test('any text with references elsewhere comes back as it is', () => {
  fc.assert(
    fc.property(extras, template, (members, around) => {
      const inner = referenceOf(members, 'archive', [id, thumb]);
      const text = `[${inner}, ${around('dbfiles', [id, thumb])}]`;
      const value: JsonValue = parseJson(text);
      expect(moved(text, move())).toBe(text);
      expect(dumpJson(value)).toBe(text);
    }),
  );
});
