import { cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { DepotError } from '../../src/errors.js';
import { migrate } from './runs.js';
import {
  addBlob,
  addRow,
  identifiers,
  makeSite,
  readBlob,
  referenceText,
  rowText,
} from './site.js';

const noBlobs = {
  ...{ copied: 0, copied_by_service: 0, reused: 0 },
  ...{ missing: 0, failed: 0, deleted: 0 },
};

test('another content under the identifier in the target is left alone', async () => {
  const site = makeSite();
  const id = await addBlob(site, 'dbfiles', 'ours');
  await addBlob(site, 'localfs', 'somebody else', id);
  const row = addRow(site, referenceText('dbfiles', id));
  for (let run = 0; run < 2; run += 1) {
    const { counts, problems } = await migrate(site);
    expect(counts.references).toMatchObject({ migrated: 0, failed: 1 });
    expect(problems).toMatchObject([{ kind: 'target-differs', path: `dbfiles/${id}` }]);
  }
  expect(await readBlob(site, 'localfs', id)).toBe('somebody else');
  expect(rowText(site, row)).toBe(referenceText('dbfiles', id));
});

test('equal content in the target is used as it is', async () => {
  const site = makeSite();
  const id = await addBlob(site, 'dbfiles', 'same');
  await addBlob(site, 'localfs', 'same', id);
  addRow(site, referenceText('dbfiles', id));
  const { counts } = await migrate(site);
  expect(counts.blobs).toEqual({ ...noBlobs, reused: 1 });
  expect(counts.bytes).toBe(0);
  expect(counts.references.migrated).toBe(1);
});

test('identifiers that the target cannot have are derived, always the same', async () => {
  const site = makeSite();
  const id = await addBlob(site, 'dbfiles', 'odd', 'Plan (1904).pdf');
  const row = addRow(
    site,
    referenceText('dbfiles', id, { thumb_id: id, note: `see dbfiles/${id}` }),
  );
  await migrate(site);
  const [derived] = await identifiers(site, 'localfs');
  expect(derived).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-5/);
  expect(rowText(site, row)).toBe(
    referenceText('localfs', derived as string, { thumb_id: derived, note: `see dbfiles/${id}` }),
  );
  addRow(site, referenceText('dbfiles', id));
  const again = await migrate(site);
  expect(again.counts.blobs).toEqual({ ...noBlobs, reused: 1 });
  expect(await identifiers(site, 'localfs')).toEqual([derived]);
});

test('two names of one table: references change, blobs stay, deletion is refused', async () => {
  const site = makeSite(
    'depot.3.name = kottifiles\ndepot.3.backend = kotti.filedepot.DBFileStorage\n',
  );
  const id = await addBlob(site, 'dbfiles', 'one');
  const row = addRow(site, referenceText('dbfiles', id));
  const to = 'kottifiles';
  await expect(migrate(site, { to, deleteSource: true })).rejects.toMatchObject({
    kind: 'refused',
  });
  expect(rowText(site, row)).toBe(referenceText('dbfiles', id));
  const { counts } = await migrate(site, { to });
  expect(counts.blobs).toEqual(noBlobs);
  expect(counts.bytes).toBe(0);
  expect(rowText(site, row)).toBe(referenceText(to, id));
  expect(await identifiers(site, to)).toEqual([id]);
});

test('a symbolic link to the same directory is the same place', async () => {
  const site = makeSite(
    'depot.3.name = linked\ndepot.3.backend = local\ndepot.3.storage_path = %(here)s/link\n',
  );
  symlinkSync(path.join(site.directory, 'blobs'), path.join(site.directory, 'link'));
  const id = await addBlob(site, 'localfs', 'one');
  const row = addRow(site, referenceText('localfs', id));
  const options = { from: 'localfs', to: 'linked' };
  await expect(migrate(site, { ...options, deleteSource: true })).rejects.toMatchObject({
    kind: 'refused',
  });
  const { counts } = await migrate(site, options);
  expect(counts.blobs).toEqual(noBlobs);
  expect(rowText(site, row)).toBe(referenceText('linked', id));
  expect(await readBlob(site, 'linked', id)).toBe('one');
});

test('nested directories are copied between, and nothing there is ever deleted', async () => {
  const site = makeSite(
    'depot.3.name = inner\ndepot.3.backend = local\ndepot.3.storage_path = %(here)s/blobs/inner\n',
  );
  mkdirSync(path.join(site.directory, 'blobs/inner'));
  const id = await addBlob(site, 'localfs', 'one');
  addRow(site, referenceText('localfs', id));
  for (const [from, to] of [
    ['localfs', 'inner'],
    ['inner', 'localfs'],
  ] as const) {
    await expect(migrate(site, { from, to, deleteSource: true })).rejects.toMatchObject({
      kind: 'refused',
    });
    expect((await migrate(site, { from, to })).counts.references.migrated).toBe(1);
  }
  expect(await readBlob(site, 'localfs', id)).toBe('one');
  expect(await readBlob(site, 'inner', id)).toBe('one');
});

test('aliases name storages in references and on the command line', async () => {
  const site = makeSite('\n[depot:aliases]\nold = dbfiles\nnew = localfs\n');
  const id = await addBlob(site, 'dbfiles', 'one');
  const mixed = addRow(site, referenceText('old', id, { files: [`dbfiles/${id}`] }));
  const { source, target, counts } = await migrate(site, { from: 'old', to: 'new' });
  expect([source, target]).toEqual(['dbfiles', 'localfs']);
  expect(counts.blobs.copied).toBe(1);
  expect(rowText(site, mixed)).toBe(referenceText('localfs', id, { files: [`localfs/${id}`] }));
  await expect(migrate(site, { from: 'new', to: 'localfs' })).rejects.toMatchObject({
    kind: 'usage',
  });
});

test('a target in memory is refused', async () => {
  const site = makeSite('depot.3.name = ram\ndepot.3.backend = memory\n');
  await expect(migrate(site, { to: 'ram' })).rejects.toMatchObject({ kind: 'refused' });
});

test('a configuration without any database is refused, saying how to name one', async () => {
  const site = makeSite();
  const from = path.join(site.directory, 'blobs');
  const other = { ...site, ini: path.join(site.directory, 'plain.ini') };
  cpSync(site.ini, other.ini);
  writeFileSync(
    other.ini,
    `[depot]\ndepot.0.name = a\ndepot.0.backend = local\ndepot.0.storage_path = ${from}\n` +
      `depot.1.name = b\ndepot.1.backend = local\ndepot.1.storage_path = ${site.directory}/archive\n`,
  );
  const error: unknown = await migrate(other, { from: 'a', to: 'b' }).catch((reason) => reason);
  expect(error).toBeInstanceOf(DepotError);
  expect(error).toMatchObject({ kind: 'config', hint: expect.stringContaining('databases') });
});
