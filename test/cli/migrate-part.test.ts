import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { depot, newSite, objects } from './depot.js';

const site = ['-c', 'production.ini', 'migrate-storage', '--from', 'localfs', '--to', 'dbfiles'];

interface Counts {
  references: { migrated: number; failed: number; not_selected?: number };
}

describe.concurrent('migrate-storage of a part', () => {
  test('moves larger and smaller files in turn, each with exit code 0', async () => {
    const here = newSite();
    const move = async (...args: string[]): Promise<Counts['references']> => {
      const { code, out, err } = await depot(here, ['--json', ...site, ...args]);
      expect({ code, err }).toEqual({ code: 0, err: '' });
      return (objects(out)[0] as unknown as Counts).references;
    };
    const counts = { failed: 0, missing: 0 };
    expect((await move('--dry-run')).not_selected).toBeUndefined();
    const larger = ['--larger-than', '0.3k'];
    expect(await move(...larger, '--exclude', 'images.data')).toMatchObject({
      ...{ ...counts, migrated: 1, not_selected: 2 },
    });
    expect(await move(...larger)).toMatchObject({ ...counts, migrated: 1, not_selected: 2 });
    expect(await move('--smaller-than', '20')).toMatchObject({ migrated: 1, not_selected: 1 });
    expect(await move('--smaller-than', '20')).toMatchObject({ migrated: 0, not_selected: 1 });
    expect(await move()).toMatchObject({ ...counts, migrated: 1 });
  });

  test('says how many were not selected, and does not hint at the whole', async () => {
    const here = newSite();
    const { code, out, err } = await depot(here, [...site, '--older-than', '1000y']);
    expect(code).toBe(0);
    expect(out).toMatch(/^ {2}references: \d+ read, 0 left as they are, [1-9]\d* not selected, /m);
    expect(err).not.toContain('--delete-source');
  });

  test.each([
    [['--larger-than', '10MB'], /--larger-than .*'10MB' is invalid\. It must be a size: .*10M/],
    [['--smaller-than', 'huge'], /--smaller-than .*It must be a size/],
    [['--older-than', '6m'], /--older-than .*It must be an age: .*7d/],
    [['--larger-than', '2k', '--smaller-than', '1k'], /no file is larger than 2048 and smaller/],
    [['--exclude', 'images.nothing'], /no column images\.nothing in /],
    [['--undo', 'state.sqlite', '--larger-than', '1k'], /cannot be used with option/],
  ])('%j is refused, and nothing is done', async (args, says) => {
    const here = newSite();
    const before = readFileSync(path.join(here, 'Kotti.db'));
    const { code, out, err } = await depot(here, [...site, ...args]);
    expect({ code, out }).toEqual({ code: args[0] === '--exclude' ? 3 : 2, out: '' });
    expect(err).toMatch(says);
    expect(readFileSync(path.join(here, 'Kotti.db')).equals(before)).toBe(true);
  });
});
