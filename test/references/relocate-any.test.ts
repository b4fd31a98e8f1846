import fc from 'fast-check';
import { expect, test } from 'vitest';
import { dumpJson, type JsonValue, parseJson } from '../../src/python/json.js';
import { id, move, moved, other, served, thumb } from './relocation.js';

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
