import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  blobFinder,
  type NamedBlob,
  type Naming,
  replaceNames,
} from '../../src/references/named-blobs.js';
import { rewriteText } from '../../src/references/rewrite-text.js';
import { referenceText } from '../transfer/site.js';

const id = 'f8fd9e46-e6ef-11f1-b551-02fc00000001';
const other = '2d897838-e6ef-11f1-b551-02fc00000001';
const names = new Set(['dbfiles', 'old-files', 'files']);

const plain: Naming = { names, mountpoint: '/depot', publicUrl: () => null };
const withUrls: Naming = { ...plain, publicUrl: (one) => `https://cdn.example:8080/site/${one}` };

const newUrl = 'https://new.example/b/';

function rewrite(text: string, naming: Naming = plain): string {
  const find = blobFinder(naming);
  const changes = find(text).flatMap((name) => {
    const by = renamed(name);
    return by === null ? [] : [{ start: name.start, end: name.end, by }];
  });
  return replaceNames(text, changes);
}

const known = new Set([id, other, 'Report']);

function renamed(name: NamedBlob): string | null {
  if (!known.has(name.id)) return null;
  return name.renamed({ storage: 'localfs', id: name.id, url: `${newUrl}${name.id}` });
}

describe('rewritten', () => {
  test.for([
    ['a path', `dbfiles/${id}`, `localfs/${id}`],
    ['a path by an alias', `old-files/${id}`, `localfs/${id}`],
    ['a path in a sentence', `See dbfiles/${id}.`, `See localfs/${id}.`],
    ['a path with its download', `dbfiles/${id}/download`, `localfs/${id}/download`],
    ['the served path', `<img src="/depot/dbfiles/${id}">`, `<img src="/depot/localfs/${id}">`],
    [
      'with download and a query',
      `<a href='/depot/dbfiles/${id}/download?w=1&amp;h=2#top'>`,
      `<a href='/depot/localfs/${id}/download?w=1&amp;h=2#top'>`,
    ],
    ['a name behind', `/depot/dbfiles/${id}/a.txt`, `/depot/localfs/${id}/a.txt`],
    [
      'an absolute URL',
      `https://www.example.org:8080/depot/dbfiles/${id}, and`,
      `https://www.example.org:8080/depot/localfs/${id}, and`,
    ],
    [
      'a URL without its scheme',
      `//h.example/depot/dbfiles/${id}`,
      `//h.example/depot/localfs/${id}`,
    ],
    ['a relative URL', `"../../depot/dbfiles/${id}"`, `"../../depot/localfs/${id}"`],
    ['in CSS', `url(/depot/files/${id})`, `url(/depot/localfs/${id})`],
    ['in Markdown', `![a](/depot/files/${id})`, `![a](/depot/localfs/${id})`],
    ['in JSON', `{"a":"\\/depot\\/dbfiles\\/${id}"}`, `{"a":"\\/depot\\/localfs\\/${id}"}`],
    [
      'in HTML in JSON',
      `"<a href=\\"/depot/dbfiles/${id}\\">\\n"`,
      `"<a href=\\"/depot/localfs/${id}\\">\\n"`,
    ],
    ['behind a line break in JSON', `"a\\n/depot/dbfiles/${id}"`, `"a\\n/depot/localfs/${id}"`],
    [
      'in JSON for HTML',
      `"\\u003c/depot/dbfiles/${id}\\u003e"`,
      `"\\u003c/depot/localfs/${id}\\u003e"`,
    ],
    [
      'percent-encoded in a URL',
      `?next=https%3A%2F%2Fh.example%2Fdepot%2Fdbfiles%2F${id}%3Fa&b=1`,
      `?next=https%3A%2F%2Fh.example%2Fdepot%2Flocalfs%2F${id}%3Fa&b=1`,
    ],
    [
      'with character references',
      `&quot;&#x2F;depot&#x2F;dbfiles&#x2F;${id}&quot;`,
      `&quot;&#x2F;depot&#x2F;localfs&#x2F;${id}&quot;`,
    ],
    [
      'several',
      `dbfiles/${id} dbfiles/${other},files/${id}`,
      `localfs/${id} localfs/${other},localfs/${id}`,
    ],
    ['a short identifier that is served', '/depot/dbfiles/Report?x', '/depot/localfs/Report?x'],
  ])('%s', ([, before, after]) => {
    expect(rewrite(before as string)).toBe(after);
  });

  test.for([
    ['plain', `<img src="https://cdn.example:8080/site/${id}">`, `<img src="${newUrl}${id}">`],
    [
      'in JSON',
      `"https:\\/\\/cdn.example:8080\\/site\\/${id}"`,
      `"${newUrl.replaceAll('/', '\\/')}${id}"`,
    ],
    [
      'percent-encoded',
      `?u=https%3A%2F%2Fcdn.example%3A8080%2Fsite%2F${id}&x=1`,
      `?u=${encodeURIComponent(newUrl)}${id}&x=1`,
    ],
  ])('a public URL, %s', ([, before, after]) => {
    expect(rewrite(before as string, withUrls)).toBe(after);
  });

  test('under another mount point', () => {
    const naming = { ...plain, mountpoint: '/cms/files/' };
    expect(rewrite(`"/cms/files/dbfiles/${id}"`, naming)).toBe(`"/cms/files/localfs/${id}"`);
    expect(rewrite(`"/depot/dbfiles/${id}"`, naming)).toBe(`"/depot/dbfiles/${id}"`);
  });
});

