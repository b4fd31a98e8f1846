import { existsSync } from 'node:fs';
import axe from 'axe-core';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished } from 'vitest';

const executable = ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find((file) =>
  existsSync(file),
);

let browser: Browser;

/**
 * `describe` for tests that need a browser: Debian's chromium. Where there is none, they are
 * skipped, saying why; in CI there must be one.
 */
export function describeInBrowser(name: string, tests: () => void): void {
  describe(name, () => {
    const inCi = process.env.CI === 'true';
    if (executable === undefined && !inCi) {
      beforeEach(({ skip }) => skip('no browser: apt-get install chromium'));
    } else {
      beforeAll(async () => {
        if (executable === undefined) throw new Error('chromium is missing: apt-get install it');
        // Without a sandbox of its own, which needs rights that containers do not give.
        const args = ['--no-sandbox', '--disable-dev-shm-usage'];
        browser = await chromium.launch({ executablePath: executable, args });
      });
      afterAll(() => browser?.close());
    }
    tests();
  });
}

/** A page of a browser that nobody else uses, and what the browser complained of meanwhile. */
export async function openPage(
  options: Parameters<Browser['newContext']>[0] = {},
): Promise<{ page: Page; complaints: string[] }> {
  const context: BrowserContext = await browser.newContext(options);
  onTestFinished(() => context.close());
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('console', (message) => {
    // Browsers ask for it unasked.
    if (!message.location().url.endsWith('/favicon.ico')) complaints.push(message.text());
  });
  page.on('pageerror', (error) => void complaints.push(error.message));
  return { page, complaints };
}

interface Violation {
  readonly id: string;
  readonly help: string;
  readonly nodes: readonly { readonly html: string }[];
}

/** Fails where the page keeps somebody out, as far as axe-core finds it. */
export async function expectAccessible(page: Page): Promise<void> {
  await page.evaluate(axe.source);
  const found = await page.evaluate<{ violations: Violation[]; passes: unknown[] }>(
    'axe.run(document)',
  );
  expect(found.passes.length).toBeGreaterThan(10);
  expect(found.violations.map(({ id, help, nodes }) => ({ id, help, nodes }))).toEqual([]);
}

/** Fails where the page is wider than its window. */
export async function expectFits(page: Page): Promise<void> {
  const [wide, window] = await page.evaluate<[number, number]>(
    '[document.documentElement.scrollWidth, innerWidth]',
  );
  expect(wide).toBeLessThanOrEqual(window);
}
