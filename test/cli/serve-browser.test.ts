import { writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Page } from 'playwright-core';
import { expect, onTestFinished, test } from 'vitest';
import { describeWithServer } from '../servers/servers.js';
import * as s3 from '../storages/s3-bucket.js';
import { describeInBrowser, expectAccessible, expectFits, openPage } from './browser.js';
import { done, newSite, newStore } from './depot.js';
import { serve } from './served.js';

const site = ['-c', 'production.ini'];

const views = [
  { width: 1280, scheme: 'light' },
  { width: 1280, scheme: 'dark' },
  { width: 400, scheme: 'light' },
  { width: 400, scheme: 'dark' },
] as const;

/** The address of each image in the table, and whether the browser shows it. */
async function imagesOf(page: Page): Promise<[string, boolean][]> {
  return page.evaluate<[string, boolean][]>(
    "Array.from(document.querySelectorAll('td img'), (one) => [one.getAttribute('src'), one.naturalWidth > 0])",
  );
}

describeInBrowser('in a browser', () => {
  for (const { width, scheme } of views) {
    test(`every page is accessible and fits, ${width} pixels wide and ${scheme}`, async () => {
      const { url } = await serve(newSite(), [], {}, site);
      const viewport = { width, height: 800 };
      // The check itself is a script, which no page allows.
      const { page } = await openPage({ viewport, colorScheme: scheme, bypassCSP: true });
      const paths = ['', '?storage=localfs', '?text=nothing%20has%20it', '?storage=none', '?id=x'];
      for (const each of paths) {
        await page.goto(url + each);
        await expectAccessible(page);
        await expectFits(page);
      }
      await page.goto(`${url}?storage=localfs`);
      await page.getByRole('link', { name: 'slipway.png', exact: true }).click();
      await expectAccessible(page);
      await expectFits(page);
    });
  }

  test('without JavaScript: storages, images, search, a file and what names it', async () => {
    const { url } = await serve(newSite(), [], {}, site);
    const { page, complaints } = await openPage({ javaScriptEnabled: false });
    await page.goto(url);
    await page.getByRole('link', { name: 'localfs', exact: true }).click();
    const rows = page.getByRole('table').getByRole('row');
    expect(await rows.count()).toBe(7);
    await page.getByLabel('Filename or identifier').fill('*.PNG');
    await page.getByLabel('Type').fill('image/*');
    await page.getByRole('button', { name: 'Search' }).click();
    expect(await page.getByRole('status').textContent()).toMatch(/^3 files found\. 6 looked at\.$/);
    expect(await rows.count()).toBe(4);
    expect(await page.getByLabel('Filename or identifier').inputValue()).toBe('*.PNG');
    const named = page.getByRole('row', { name: /slipway\.png/ });
    expect(await named.textContent()).toContain('images.data id=32');
    await page.getByRole('link', { name: 'slipway.png', exact: true }).click();
    expect(await page.getByRole('heading', { level: 1 }).textContent()).toBe('slipway.png');
    const image = page.getByRole('img', { name: 'slipway.png' });
    expect(await image.boundingBox()).toMatchObject({ width: expect.any(Number) });
    expect(await page.getByRole('listitem').last().textContent()).toBe('images.data id=32');
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('link', { name: 'Save' }).click(),
    ]);
    expect(download.suggestedFilename()).toBe('slipway.png');
    expect(complaints).toEqual([]);
  });

  test('the images of a page are shown, and smaller ones where a reference names them', async () => {
    const { url } = await serve(newSite(), [], {}, site);
    const { page, complaints } = await openPage();
    await page.goto(`${url}?storage=localfs`);
    await expect
      .poll(async () => (await imagesOf(page)).map(([, shown]) => shown))
      .toEqual([...[true, true, true]]);
    const [first, second] = await imagesOf(page);
    expect(first?.[0]).toBe(second?.[0]);
    expect(complaints).toEqual([]);
  });

  test('nothing that a filename holds is run', async () => {
    const here = newStore();
    writeFileSync(path.join(here, 'x'), '<script>document.title = "run"</script>');
    const name = '"><img src=x onerror="document.title=1"><script>document.title=2</script>';
    for (const type of ['text/html', 'image/svg+xml']) {
      await done(here, ['put', '--name', name, '--type', type, 'x']);
    }
    const { url } = await serve(here);
    const { page, complaints } = await openPage();
    await page.goto(url);
    expect(await page.title()).toBe('files – depot');
    await page.getByRole('link', { name, exact: true }).first().click();
    expect(await page.getByRole('heading', { level: 1 }).textContent()).toBe(name);
    expect(await page.title()).toBe(`${name} – depot`);
    expect(complaints).toEqual([]);
  });
});

describeWithServer('s3', 'files that a service gives', (server) => {
  describeInBrowser('in a browser', () => {
    test('are shown on the pages by signed URLs', async () => {
      const settings = { ...s3.newBucketAt(server) };
      const bucket = await s3.openBucket(settings);
      onTestFinished(() => bucket.close());
      const here = newSite();
      const lines = Object.entries({ name: 'cloud', backend: 's3', ...settings });
      const own = ['[depot]', ...lines.map(([key, value]) => `depot.0.${key} = ${value}`)];
      own.push('[depot:storage:cloud]', 'signed_url_seconds = 60', '');
      writeFileSync(path.join(here, 'cloud.ini'), own.join('\n'), { mode: 0o600 });
      const image = path.join(here, 'blobs', 'f8efd644-e6ef-11f1-b551-02fc00000001', 'file');
      await done(here, ['-c', 'cloud.ini', 'put', '--name', 'slipway.png', image]);
      const { url } = await serve(here, [], {}, ['-c', 'cloud.ini']);
      const { page, complaints } = await openPage();
      await page.goto(url);
      await expect.poll(() => imagesOf(page)).toEqual([[expect.any(String), true]]);
      expect(complaints).toEqual([]);
    });
  });
});
