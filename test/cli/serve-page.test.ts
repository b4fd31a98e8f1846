import { appendFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import Sqlite from 'better-sqlite3';
import { expect, test } from 'vitest';
import { absentId, done, newSite, newStore } from './depot.js';
import { linksOf, page, serve } from './served.js';

const site = ['-c', 'production.ini'];

/** The identifiers that a page has rows of. */
function rowsOf(html: string): string[] {
  return linksOf(html).flatMap((link) => new URLSearchParams(link.slice(2)).get('id') ?? []);
}

function nextOf(html: string): string | undefined {
  return linksOf(html).find((link) => link.includes('after='));
}

test('lists the storages and their blobs, which its links lead to', async () => {
  const { url, stop } = await serve(newSite(), [], {}, site);
  expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/$/);
  const html = await page(url);
  const links = linksOf(html);
  expect(links.slice(0, 3)).toEqual(['/', '/?storage=dbfiles', '/?storage=localfs']);
  expect(rowsOf(html).length).toBeGreaterThan(20);
  const blobs = links.filter((link) => /^\/depot\/dbfiles\/[^/]*\/download$/.test(link));
  expect(blobs.length).toBe(rowsOf(html).length);
  for (const link of blobs.slice(0, 5)) {
    expect((await fetch(new URL(link, url), { method: 'HEAD' })).status).toBe(200);
  }
  expect(html).toContain('the &#34;Alba&#34; and &#39;Berta&#39;.txt');
  expect(await page(`${url}?storage=localfs`)).toContain('slipway.png');
  for (const wrong of ['?storage=other', '?after=x', `?id=${absentId}`, 'other']) {
    expect([wrong, (await fetch(url + wrong)).status]).toEqual([wrong, 404]);
  }
  expect((await fetch(url, { method: 'POST' })).status).toBe(405);
  const head = await fetch(url, { method: 'HEAD' });
  expect([head.status, await head.text()]).toEqual([200, '']);
  expect(await stop()).toBe(130);
});

test('tells what names a blob, and as what', async () => {
  const { url } = await serve(newSite(), [], {}, site);
  const html = await page(`${url}?storage=localfs`);
  expect(html).toContain('files.data id=27');
  const [thumbnail] = rowsOf(await page(`${url}?storage=localfs&text=thumb_128x128.png`));
  const one = await page(`${url}?storage=localfs&id=${thumbnail}`);
  expect(one).toMatch(/images\.data id=32, as the thumbnail of localfs\/[0-9a-f-]+</);
  expect(one).toMatch(/References as of \d{4}-/);
});

test('an alias in a reference stands for its storage, and a fourth reference is counted', async () => {
  const here = newSite();
  const handle = new Sqlite(path.join(here, 'Kotti.db'));
  const { data } = handle.prepare('SELECT data FROM files WHERE id = 27').get() as { data: string };
  const { file_id: id } = JSON.parse(data) as { file_id: string };
  const aliased = data.replaceAll('localfs', 'uploads');
  handle.prepare('UPDATE files SET data = ? WHERE id IN (5, 6, 7)').run(aliased);
  handle.close();
  appendFileSync(path.join(here, 'production.ini'), '\n[depot:aliases]\nuploads = localfs\n');
  const { url } = await serve(here, [], {}, site);
  const html = await page(`${url}?storage=localfs&text=${id}`);
  expect(html).toContain('<li>files.data id=5</li>');
  expect(html).toContain('<li>and 1 more</li>');
  const one = await page(`${url}?storage=localfs&id=${id}`);
  expect(one).toContain('Named by 4 references');
  expect(one.match(/<li>files\.data id=\d+<\/li>/g)).toHaveLength(4);
});

test('shows a hundred blobs, and the others behind them; no filename is markup', async () => {
  const here = newStore();
  const names = Array.from({ length: 250 }, (_, index) => `f${index}`);
  for (const name of names) writeFileSync(path.join(here, name), 'x');
  await done(here, ['put', ...names]);
  await done(here, ['put', '--name', '<script>"&\'</script>', 'f0']);
  const { url } = await serve(here);
  const pages = [await page(url)];
  for (let next = nextOf(pages[0] as string); next !== undefined; ) {
    const html = await page(new URL(next, url).href);
    pages.push(html);
    next = /rel="next"/.test(html) ? nextOf(html) : undefined;
  }
  expect(pages.map((html) => rowsOf(html).length)).toEqual([100, 100, 51]);
  expect(pages.flatMap(rowsOf).sort()).toEqual(readdirSync(path.join(here, 'files')).sort());
  const all = pages.join('');
  expect(all).toContain('&#60;script&#62;&#34;&#38;&#39;&#60;/script&#62;');
  expect(all).not.toContain('<script');
  const policy = (await fetch(url)).headers.get('content-security-policy');
  expect(policy).toMatch(/^default-src 'none'; img-src 'self'; style-src 'sha256-/);
  expect(policy).not.toContain('unsafe');
  // Without a database there is nothing to tell of references.
  expect(all).not.toContain('Named by');
});

test('finds by filename, type, identifier and path', async () => {
  const here = newStore();
  for (const name of ['report.pdf', 'Report 2.PDF', 'photo.png', 'a+b.txt']) {
    writeFileSync(path.join(here, name), 'x');
  }
  const paths = await done(here, ['put', 'report.pdf', 'Report 2.PDF', 'photo.png', 'a+b.txt']);
  const [report = '', second = '', photo = '', plus = ''] = paths
    .split('\n')
    .map((each) => each.slice('files/'.length));
  const { url } = await serve(here);
  const find = async (search: Record<string, string>): Promise<string[]> =>
    rowsOf(await page(`${url}?${new URLSearchParams(search)}`)).sort();
  expect(await find({ text: 'report' })).toEqual([report, second].sort());
  expect(await find({ text: 'REPORT.*' })).toEqual([report]);
  expect(await find({ text: '?hoto.png' })).toEqual([photo]);
  expect(await find({ text: '+' })).toEqual([plus]);
  expect(await find({ type: 'image/*' })).toEqual([photo]);
  expect(await find({ type: 'pdf', text: 't 2' })).toEqual([second]);
  expect(await find({ text: photo })).toEqual([photo]);
  expect(await find({ text: `files/${photo}` })).toEqual([photo]);
  expect(await find({ text: photo.slice(0, 20) })).toEqual([photo]);
  expect(await find({ text: 'nothing' })).toEqual([]);
  expect(await page(`${url}?text=nothing`)).toContain('0 files found. 4 looked at.');
});

test('a search goes on where it has ended', async () => {
  const here = newStore();
  const names = Array.from({ length: 2100 }, (_, index) => `f${index}.txt`);
  for (const name of names) writeFileSync(path.join(here, name), 'x');
  await done(here, ['put', ...names]);
  const { url } = await serve(here);
  const first = await page(`${url}?text=none*`);
  expect(first).toContain('0 files found. 2,000 looked at, and there are more.');
  const rest = await page(new URL(nextOf(first) as string, url).href);
  expect(rest).toContain('0 files found. 100 looked at.');
});

test('names a damaged blob, and a storage that cannot be reached', async () => {
  const here = newStore();
  await done(here, ['put', 'depot.ini']);
  const files = path.join(here, 'files');
  const [id = ''] = readdirSync(files);
  writeFileSync(path.join(files, id, 'metadata.json'), '{');
  const { url } = await serve(here);
  expect(await page(url)).toContain(`${id}: <span role="alert">damaged metadata`);
  rmSync(files, { recursive: true });
  const response = await fetch(url);
  expect(response.status).toBe(503);
  expect(await response.text()).toContain('<p role="alert">');
});
