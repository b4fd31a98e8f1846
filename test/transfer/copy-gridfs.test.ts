import { Long, ObjectId } from 'mongodb';
import { expect, test } from 'vitest';
import type { Manager } from '../../src/manager.js';
import { type CopyResult, runCopy } from '../../src/transfer/run-copy.js';
import { runGc } from '../../src/transfer/run-gc.js';
import { openMongoDatabase } from '../databases/mongo-harness.js';
import { describeWithServer } from '../servers/servers.js';
import { migrate } from './runs.js';
import {
  addBlob,
  addRow,
  deleteBlob,
  identifiers,
  makeSite,
  query,
  readBlob,
  referenceText,
  type Site,
  withManager,
} from './site.js';

const common = { signal: new AbortController().signal, concurrency: 4 };
const observer = { problem() {}, progress() {}, notice() {} };

async function copy(site: Site, from: string, to: string, maxDelete: number | null = null) {
  const { counts, error } = await withManager(
    site,
    (manager: Manager): Promise<CopyResult> =>
      runCopy(manager, {
        ...{ from, to, observer, maxDelete, ...common },
        ...{ dryRun: false, checksum: false, verifyFull: false },
      }),
  );
  expect(error).toBeNull();
  return counts.blobs;
}

describeWithServer('mongodb', 'a backup under other identifiers', (server) => {
  /** A site with a storage `grid`. */
  function siteWithGrid(): Site {
    const { uri } = openMongoDatabase(server);
    return makeSite(`depot.3.name = grid\ndepot.3.backend = gridfs\ndepot.3.mongouri = ${uri}\n`);
  }

  test('in GridFS is copied once, mirrored, and restored under the original ones', async () => {
    const site = siteWithGrid();
    const ids = [
      await addBlob(site, 'dbfiles', 'first'),
      await addBlob(site, 'dbfiles', 'second'),
      await addBlob(site, 'dbfiles', 'odd', 'Plan (1904).pdf'),
    ] as const;
    for (const id of ids.slice(1)) addRow(site, referenceText('dbfiles', id));
    expect(await copy(site, 'dbfiles', 'grid')).toMatchObject({ copied: 3, unchanged: 0 });
    expect(await copy(site, 'dbfiles', 'grid')).toMatchObject({ copied: 0, unchanged: 3 });

    for (const id of ids) await deleteBlob(site, 'dbfiles', id);
    await addBlob(site, 'dbfiles', 'later');
    // What references name is kept, though they know it by its original identifier.
    expect(await copy(site, 'dbfiles', 'grid', 100)).toMatchObject({ copied: 1, deleted: 1 });
    expect(await identifiers(site, 'grid')).toHaveLength(3);

    expect(await copy(site, 'grid', 'dbfiles')).toMatchObject({ copied: 2, unchanged: 1 });
    expect(await readBlob(site, 'dbfiles', ids[1])).toBe('second');
    expect(await readBlob(site, 'dbfiles', ids[2])).toBe('odd');
    expect(await identifiers(site, 'dbfiles')).toHaveLength(3);
  });

  test('in GridFS is not garbage while the originals are named', async () => {
    const site = siteWithGrid();
    const [named, loose] = [
      await addBlob(site, 'dbfiles', 'named'),
      await addBlob(site, 'dbfiles', 'loose'),
    ];
    const odd = await addBlob(site, 'dbfiles', 'odd', 'Plan (1904).pdf');
    addRow(site, referenceText('dbfiles', named));
    query(site, 'INSERT INTO documents (body) VALUES (?)', '/depot/dbfiles/Plan%20(1904).pdf');
    await copy(site, 'dbfiles', 'grid');
    const { counts } = await withManager(site, (manager) =>
      runGc(manager, {
        ...{ name: 'grid', before: new Date(Date.now() + 60_000), deleting: true },
        ...{ found: async () => {}, observer, ...common },
      }),
    );
    expect(counts.blobs).toMatchObject({ listed: 3, deleted: 1 });
    for (const id of [named, loose, odd]) await deleteBlob(site, 'dbfiles', id);
    await copy(site, 'grid', 'dbfiles');
    expect(await identifiers(site, 'dbfiles')).toEqual([named, odd].sort());
  });

  test('in GridFS is brought to the end of a replace that was killed', async () => {
    const { uri, raw } = openMongoDatabase(server);
    const site = makeSite(
      `depot.3.name = grid\ndepot.3.backend = gridfs\ndepot.3.mongouri = ${uri}\n`,
    );
    const id = await addBlob(site, 'localfs', 'content');
    await copy(site, 'localfs', 'grid');
    const files = raw.collection('filedepot.files');
    const file = await files.findOne({}, { projection: { _id: 0 } });
    const chunk = await raw.collection('filedepot.chunks').findOne();
    const upload = new ObjectId(`${chunk?._id.toHexString().slice(0, 18)}ffffff`);
    const replacement = { chunks: upload, file: { ...file, length: Long.fromNumber(7) } };
    await files.updateOne({}, { $set: { depot_replacement: replacement } });
    expect(await copy(site, 'localfs', 'grid')).toMatchObject({ replaced: 1 });
    expect(Object.keys((await files.findOne()) ?? {})).not.toContain('depot_replacement');
    await deleteBlob(site, 'localfs', id);
    expect(await copy(site, 'grid', 'localfs')).toMatchObject({ copied: 1 });
    expect(await readBlob(site, 'localfs', id)).toBe('content');
  });

  test('of a backup in GridFS knows the original identifiers too', async () => {
    const { uri } = openMongoDatabase(server);
    const second = `name = second\nbackend = gridfs\nmongouri = ${uri}\ncollection = second`;
    const { uri: first } = openMongoDatabase(server);
    const site = makeSite(
      `depot.3.name = grid\ndepot.3.backend = gridfs\ndepot.3.mongouri = ${first}\n${second.replaceAll(/^/gm, 'depot.4.')}\n`,
    );
    const ids = [await addBlob(site, 'localfs', 'first'), await addBlob(site, 'localfs', 'second')];
    await copy(site, 'localfs', 'grid');
    expect(await copy(site, 'grid', 'second')).toMatchObject({ copied: 2 });
    expect(await copy(site, 'grid', 'archive')).toMatchObject({ copied: 2 });
    expect(await identifiers(site, 'archive')).toEqual([...ids].sort());
    for (const id of ids) await deleteBlob(site, 'localfs', id);
    expect(await copy(site, 'second', 'localfs')).toMatchObject({ copied: 2 });
    expect(await identifiers(site, 'localfs')).toEqual([...ids].sort());
  });

  test('of what was migrated into GridFS is named as references name it', async () => {
    const site = siteWithGrid();
    const id = await addBlob(site, 'localfs', 'content');
    addRow(site, referenceText('localfs', id));
    await migrate(site, { from: 'localfs', to: 'grid' });
    await copy(site, 'grid', 'archive');
    const { counts } = await withManager(site, (manager) =>
      runGc(manager, {
        ...{ name: 'archive', before: new Date(Date.now() + 60_000), deleting: true },
        ...{ found: async () => {}, observer, ...common },
      }),
    );
    expect(counts.blobs).toMatchObject({ listed: 1, deleted: 0 });
    const before = await identifiers(site, 'grid');
    await deleteBlob(site, 'grid', before[0] as string);
    expect(await copy(site, 'archive', 'grid')).toMatchObject({ copied: 1 });
    expect(await identifiers(site, 'grid')).toEqual(before);
  });

  test('of a GridFS is restored under its ObjectIds', async () => {
    const site = siteWithGrid();
    const ids = [new ObjectId().toHexString(), new ObjectId().toHexString()];
    await addBlob(site, 'grid', 'first', ids[0]);
    await addBlob(site, 'grid', 'second', ids[1]);
    for (const target of ['archive', 'dbfiles']) {
      expect(await copy(site, 'grid', target)).toMatchObject({ copied: 2 });
      expect(await copy(site, 'grid', target)).toMatchObject({ copied: 0, unchanged: 2 });
      await deleteBlob(site, 'grid', ids[0] as string);
      expect(await copy(site, target, 'grid')).toMatchObject({ copied: 1, unchanged: 1 });
      expect(await identifiers(site, 'grid')).toEqual([...ids].sort());
      expect(await readBlob(site, 'grid', ids[0] as string)).toBe('first');
    }
  });
});
