import { rmSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { depot, done, newSite, newStoreWith, objects } from './depot.js';

describe.concurrent('du', () => {
  test('adds up each content type, and all of them', async () => {
    const { here } = await newStoreWith('a.txt', 'b.txt', 'c.png');
    expect(objects(`${await done(here, ['--json', 'du'])}\n`)).toEqual([
      { storage: 'files', content_type: 'text/plain', blobs: 2, bytes: 14 },
      { storage: 'files', content_type: 'image/png', blobs: 1, bytes: 7 },
      { storage: 'files', content_type: null, blobs: 3, bytes: 21 },
    ]);
    expect(await done(here, ['du', 'files', '--bytes'])).toBe(
      [
        'STORAGE  TYPE        BLOBS  SIZE',
        'files    text/plain  2      14',
        'files    image/png   1      7',
        'files    all         3      21',
      ].join('\n'),
    );
  });

  test('names what cannot be looked at, and exits 1', async () => {
    const { here, paths } = await newStoreWith('a.txt', 'b.txt');
    rmSync(path.join(here, paths[0] ?? '', 'file'));
    const { code, out, err } = await depot(here, ['du']);
    expect(code).toBe(1);
    expect(out).toContain('all         1 ');
    expect(err).toContain('file is missing');
  });

  test('of a site shows every storage; one that is not there exits 3', async () => {
    const here = newSite();
    const all = objects(`${await done(here, ['-c', 'production.ini', '--json', 'du'])}\n`);
    const totals = all.filter((one) => one.content_type === null);
    expect(totals.map(({ storage, blobs }) => [storage, blobs])).toEqual([
      ['dbfiles', 50],
      ['localfs', 6],
    ]);
    expect(await depot(here, ['-c', 'production.ini', 'du', 'none'])).toMatchObject({ code: 3 });
  });
});
