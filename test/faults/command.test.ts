import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { depot, done, newDirectory } from '../cli/depot.js';
import { pattern } from '../conformance/harness.js';
import { configurationOf, configuredKinds } from '../servers/configured.js';
import { describeWithServer } from '../servers/servers.js';
import type { Fault } from './fault.js';
import { moved } from './harness.js';
import { type FaultyProxy, startProxy } from './proxy.js';

const busy = { status: 503, type: 'text/plain', body: 'Not now.' };

/** What a server that can be asked again is asked again after. */
const passing: Readonly<Record<string, Fault>> = {
  s3: { from: 'client', does: busy, times: 2 },
  gcs: { from: 'client', does: busy, times: 2 },
  gridfs: { from: 'server', does: 'cut', turns: 3 },
  'sql on PostgreSQL': { from: 'server', does: 'cut', turns: 3 },
  'sql on MariaDB': { from: 'server', does: 'cut', turns: 3 },
};

interface Site {
  readonly here: string;
  readonly proxy: FaultyProxy;
  readonly content: Buffer;
}

for (const { kind, server, configure } of configuredKinds) {
  const fault = passing[kind];
  if (server === null || fault === undefined) continue;
  describeWithServer(server, `depot on ${kind} when the network fails`, (url) => {
    /** A directory with a file, and a configuration of a storage behind a proxy. */
    const newSite = async (): Promise<Site> => {
      const here = newDirectory();
      const { host } = new URL(url);
      const [place, proxy] = [await configure(url), await startProxy(host)];
      onTestFinished(async () => {
        await proxy.close();
        await place.remove();
      });
      const behind = moved(place, (text) => text.replaceAll(host, proxy.address));
      writeFileSync(path.join(here, 'depot.ini'), configurationOf({ files: behind }), {
        mode: 0o600,
      });
      const content = pattern(1_200_000);
      writeFileSync(path.join(here, 'report.bin'), content);
      await done(here, ['-q', 'storages', 'create', 'files']);
      return { here, proxy, content };
    };

    test('put, get, list and delete say with -v what they had to send again', async () => {
      const { here, proxy, content } = await newSite();
      const again = fault.times === undefined ? '1 request' : '2 requests';
      const run = async (...args: string[]): Promise<string> => {
        const set = proxy.set(fault);
        const { code, out, err } = await depot(here, ['-v', ...args]);
        expect({ code, err }).toEqual({ code: 0, err: expect.stringContaining(' sent once more') });
        expect(err).toContain(`: ${again} sent once more\n`);
        expect(set.happened).toBe(fault.times ?? 1);
        await proxy.heal();
        return out.trim();
      };
      const blob = await run('put', 'report.bin');
      expect(await run('list')).toBe(blob);
      await run('get', blob, 'fetched.bin');
      expect(readFileSync(path.join(here, 'fetched.bin')).equals(content)).toBe(true);
      await run('delete', blob);
      expect(await done(here, ['-q', 'list'])).toBe('');
    });

    test('a server that is gone, or cut each time, is exit 5 with one line and a hint', async () => {
      const { here, proxy } = await newSite();
      const blob = await done(here, ['-q', 'put', 'report.bin']);
      const expectUnreachable = async (): Promise<void> => {
        for (const args of [['list'], ['put', 'report.bin'], ['get', blob, '-'], ['info', blob]]) {
          const { code, out, err } = await depot(here, ['-q', ...args]);
          expect({ args, code, out, err }).toEqual({
            ...{ args, code: 5, out: '' },
            err: expect.stringMatching(/^depot: [^\n]+\n[^\n]+\n$/),
          });
          expect(err).toContain(proxy.address);
          expect(err).not.toMatch(/secret-of-/);
        }
      };
      await proxy.refuse();
      await expectUnreachable();
      await proxy.heal();
      proxy.set({ from: 'server', does: 'cut', times: Number.POSITIVE_INFINITY });
      await expectUnreachable();
      await proxy.heal();
      // A put whose answer was lost may have been done.
      expect(await done(here, ['-q', 'list'])).toContain(blob);
    });
  });
}
