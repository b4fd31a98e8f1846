import {
  appendFileSync,
  mkdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { depot, done, namesIn, newSite, newStoreWith, objects, start, until } from './depot.js';

const toBackup = ['copy', '--from', 'files', '--to', 'backup'];

/** A store with files of these names, and an empty second storage. */
async function newPair(...names: string[]): Promise<{ here: string; ids: string[] }> {
  const { here, paths } = await newStoreWith(...names);
  const backup = ['name = backup', 'backend = local', 'storage_path = %(here)s/backup'];
  appendFileSync(path.join(here, 'depot.ini'), backup.map((line) => `depot.1.${line}\n`).join(''));
  mkdirSync(path.join(here, 'backup'));
  return { here, ids: paths.map((one) => one.slice('files/'.length)) };
}

/** The last line of `--json`. */
async function summaryOf(here: string, args: readonly string[]): Promise<Record<string, unknown>> {
  const { out } = await depot(here, ['--json', ...args]);
  return objects(out).at(-1) ?? {};
}

/** What `list -l` says of each blob of a storage, under no storage's name. */
async function contentsOf(here: string, storage: string): Promise<unknown[]> {
  const all = objects(
    await done(here, ['--json', 'list', '-l', storage]).then((out) => `${out}\n`),
  );
  const blobs = all.map(({ path: _path, storage: _storage, ...rest }) => rest);
  return blobs.sort((one, other) => (String(one.id) < String(other.id) ? -1 : 1));
}

describe.concurrent('copy', () => {
  test('copies all that is known of each blob, then only what is new or changed', async () => {
    const { here, ids } = await newPair('a.txt', 'ü b.pdf', 'c');
    const first = await depot(here, toBackup);
    expect(first).toMatchObject({ code: 0, err: '' });
    expect(first.out).toMatch(
      /^Copied 3 blobs \(21 bytes\) from files to backup in .* s\.\n {2}3 new, 0 changed, 0 unchanged, 0 failed\n$/,
    );
    expect(await contentsOf(here, 'backup')).toEqual(await contentsOf(here, 'files'));

    writeFileSync(path.join(here, 'new'), 'other content');
    await done(here, ['replace', `files/${ids[1]}`, 'new', '--name', 'ü b.pdf']);
    await done(here, ['put', 'new']);
    expect(await summaryOf(here, toBackup)).toEqual({
      type: 'summary',
      command: 'copy',
      from: 'files',
      to: 'backup',
      dry_run: false,
      blobs: { copied: 1, replaced: 1, unchanged: 2, failed: 0, deleted: 0 },
      bytes: 26,
      seconds: expect.any(Number),
    });
    expect(await contentsOf(here, 'backup')).toEqual(await contentsOf(here, 'files'));
    expect(await done(here, ['get', `backup/${ids[1]}`, '-'])).toBe('other content');
  });

  test('--dry-run says what it would do, and does nothing', async () => {
    const { here } = await newPair('a.txt', 'b.txt');
    const { code, out, err } = await depot(here, [...toBackup, '--dry-run', '--delete']);
    expect(code).toBe(0);
    expect(out).toContain('Would copy 2 blobs (14 bytes)');
    expect(err).toBe('Nothing was written: this was a dry run.\n');
    expect(namesIn(path.join(here, 'backup'))).toEqual([]);
  });

  test('--quiet prints nothing, unless something fails', async () => {
    const { here, ids } = await newPair('a.txt', 'b.txt');
    expect(await done(here, ['-q', ...toBackup])).toBe('');
    writeFileSync(path.join(here, 'files', ids[0] ?? '', 'metadata.json'), '{');
    const { code, out, err } = await depot(here, ['-q', ...toBackup]);
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toMatch(new RegExp(`^depot: .*${ids[0]}.*\\n$`));
  });

  test('--checksum finds what length and time do not tell', async () => {
    const { here, ids } = await newPair('a.txt');
    await done(here, ['-q', ...toBackup]);
    writeFileSync(path.join(here, 'files', ids[0] ?? '', 'file'), 'CONTENT');
    expect(await summaryOf(here, toBackup)).toMatchObject({ blobs: { unchanged: 1, replaced: 0 } });
    expect(await summaryOf(here, [...toBackup, '--checksum'])).toMatchObject({
      blobs: { unchanged: 0, replaced: 1 },
    });
    expect(await done(here, ['get', `backup/${ids[0]}`, '-'])).toBe('CONTENT');
    expect(await summaryOf(here, [...toBackup, '--checksum'])).toMatchObject({
      blobs: { unchanged: 1, replaced: 0 },
    });
  });

  test('--delete makes a mirror, within --max-delete', async () => {
    const { here, ids } = await newPair('a.txt', 'b.txt', 'c.txt');
    await done(here, ['-q', ...toBackup]);
    await done(here, ['delete', `files/${ids[0]}`, `files/${ids[1]}`]);
    expect(await summaryOf(here, toBackup)).toMatchObject({ blobs: { deleted: 0 } });
    const refused = await depot(here, [...toBackup, '--delete', '--max-delete', '1']);
    expect(refused.code).toBe(4);
    expect(refused.err).toBe(
      'depot: nothing is deleted: 2 blobs are in backup alone, more than --max-delete 1\n' +
        'Is the source what it should be? If so, allow more with --max-delete.\n',
    );
    expect(await contentsOf(here, 'backup')).toHaveLength(3);
    const rehearsed = await summaryOf(here, [...toBackup, '--delete', '--dry-run']);
    expect(rehearsed).toMatchObject({ blobs: { deleted: 2 } });
    expect(await contentsOf(here, 'backup')).toHaveLength(3);
    expect(await summaryOf(here, [...toBackup, '--delete'])).toMatchObject({
      blobs: { deleted: 2 },
    });
    expect(await contentsOf(here, 'backup')).toEqual(await contentsOf(here, 'files'));
  });

  test('takes an empty source for a mistake: nothing is deleted', async () => {
    const { here } = await newPair('a.txt');
    await done(here, ['-q', ...toBackup]);
    rmSync(path.join(here, 'files'), { recursive: true });
    mkdirSync(path.join(here, 'files'));
    const { code, err } = await depot(here, [...toBackup, '--delete']);
    expect(code).toBe(4);
    expect(err).toMatch(/^depot: nothing is deleted: files is empty\n.+\n$/);
    expect(await contentsOf(here, 'backup')).toHaveLength(1);
  });

  test('deletes nothing where a blob could not be read', async () => {
    const { here, ids } = await newPair('a.txt', 'b.txt');
    await done(here, ['-q', ...toBackup]);
    await done(here, ['delete', `files/${ids[0]}`]);
    rmSync(path.join(here, 'files', ids[1] ?? '', 'file'));
    const { code, err } = await depot(here, [...toBackup, '--delete']);
    expect(code).toBe(1);
    expect(err).toContain(`${ids[1]}`);
    expect(err).toContain('Nothing was deleted from backup, since not all was copied.');
    expect(await contentsOf(here, 'backup')).toHaveLength(2);
  });

  test('goes on behind a blob that cannot be read', async () => {
    const { here, ids } = await newPair('a.txt', 'b.txt', 'c.txt');
    const metadata = path.join(here, 'files', ids[0] ?? '', 'metadata.json');
    rmSync(metadata);
    symlinkSync('metadata.json', metadata);
    const { code, out, err } = await depot(here, toBackup);
    expect(code).toBe(1);
    expect(err).toContain(`${ids[0]}`);
    expect(out).toContain('  2 new, 0 changed, 0 unchanged, 1 failed\n');
    expect(await contentsOf(here, 'backup')).toHaveLength(2);
  });

  test.each<[string, (blob: string) => void, string[]]>([
    ['cut', (blob) => truncateSync(path.join(blob, 'file'), 3), []],
    ['emptied', (blob) => truncateSync(path.join(blob, 'file')), []],
    ['changed', (blob) => writeFileSync(path.join(blob, 'file'), 'what it'), ['--checksum']],
    ['without a file', (blob) => rmSync(path.join(blob, 'file')), []],
    ['without a file', (blob) => rmSync(path.join(blob, 'file')), ['--checksum']],
    ['with damaged metadata', (blob) => truncateSync(path.join(blob, 'metadata.json'), 9), []],
  ])('a blob that is %s is restored, and never backed up', async (_how, harm, options) => {
    const { here, ids } = await newPair('a.txt', 'b.txt');
    const before = await contentsOf(here, 'files');
    await done(here, ['-q', ...toBackup]);
    const copies = await contentsOf(here, 'backup');
    harm(path.join(here, 'files', ids[0] ?? ''));
    if (options.length === 0) {
      expect((await depot(here, ['-q', ...toBackup])).code).toBe(1);
      expect(await contentsOf(here, 'backup')).toEqual(copies);
    }
    const restore = ['copy', '--from', 'backup', '--to', 'files', ...options];
    expect((await depot(here, [...restore, '--dry-run'])).out).toContain('1 changed, 1 unchanged');
    expect((await depot(here, restore)).out).toContain('1 changed, 1 unchanged, 0 failed');
    expect(await contentsOf(here, 'files')).toEqual(before);
    expect(await done(here, ['get', `files/${ids[0]}`, '-'])).toBe(
      await done(here, ['get', `backup/${ids[0]}`, '-']),
    );
    expect((await depot(here, ['check', '--deep'])).code).toBe(0);
  });

  test('with its ends exchanged gives back what was lost', async () => {
    const { here, ids } = await newPair('a.txt', 'b.txt');
    const before = await contentsOf(here, 'files');
    await done(here, ['-q', ...toBackup]);
    await done(here, ['delete', `files/${ids[0]}`]);
    await done(here, ['-q', 'copy', '--from', 'backup', '--to', 'files']);
    expect(await contentsOf(here, 'files')).toEqual(before);
  });

  test('deletes nothing in a storage that references name', async () => {
    const here = newSite();
    const args = ['-c', 'production.ini', 'copy', '--from', 'dbfiles', '--to', 'localfs'];
    const { code, out, err } = await depot(here, [...args, '--delete']);
    expect({ code, out }).toEqual({ code: 4, out: '' });
    expect(err).toContain('references name blobs in localfs: it is no backup');
  });

  test.each([
    { args: ['--from', 'files', '--to', 'files'], code: 2, said: 'to itself' },
    { args: ['--from', 'files'], code: 2, said: 'copy needs --from STORAGE and --to STORAGE' },
    { args: ['--from', 'files', '--to', 'none'], code: 3, said: 'no storage "none"' },
    {
      args: ['--from', 'files', '--to', 'backup', '--max-delete', 'x'],
      code: 2,
      said: 'whole number',
    },
    {
      args: ['--from', 'files', '--to', 'backup', '--max-delete', '5'],
      code: 2,
      said: 'deletes nothing without --delete',
    },
  ])('exits $code, having done nothing: $args', async ({ args, code, said }) => {
    const { here } = await newPair('a.txt');
    const ended = await depot(here, ['copy', ...args]);
    expect(ended).toMatchObject({ code, out: '' });
    expect(ended.err).toContain(said);
    expect(namesIn(path.join(here, 'backup'))).toEqual([]);
  });

  test('goes on where it was killed', async () => {
    const names = Array.from({ length: 300 }, (_, number) => `${number}.txt`);
    const { here } = await newPair(...names);
    const backup = path.join(here, 'backup');
    const child = start(here, toBackup);
    await until(child, () => namesIn(backup).length > 20);
    child.kill('SIGKILL');
    await until(child, () => child.signalCode !== null).catch(() => {});
    const summary = await summaryOf(here, toBackup);
    const { copied, unchanged } = summary.blobs as { copied: number; unchanged: number };
    expect(copied + unchanged).toBe(300);
    expect(await contentsOf(here, 'backup')).toEqual(await contentsOf(here, 'files'));
  });
});
