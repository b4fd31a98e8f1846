import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import type { Manager } from '../../src/manager.js';
import type { Fix } from '../../src/transfer/fixes.js';
import { runCheck } from '../../src/transfer/run-check.js';
import { aroundChange, once } from './meanwhile.js';
import {
  addBlob,
  addRow,
  makeSite,
  query,
  referenceText,
  rowText,
  type Site,
  withManager,
} from './site.js';

/** A site with one reference whose list of files is empty. */
async function siteWithContradiction(): Promise<{ site: Site; id: string; row: number }> {
  const site = makeSite();
  const id = await addBlob(site, 'dbfiles', 'content');
  return { site, id, row: addRow(site, withoutFiles(id)) };
}

function withoutFiles(id: string, extra: Readonly<Record<string, unknown>> = {}): string {
  return referenceText('dbfiles', id, extra).replace(/"files": \[[^\]]*\]/, '"files": []');
}

async function fix(
  site: Site,
  { prepare }: { prepare?(manager: Manager): Promise<void> } = {},
): Promise<Fix[]> {
  const fixes: Fix[] = [];
  await withManager(site, async (manager) => {
    await prepare?.(manager);
    const { error } = await runCheck(manager, {
      names: [],
      deep: false,
      fixing: {
        kinds: new Set(['inconsistent-reference']),
        dryRun: false,
        fixed: async (one) => void fixes.push(one),
      },
      found: async () => {},
      notice() {},
      progress() {},
      listed() {},
      signal: new AbortController().signal,
      concurrency: 4,
    });
    expect(error).toBeNull();
  });
  return fixes;
}

function setText(site: Site, row: number, text: string): void {
  query(site, 'UPDATE files SET data = ? WHERE id = ?', text, row);
}

test('an edit of the application meanwhile stays, and what it left is fixed', async () => {
  const { site, id, row } = await siteWithContradiction();
  const before = once(() => setText(site, row, withoutFiles(id, { title: 'new' })));
  expect(await fix(site, aroundChange({ before }))).toMatchObject([{ status: 'fixed' }]);
  expect(rowText(site, row)).toBe(referenceText('dbfiles', id, { title: 'new' }));
});

test('a reference that the application puts right itself is left as it is', async () => {
  const { site, id, row } = await siteWithContradiction();
  const right = referenceText('dbfiles', id, { title: 'new' });
  const before = once(() => setText(site, row, right));
  expect(await fix(site, aroundChange({ before }))).toEqual([]);
  expect(rowText(site, row)).toBe(right);
});

test('a reference that meanwhile names another file is not fixed: who else names that?', async () => {
  const { site, row } = await siteWithContradiction();
  const newer = await addBlob(site, 'dbfiles', 'newer');
  const before = once(() => setText(site, row, withoutFiles(newer)));
  expect(await fix(site, aroundChange({ before }))).toEqual([]);
  expect(rowText(site, row)).toBe(withoutFiles(newer));
});

test('a reference that keeps changing is left as the application wrote it, and named', async () => {
  const { site, id, row } = await siteWithContradiction();
  let edits = 0;
  const before = (): void => {
    edits += 1;
    setText(site, row, withoutFiles(id, { edits }));
  };
  expect(await fix(site, aroundChange({ before }))).toMatchObject([
    { status: 'not-fixed', reference: 'files.data id=1', before: null, after: null },
  ]);
  expect(rowText(site, row)).toBe(withoutFiles(id, { edits }));
});

test('of several references in a row each is fixed as far as it can be', async () => {
  const { site, row, id } = await siteWithContradiction();
  const inner = await addBlob(site, 'localfs', 'inner');
  const missing = withoutFiles(randomUUID());
  const [outer, first] = [withoutFiles(id), withoutFiles(inner).replaceAll('dbfiles', 'localfs')];
  setText(site, row, `{"title": 1.0, "all": [${outer}, ${first}, ${missing}]}`);
  const fixes = await fix(site);
  expect(fixes.map(({ status, before }) => [status, before])).toEqual([
    ['not-fixed', null],
    ['fixed', outer],
    ['fixed', first],
  ]);
  expect(rowText(site, row)).toBe(
    `{"title": 1.0, "all": [${referenceText('dbfiles', id)}, ${referenceText('localfs', inner)}, ${missing}]}`,
  );
});

test('a text that would not fit the column stays', async () => {
  const { site, id, row } = await siteWithContradiction();
  const long = withoutFiles(id, { title: 'x'.repeat(3900 - withoutFiles(id).length) });
  const full = long.replace('"title": "', `"title": "${'y'.repeat(4000 - long.length)}`);
  setText(site, row, full);
  const [one] = await fix(site);
  expect(one?.message).toMatch(/^the new text has 4\d{3} characters, files\.data takes 4000$/);
  expect(rowText(site, row)).toBe(full);
});
