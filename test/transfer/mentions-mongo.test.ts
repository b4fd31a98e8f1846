import { readFileSync, writeFileSync } from 'node:fs';
import { ObjectId } from 'mongodb';
import { expect, test } from 'vitest';
import { openMongoDatabase } from '../databases/mongo-harness.js';
import { describeWithServer } from '../servers/servers.js';
import { migrate, undo } from './runs.js';
import {
  addBlob,
  addRow,
  identifiers,
  makeSite,
  query,
  referenceText,
  type Site,
  withManager,
} from './site.js';

const id = 'f8fd9e46-e6ef-11f1-b551-02fc00000001';

async function siteWith(settings: string): Promise<Site> {
  const site = makeSite(settings);
  await addBlob(site, 'dbfiles', 'content', id);
  addRow(site, referenceText('dbfiles', id));
  return site;
}

describeWithServer('mongodb', 'mentions in MongoDB', (server) => {
  test('keep a blob, are rewritten in documents at any depth, and given back', async () => {
    const { uri, raw } = openMongoDatabase(server);
    const site = await siteWith(`databases =\n    sqlite:///%(here)s/site.db\n    ${uri}\n`);
    const other = { depot_name: 'localfs', file_id: 'x', path: 'localfs/x', files: ['localfs/x'] };
    const page = (storage: string) => ({
      _id: new ObjectId('65e1a0000000000000000001'),
      body: `<img src="/depot/${storage}/${id}">`,
      parts: [{ html: `https://h.example/depot/${storage}/${id}/download` }, { count: 7 }],
      file: { ...other, cover: `${storage}/${id}` },
    });
    await raw.collection('pages').insertOne(page('dbfiles'));
    await raw.collection('named').insertOne({ [`dbfiles/${id}`]: 1 });

    await migrate(site);
    const kept = await migrate(site, { deleteSource: true });
    expect(kept.counts.blobs.deleted).toBe(0);
    expect(kept.problems).toMatchObject([
      { kind: 'still-mentioned', reference: expect.stringMatching(/^(?:named|pages)\.\S+ _id=/) },
    ]);

    const { counts, problems, stateFile } = await migrate(site, { rewriteMentions: true });
    expect(problems).toMatchObject([
      { kind: 'mention-left', reference: expect.stringMatching(/^named\./) },
    ]);
    expect(counts.mentions).toEqual({ rewritten: 3, left: 1 });
    expect(await raw.collection('pages').findOne()).toEqual(page('localfs'));

    const { problems: notUndone, counts: undone } = await undo(site, stateFile);
    expect(notUndone).toEqual([]);
    expect(undone.mentions).toEqual({ rewritten: 3, left: 0 });
    expect(await raw.collection('pages').findOne()).toEqual(page('dbfiles'));
  });

  test('follow a blob into GridFS under its derived identifier, and back', async () => {
    const { uri } = openMongoDatabase(server);
    const site = await siteWith('\n[depot:aliases]\nold = dbfiles\n');
    const grid = ['name = grid', 'backend = gridfs', `mongouri = ${uri}`];
    const settings = grid.map((line) => `depot.3.${line}\n`).join('');
    const ini = readFileSync(site.ini, 'utf8').replace('[app:site]\n', `$&${settings}`);
    writeFileSync(site.ini, ini);
    const options = { to: 'grid', rewriteMentions: true };
    await withManager(site, async (manager) => (await manager.storage('grid')).backend.provision());
    query(site, 'INSERT INTO documents (body) VALUES (?)', `/depot/old/${id} dbfiles/${id}`);
    const { counts, problems, stateFile } = await migrate(site, { ...options, deleteSource: true });
    expect(problems).toEqual([]);
    expect(counts).toMatchObject({ mentions: { rewritten: 2 }, blobs: { deleted: 1 } });
    const [derived] = await identifiers(site, 'grid');
    expect(query(site, 'SELECT body FROM documents')).toEqual([
      { body: `/depot/grid/${derived} grid/${derived}` },
    ]);
    query(site, 'INSERT INTO documents (body) VALUES (?)', `dead: dbfiles/${id}`);
    expect((await migrate(site, options)).counts.mentions).toEqual({ rewritten: 1, left: 0 });
    await undo(site, stateFile);
    expect(query(site, 'SELECT body FROM documents')).toEqual([
      { body: `/depot/old/${id} dbfiles/${id}` },
      { body: `dead: dbfiles/${id}` },
    ]);
    expect(await identifiers(site, 'dbfiles')).toEqual([id]);
  });
});
