import { chmodSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, onTestFinished, type TestContext, test } from 'vitest';
import { DepotError } from '../../src/errors.js';
import { type CopyOutcome, type CopyTestOptions, copy } from './copy.js';
import { addBlob, deleteBlob, identifiers, makeSite, query, readBlob, type Site } from './site.js';

/** Adds blobs to `localfs`, with their content by identifier. */
async function addBlobs(site: Site, count: number): Promise<[string, ...string[]]> {
  const ids: string[] = [];
  for (let number = 0; number < count; number += 1) {
    ids.push(await addBlob(site, 'localfs', `content ${number}`));
  }
  return ids as [string, ...string[]];
}

/** Goes on without root's rights, to which no file is closed. */
function becomeNobody(context: TestContext, { directory }: Site): void {
  if (process.geteuid?.() !== 0) return;
  if (process.seteuid === undefined) context.skip('root cannot become another user here');
  for (const name of ['', ...(readdirSync(directory, { recursive: true }) as string[])]) {
    chmodSync(path.join(directory, name), 0o777);
  }
  process.seteuid?.(65_534);
  onTestFinished(() => void process.seteuid?.(0));
}

/** Closes a file to nobody, as its owner. */
function closeTo(file: string, mode: number): void {
  const user = process.geteuid?.() ?? 0;
  if (user !== 0 && process.getuid?.() === 0) process.seteuid?.(0);
  chmodSync(file, mode);
  if (user !== 0 && process.getuid?.() === 0) process.seteuid?.(user);
}

const denied = (id: string) => [
  expect.objectContaining({
    kind: 'copy-failed',
    path: `localfs/${id}`,
    message: expect.stringMatching(new RegExp(`${id}.*: permission denied$`)),
  }),
];

test('a file that may not be read is a line, and the others are copied', async (context) => {
  const site = makeSite();
  const [first, ...others] = await addBlobs(site, 4);
  becomeNobody(context, site);
  closeTo(path.join(site.directory, 'blobs', first), 0o700);
  const { counts, error, problems } = await copy(site, 'localfs', 'archive');
  expect({ ...counts.blobs, error }).toMatchObject({ copied: 3, failed: 1, error: null });
  expect(problems).toEqual(denied(first));
  expect(await identifiers(site, 'archive')).toEqual(others.sort());
});

test('a copy that may not be read or replaced is a line, and the others are copied', async (context) => {
  const site = makeSite();
  const [first, second] = await addBlobs(site, 4);
  expect((await copy(site, 'localfs', 'archive')).counts.blobs.copied).toBe(4);
  for (const id of await identifiers(site, 'archive')) {
    writeFileSync(path.join(site.directory, 'archive', id, 'file'), 'cut');
  }
  becomeNobody(context, site);
  closeTo(path.join(site.directory, 'archive', first), 0o700);
  closeTo(path.join(site.directory, 'archive', second as string), 0o755);
  const { counts, error, problems } = await copy(site, 'localfs', 'archive');
  expect({ ...counts.blobs, error }).toMatchObject({ replaced: 2, failed: 2, error: null });
  const sorted = [...problems].sort((one) => (one.path === `localfs/${first}` ? -1 : 1));
  expect(sorted).toEqual([...denied(first), ...denied(second as string)]);
});

test('what may not be looked at in the target is not deleted there', async (context) => {
  const site = makeSite();
  const [lost] = await addBlobs(site, 3);
  await copy(site, 'localfs', 'archive');
  await deleteBlob(site, 'localfs', lost);
  becomeNobody(context, site);
  closeTo(path.join(site.directory, 'archive', lost), 0o700);
  const { counts, error, problems } = await copy(site, 'localfs', 'archive', { maxDelete: 100 });
  expect({ ...counts.blobs, error }).toMatchObject({ deleted: 0, failed: 1, error: null });
  expect(problems).toMatchObject([{ kind: 'delete-failed', path: `archive/${lost}` }]);
});

test('what stops a copy lets come to its end what is under way, and all of that counts', async () => {
  const site = makeSite();
  await addBlobs(site, 30);
  const { counts, error } = await copy(site, 'localfs', 'archive', {
    prepare(target) {
      const { create } = target;
      let begun = 0;
      target.create = async (...blob) => {
        begun += 1;
        if (begun === 10) throw new DepotError('unreachable', 'the network is down');
        // Those that began before it failed are slower than the failure.
        await new Promise((resolve) => setTimeout(resolve, 20));
        return create.apply(target, blob);
      };
    },
  });
  expect(error).toMatchObject({ kind: 'unreachable' });
  expect(counts.blobs.copied).toBe((await identifiers(site, 'archive')).length);
  expect(counts.blobs.copied).toBeGreaterThan(8);
  expect(counts.blobs.copied).toBeLessThan(30);
});

