import path from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { migrate } from './runs.js';
import { addBlob, addRow, identifiers, makeSite, referenceText, type Site } from './site.js';

const hour = 3_600_000;
const start = Date.parse('2026-03-01T12:00:00Z');

/** What time it is, from now on. */
function setTime(hours: number): void {
  vi.setSystemTime(start + hours * hour);
}

async function siteAt(hours: number): Promise<{ site: Site; id: string }> {
  vi.useFakeTimers({ toFake: ['Date'] });
  onTestFinished(() => void vi.useRealTimers());
  setTime(hours);
  const site = makeSite();
  const id = await addBlob(site, 'dbfiles', 'first');
  addRow(site, referenceText('dbfiles', id));
  return { site, id };
}

const options = { deleteSource: true, keepFor: 24 * hour };

test('keeps what moved a short time ago, says until when, and a later run deletes it', async () => {
  const { site, id } = await siteAt(0);
  const first = await migrate(site, options);
  expect(first.problems).toEqual([]);
  expect(first.counts.blobs.deleted).toBe(0);
  expect(first.counts.kept).toEqual({ blobs: 1, until: '2026-03-02T12:00:00.000Z' });
  setTime(20);
  const later = await addBlob(site, 'dbfiles', 'second');
  addRow(site, referenceText('dbfiles', later));
  const second = await migrate(site, options);
  expect(second.counts.kept).toEqual({ blobs: 2, until: '2026-03-03T08:00:00.000Z' });
  setTime(24);
  const third = await migrate(site, options);
  expect(third.counts.blobs.deleted).toBe(1);
  expect(third.counts.kept).toEqual({ blobs: 1, until: '2026-03-03T08:00:00.000Z' });
  expect(await identifiers(site, 'dbfiles')).toEqual([later]);
  setTime(48);
  const last = await migrate(site, options);
  expect(last.counts).toMatchObject({ blobs: { deleted: 1 }, kept: { blobs: 0, until: null } });
  expect(await identifiers(site, 'localfs')).toEqual([id, later].sort());
});

test('a blob whose second reference moves counts from then', async () => {
  const { site, id } = await siteAt(0);
  await migrate(site);
  setTime(30);
  addRow(site, referenceText('dbfiles', id));
  const { counts } = await migrate(site, options);
  expect(counts.kept).toEqual({ blobs: 1, until: '2026-03-03T18:00:00.000Z' });
});

test('what no state knows counts as moved now, and later runs remember it', async () => {
  const { site } = await siteAt(0);
  await migrate(site, { stateFile: path.join(site.directory, 'lost.sqlite') });
  setTime(100);
  const unknown = await migrate(site, options);
  expect(unknown.counts.kept).toEqual({ blobs: 1, until: '2026-03-06T16:00:00.000Z' });
  setTime(123);
  expect((await migrate(site, options)).counts.blobs.deleted).toBe(0);
  setTime(124);
  expect((await migrate(site, options)).counts.blobs.deleted).toBe(1);
});

test('without it nothing is kept for its age', async () => {
  const { site } = await siteAt(0);
  const { counts } = await migrate(site, { deleteSource: true });
  expect(counts.kept).toBeUndefined();
  expect(counts.blobs.deleted).toBe(1);
});
