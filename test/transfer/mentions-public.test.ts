import { readFileSync, writeFileSync } from 'node:fs';
import { expect, onTestFinished, test } from 'vitest';
import { configuredKinds } from '../servers/configured.js';
import { describeWithServer } from '../servers/servers.js';
import { migrate, undo } from './runs.js';
import { addBlob, addRow, makeSite, query, referenceText, type Site, withManager } from './site.js';

const id = 'f8fd9e46-e6ef-11f1-b551-02fc00000001';

/** A site with the storages `one` and `other`, which serve their files to everybody. */
async function publicSite(server: string): Promise<Site> {
  const site = makeSite();
  const kind = configuredKinds.find((one) => one.kind === 's3');
  for (const [index, name] of ['one', 'other'].entries()) {
    const configured = await kind?.configure(server);
    if (configured === undefined) throw new Error('no S3');
    onTestFinished(configured.remove);
    const options = { ...configured.options, name, policy: 'public-read', prefix: `${name}/` };
    const lines = Object.entries(options).map(
      ([key, value]) => `depot.${3 + index}.${key} = ${String(value).replaceAll('%', '%%')}\n`,
    );
    const ini = readFileSync(site.ini, 'utf8');
    writeFileSync(site.ini, ini.replace('[app:site]\n', `$&${lines.join('')}`));
    await withManager(site, async (manager) => (await manager.storage(name)).backend.provision());
  }
  await addBlob(site, 'one', 'content', id);
  return site;
}

function urlIn(site: Site, name: string): Promise<string> {
  return withManager(site, async (manager) => {
    const url = (await manager.storage(name)).publicUrl(id);
    if (url === null) throw new Error(`${name} has no URLs`);
    return url;
  });
}

describeWithServer('s3', 'mentions of public URLs', (server) => {
  test('become those of the target, or where it has none the URL that the site serves', async () => {
    const site = await publicSite(server);
    const [one, other] = [await urlIn(site, 'one'), await urlIn(site, 'other')];
    addRow(site, referenceText('one', id, { _public_url: one }));
    const body = (url: string): string =>
      `<a href="${url}"> ?u=${encodeURIComponent(url)}&x=1 ${JSON.stringify(url).replaceAll('/', '\\/')}`;
    const bodies = (): unknown => query(site, 'SELECT body FROM documents');
    query(site, 'INSERT INTO documents (body) VALUES (?)', body(one));

    const there = await migrate(site, { from: 'one', to: 'other', rewriteMentions: true });
    expect(there.problems).toEqual([]);
    expect(there.counts.mentions).toEqual({ rewritten: 3, left: 0 });
    expect(bodies()).toEqual([{ body: body(other) }]);
    const options = { from: 'other', to: 'localfs', rewriteMentions: true, deleteSource: true };
    const served = await migrate(site, options);
    expect(served.problems).toEqual([]);
    expect(served.counts.blobs.deleted).toBe(1);
    expect(bodies()).toEqual([{ body: body(`/depot/localfs/${id}`) }]);
    for (const { stateFile } of [served, there])
      expect((await undo(site, stateFile)).problems).toEqual([]);
    expect(bodies()).toEqual([{ body: body(one) }]);
  });

  test('keep a blob where they stay', async () => {
    const site = await publicSite(server);
    const url = await urlIn(site, 'one');
    addRow(site, referenceText('one', id, { _public_url: url }));
    query(site, 'INSERT INTO documents (body) VALUES (?)', url);
    const { counts, problems } = await migrate(site, { from: 'one', deleteSource: true });
    expect(counts.blobs.deleted).toBe(0);
    expect(problems).toMatchObject([{ kind: 'still-mentioned', reference: 'documents.body id=1' }]);
  });
});