test.for([
  ['a bare identifier', id],
  ['another storage', `/depot/archive/${id}`],
  ['a longer name', `/depot/my-dbfiles/${id} xfiles/${id} a.files/${id}`],
  ['a longer identifier', `/depot/dbfiles/${id}0 dbfiles/${id}-1 dbfiles/${id}_`],
  [
    'a longer encoded identifier',
    `/depot/dbfiles/${id}%2D1 dbfiles/${id}&#45;1 "dbfiles/${id}\\u0061"`,
  ],
  ['an identifier with a suffix', `/depot/dbfiles/${id}.jpg`],
  ['a file on a disk', `/var/lib/files/${id}/file files/${id}/file`],
  ['another mount point', `/depotfoo/dbfiles/${id} /x/depot/dbfiles/${id}`],
  ['a host whose path is longer', `https://h.example/x/depot/dbfiles/${id}`],
  ['a word', 'see dbfiles/Report'],
  ['another case', `/depot/DBFILES/${id}`],
  ['a public URL of another host', `https://cdn.example/site/${id}`],
  ['a longer public URL', `https://cdn.example:8080/site/${id}/x`],
])('%s is left as it is', ([, text]) => {
  expect(rewrite(text as string, withUrls)).toBe(text);
});

describe('whatever stands around', () => {
  const mentions = fc.constantFrom(
    ...[`/depot/dbfiles/${id}`, `dbfiles/${id}`, `https://h.example/depot/files/${id}/download`],
  );
  const noise = fc.array(
    fc.oneof(
      fc.string({ unit: 'binary', maxLength: 8 }),
      fc.constantFrom(
        '/',
        '"',
        '%2F',
        '&#47;',
        '\\',
        '\\/',
        'dbfiles',
        'files/',
        '/depot',
        id,
        '<',
        ';',
      ),
    ),
    { maxLength: 6 },
  );

  test('a mention in quotes changes, and nothing else does because of it', () => {
    fc.assert(
      fc.property(noise, mentions, noise, (before, mention, behind) => {
        const [head, tail] = [`${before.join('')} "`, `" ${behind.join('')}`];
        const after = mention.replace(/(?:db)?files/, 'localfs');
        const text = `${head}${mention}${tail}`;
        expect(rewrite(text)).toBe(`${rewrite(head)}${after}${rewrite(tail)}`);
        for (const { start, end, id: found } of blobFinder(plain)(text)) {
          expect(text.slice(start, end)).toMatch(/^(?:dbfiles|old-files|files)\W/);
          expect(text.slice(start, end).endsWith(found)).toBe(true);
        }
      }),
    );
  });

  test('HTML: an attribute changes, and only it', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), mentions, (before, behind, mention) => {
        const [head, tail] = [before, behind].map((text) => text.replaceAll(/["']/g, ''));
        const html = `${head}<a href="${mention}">${tail}`;
        const after = mention.replace(/(?:db)?files/, 'localfs');
        expect(rewrite(html)).toBe(`${head}<a href="${after}">${tail}`);
      }),
    );
  });

  test('JSON: what it says changes, and only there', () => {
    const value = fc.jsonValue();
    fc.assert(
      fc.property(value, fc.string(), mentions, (others, key, mention) => {
        const after = mention.replace(/(?:db)?files/, 'localfs');
        const json = (what: string): string => JSON.stringify([others, { [key]: `<${what}>` }]);
        expect(JSON.parse(rewrite(json(mention)))).toEqual(JSON.parse(json(after)));
        expect(rewrite(json(mention))).toBe(json(after));
      }),
    );
  });

  test('URLs: what a query holds changes, and only it', () => {
    fc.assert(
      fc.property(fc.webUrl(), fc.string({ unit: 'grapheme' }), mentions, (url, value, mention) => {
        const query = (what: string): string =>
          `${url}?a=${encodeURIComponent(value.toWellFormed())}&u=${encodeURIComponent(what)}&z=1`;
        const after = mention.replace(/(?:db)?files/, 'localfs');
        expect(rewrite(query(mention))).toBe(query(after));
      }),
    );
  });
});

describe('texts with references', () => {
  const rewriting = (text: string): string =>
    rewriteText(text, blobFinder(plain), names, renamed).text;

  test('a mention in a reference to another storage changes, and what its upload said does not', () => {
    const extra = { filename: `dbfiles/${id}`, note: `dbfiles/${id}` };
    const text = referenceText('archive', other, extra);
    expect(rewriting(text)).toBe(
      referenceText('archive', other, { ...extra, note: `localfs/${id}` }),
    );
  });

  test.for([
    ['a reference to the source', referenceText('dbfiles', id, { note: `dbfiles/${other}` })],
    ['one that is cut off', referenceText('dbfiles', id).slice(0, -5)],
    ['one in a string', JSON.stringify({ inner: referenceText('dbfiles', id) })],
    ['one in HTML', referenceText('dbfiles', id).replaceAll('"', '&quot;')],
  ])('%s stays as it is', ([, text]) => {
    expect(rewriting(text as string)).toBe(text);
  });

  test('keys that would become one stay two', () => {
    const text = JSON.stringify({ [`dbfiles/${id}`]: 1, [`localfs/${id}`]: 2 });
    expect(rewriting(text)).toBe(text);
    expect(rewriting(JSON.stringify({ [`dbfiles/${id}`]: 1 }))).toBe(
      JSON.stringify({ [`localfs/${id}`]: 1 }),
    );
  });
});
