import path from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { configurationOf } from '../../src/config/from-object.js';
import { loadConfiguration } from '../../src/config/settings.js';
import { Manager } from '../../src/manager.js';
import { createResponder } from '../../src/serving/respond.js';
import {
  ofDepotMiddleware,
  ofKotti,
  ourAnswer,
  shiftedToUtc,
  withStoredType,
} from './differences.js';
import { answerOf, expectedOf, fixtures, golden, type Row } from './golden.js';

const manager = new Manager(
  configurationOf({
    storages: {
      local: { backend: 'local', storage_path: path.join(fixtures, 'local/store') },
      cdn: { backend: 'memory' },
      tmp: { backend: 'memory' },
    },
    aliases: { old: 'local', 'o ld': 'local' },
  }),
);
afterAll(() => manager.close());

const { requests, other_mountpoints: mountpoints, replacement } = golden.depot_middleware;
const plain = expectedOf(requests[0] as Row);

/** A storage in memory, whose blobs have a public URL. */
async function addPublicBlob(id: string): Promise<void> {
  const { backend } = await manager.storage('cdn');
  await backend.create(id, { chunks: oneChunk('x'), length: 1 }, named('a.txt', new Date()));
  backend.publicUrl = (of) => `https://cdn.example/x/${of}?a=1&b=<2>`;
}

async function* oneChunk(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

function named(filename: string, lastModified: Date) {
  return { filename, contentType: 'text/plain', lastModified };
}

describe('DepotMiddleware', () => {
  test.each(requests)('$case', async (row) => {
    if (row.case === 'public URL') {
      await addPublicBlob(row.request.target.split('/').at(-1) as string);
    }
    const answer = await answerOf(createResponder(manager), row);
    expect(answer).toEqual(ourAnswer(row, plain, ofDepotMiddleware));
  });

  test.each(mountpoints)('$case', async (row) => {
    const [, mountpoint = ''] = /^mountpoint '?([^',]*)/.exec(row.case) ?? [];
    const cacheMaxAge = row.case.includes('cache_max_age 60') ? 60 : undefined;
    const options = { mountpoint, cacheMaxAge };
    if (row.request === undefined) {
      expect(() => createResponder(manager, options)).toThrow(/^mountpoint ".*": it is no path$/);
      return;
    }
    const answer = await answerOf(createResponder(manager, options), row);
    expect(answer).toEqual(ourAnswer(row, plain, ofDepotMiddleware));
  });

  test.each(replacement.filter(({ case: name }) => !name.includes('within')))(
    '$case',
    async (row) => {
      const expected = expectedOf(row);
      const id = row.request.target.split('/').at(-1) as string;
      const { backend } = await manager.storage('tmp');
      const { headers } = expected;
      const filename = /filename="(.*?)"/.exec(headers['content-disposition'] ?? '')?.[1] as string;
      const metadata = named(filename, new Date(headers['last-modified'] as string));
      const write = row.case.startsWith('before') ? 'create' : 'replace';
      await backend[write](id, { chunks: oneChunk('abc'), length: 3 }, metadata);
      const answer = await answerOf(createResponder(manager), row);
      expect({ ...answer, body: expected.body }).toEqual(expected);
    },
  );

  test('unlike there, a blob replaced within the same second has another ETag', async () => {
    const respond = createResponder(manager);
    const { backend, ...storage } = await manager.storage('tmp');
    expect(storage.name).toBe('tmp');
    const id = backend.newId();
    // Still in the future, so that however slow this is, the second is not over.
    const soon = new Date(Date.now() + 3_600_000);
    const request = { method: 'GET', target: `/depot/tmp/${id}`, headers: {} };
    await backend.create(id, { chunks: oneChunk('one'), length: 3 }, named('a.txt', soon));
    const first = await respond(request);
    await backend.replace(id, { chunks: oneChunk('two'), length: 3 }, named('a.txt', soon));
    const second = await respond(request);
    expect(first?.headers.ETag).toMatch(/^"[-\d :.]+-3-[0-9a-f]{16}"$/);
    expect(second?.headers.ETag).not.toBe(first?.headers.ETag);
  });
});

const file = path.join(fixtures, 'kotti-site/production.ini');
const configuration = await loadConfiguration({ file, env: {} });
const origin = { file: '', line: null, section: null, key: 'timezone' };
const kotti = new Manager({ ...configuration, timezone: { value: 'Europe/Berlin', origin } });
afterAll(() => kotti.close());

describe('Kotti', () => {
  const rows = golden.kotti.requests.map(shiftedToUtc);
  const cafe = expectedOf(rows[0] as Row);

  test.each(rows.filter(({ response }) => response !== undefined))('$case', async (row) => {
    const answer = await answerOf(createResponder(kotti), row);
    expect(answer).toEqual(withStoredType(ourAnswer(row, cafe, ofKotti)));
  });

  test('a blob without content, with which Kotti fails, is an error that is told', async () => {
    const [row, ...more] = rows.filter(({ response }) => response === undefined);
    expect(more).toEqual([]);
    const told: unknown[] = [];
    const respond = createResponder(kotti, { onError: (error) => told.push(error) });
    expect(await answerOf(respond, row as Row)).toEqual({ status: 500, headers: {} });
    expect(String(told)).toMatch(/its data is null$/);
  });
});

test('every difference is one of a case', () => {
  const cases = [...requests, ...mountpoints, ...golden.kotti.requests].map((row) => row.case);
  const named = [...ofDepotMiddleware, ...ofKotti].flatMap((difference) => difference.cases);
  expect(named.filter((name) => !cases.includes(name))).toEqual([]);
});
