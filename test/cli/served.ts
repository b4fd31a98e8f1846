import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { expect, onTestFinished } from 'vitest';
import { start } from './depot.js';

export interface Served {
  readonly url: string;
  readonly child: ChildProcess;
  /** Ends it with a signal; gives its exit code. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

/** Starts `depot serve`, until the end of the test. */
export async function serve(
  here: string,
  args: string[] = [],
  env = {},
  before: string[] = [],
): Promise<Served> {
  const child = start(here, [...before, 'serve', '--port', '0', ...args], { env });
  const ended = once(child, 'exit');
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  const [url] = await once(createInterface(child.stdout as NodeJS.ReadableStream), 'line');
  return {
    url,
    child,
    async stop(signal = 'SIGINT') {
      child.kill(signal);
      await ended;
      return child.exitCode;
    },
  };
}

/** The text of a page. */
export async function page(url: string): Promise<string> {
  const response = await fetch(url);
  expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8');
  return response.text();
}

/** What a page links to, as a browser reads it. */
export function linksOf(html: string): string[] {
  const links = [...html.matchAll(/<a href="([^"]*)"/g)].map(([, link]) => link as string);
  return links.map((link) => link.replaceAll('&#38;', '&'));
}