test('two copies at a time make the same copies, and neither has failed', async () => {
  const site = makeSite();
  const ids = await addBlobs(site, 5);
  const inside = (method: 'create' | 'replace'): CopyTestOptions => {
    let other: Promise<CopyOutcome> | null = null;
    return {
      prepare(target) {
        const own = target[method];
        target[method] = async (...blob) => {
          other ??= copy(site, 'localfs', 'archive');
          expect((await other).counts.blobs).toMatchObject({ failed: 0 });
          return own.apply(target, blob);
        };
      },
    };
  };
  const first = await copy(site, 'localfs', 'archive', inside('create'));
  expect(first.counts.blobs).toMatchObject({ copied: 0, unchanged: 5, failed: 0 });
  for (const id of ids) {
    expect(readdirSync(path.join(site.directory, 'archive', id)).sort()).toEqual([
      'file',
      'metadata.json',
    ]);
    writeFileSync(path.join(site.directory, 'archive', id, 'file'), 'cut');
  }
  const second = await copy(site, 'localfs', 'archive', inside('replace'));
  expect(second).toMatchObject({ problems: [], counts: { blobs: { failed: 0 } } });
  for (const [number, id] of ids.entries()) {
    expect(await readBlob(site, 'archive', id)).toBe(`content ${number}`);
  }
});

test('a replace that was killed is brought to its end, also for those who know no depot', async () => {
  const site = makeSite();
  const [first, second] = await addBlobs(site, 2);
  await copy(site, 'localfs', 'archive');
  // As it is before the first rename, and before the second.
  for (const [id, names] of [
    [first, ['file', 'metadata.json']],
    [second as string, ['metadata.json']],
  ] as const) {
    const directory = path.join(site.directory, 'archive', id);
    for (const name of names) {
      const staged = name === 'file' ? '.depot-file-x' : '.depot-replace-x';
      renameSync(path.join(directory, name), path.join(directory, staged));
      writeFileSync(path.join(directory, name), name === 'file' ? 'old' : '{"content_length": 3}');
    }
  }
  expect((await copy(site, 'localfs', 'archive')).counts.blobs).toMatchObject({ replaced: 2 });
  expect((await copy(site, 'localfs', 'archive')).counts.blobs).toMatchObject({ unchanged: 2 });
  for (const [number, id] of [first, second as string].entries()) {
    const of = (name: string) =>
      readFileSync(path.join(site.directory, 'archive', id, name), 'utf8');
    expect(of('file')).toBe(`content ${number}`);
    expect(of('metadata.json')).toContain('"content_length": 9');
  }
});

/** Sets the time of a blob in `localfs`, in UTC. */
function setTime(site: Site, id: string, time: string): void {
  const file = path.join(site.directory, 'blobs', id, 'metadata.json');
  const metadata = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
  writeFileSync(file, JSON.stringify({ ...metadata, last_modified: time }));
}

test('both hours that a clock shows twice are copied to local times once', async () => {
  const site = makeSite();
  const settings = readFileSync(site.ini, 'utf8').replace('= UTC', '= Europe/Berlin');
  writeFileSync(site.ini, settings);
  const ids = await addBlobs(site, 3);
  setTime(site, ids[0], '2026-10-25 00:30:00');
  setTime(site, ids[1] as string, '2026-10-25 01:30:00');
  setTime(site, ids[2] as string, '2026-03-29 01:30:00');
  expect((await copy(site, 'localfs', 'dbfiles')).counts.blobs).toMatchObject({ copied: 3 });
  for (const [from, to] of [['localfs', 'dbfiles'] as const, ['dbfiles', 'localfs'] as const]) {
    expect((await copy(site, from, to)).counts.blobs).toMatchObject({ replaced: 0, unchanged: 3 });
  }
  setTime(site, ids[1] as string, '2026-10-25 02:30:00');
  expect((await copy(site, 'localfs', 'dbfiles')).counts.blobs).toMatchObject({ replaced: 1 });
});

test('what lost the fractions of its second on the way stays unchanged', async () => {
  const site = makeSite();
  const id = await addBlob(site, 'dbfiles', 'content');
  query(site, "UPDATE blobs SET last_modified = '2026-01-02 03:04:05.987654'");
  expect((await copy(site, 'dbfiles', 'archive')).counts.blobs).toMatchObject({ copied: 1 });
  expect((await copy(site, 'dbfiles', 'archive')).counts.blobs).toMatchObject({ unchanged: 1 });
  await deleteBlob(site, 'dbfiles', id);
  expect((await copy(site, 'archive', 'dbfiles')).counts.blobs).toMatchObject({ copied: 1 });
  for (const [from, to] of [['archive', 'dbfiles'] as const, ['dbfiles', 'archive'] as const]) {
    expect((await copy(site, from, to)).counts.blobs).toMatchObject({ unchanged: 1, replaced: 0 });
  }
});
