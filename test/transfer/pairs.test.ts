import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import Sqlite from 'better-sqlite3';
import { describe, expect, inject, onTestFinished, test } from 'vitest';
import { openSqlite } from '../../src/databases/sqlite.js';
import { findColumns } from '../../src/references/columns.js';
import type { Storage } from '../../src/storage.js';
import { Budget, bytesInFlight } from '../../src/transfer/budget.js';
import { migrate } from '../../src/transfer/migrate.js';
import { type Counts, newCounts, type Problem } from '../../src/transfer/report.js';
import { openState } from '../../src/transfer/state.js';
import { chunksOf, pattern } from '../conformance/harness.js';
import {
  type Configured,
  type ConfiguredKind,
  configuredKinds,
  sqlite,
} from '../servers/configured.js';
import { openConfigured } from '../servers/open-configured.js';
import '../servers/setup.js';

/** A file as it is uploaded: its bytes and what is known of it. */
interface Upload {
  readonly filename: string;
  readonly contentType: string;
  readonly lastModified: Date;
  readonly bytes: Buffer;
}

const longName = `${'ein langer Name, '.repeat(9)}ü.pdf`;

const uploads: readonly Upload[] = [
  upload('empty.bin', 'application/octet-stream', '2001-02-03T04:05:06Z', Buffer.alloc(0)),
  upload('Grüße "und" 日本 %41.txt', 'text/plain', '2026-03-29T00:30:00Z', Buffer.from('Grüße')),
  upload('large.tar', 'application/x-tar', '2026-10-25T00:30:00Z', pattern(1_200_000)),
  upload(longName, 'application/pdf', '1999-12-31T23:59:59Z', Buffer.from('%PDF')),
];

function upload(filename: string, contentType: string, time: string, bytes: Buffer): Upload {
  return { filename, contentType, lastModified: new Date(time), bytes };
}

/** Characters that Kotti's table takes of a filename: behind them, the suffix is kept. */
const tableName = 100;

function nameIn(storage: Storage, filename: string): string {
  const letters = [...filename];
  if (storage.kind !== 'sql' || letters.length <= tableName) return filename;
  const suffix = [...path.extname(filename)];
  return [...letters.slice(0, tableName - suffix.length), ...suffix].join('');
}

/** What a reference leads to, found without the engine's own code. */
interface Resolved {
  readonly filename: string;
  readonly contentType: string;
  readonly seconds: number | null;
  readonly sha256: string;
}

async function resolve(storage: Storage, file: string): Promise<Resolved> {
  const id = file.slice(`${storage.name}/`.length);
  expect(file).toBe(`${storage.name}/${id}`);
  const { info, chunks } = await storage.read(id);
  const hash = createHash('sha256');
  for await (const chunk of chunks) hash.update(chunk);
  const { filename, contentType, lastModified } = info;
  const seconds = lastModified === null ? null : Math.floor(lastModified.getTime() / 1000);
  return { filename, contentType, seconds, sha256: hash.digest('hex') };
}

function expectedIn(
  storage: Storage,
  { filename, contentType, lastModified, bytes }: Upload,
): Resolved {
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const seconds = lastModified.getTime() / 1000;
  return { filename: nameIn(storage, filename), contentType, seconds, sha256 };
}

/** An application's database, with a table of references. */
interface Application {
  readonly file: string;
  insert(reference: object): void;
  /** The files that each reference names, its thumbnail last. */
  files(): string[][];
}

function newApplication(): Application {
  const directory = mkdtempSync(path.join(tmpdir(), 'depot-pairs-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const file = path.join(directory, 'application.db');
  const database = new Sqlite(file);
  onTestFinished(() => void database.close());
  database.exec('CREATE TABLE files (id INTEGER PRIMARY KEY, data VARCHAR(4000))');
  return {
    file,
    insert: (reference) =>
      void database.prepare('INSERT INTO files (data) VALUES (?)').run(JSON.stringify(reference)),
    files: () =>
      database
        .prepare<[], string>('SELECT data FROM files ORDER BY id')
        .pluck()
        .all()
        .map((text) => {
          const { path: own, thumb_path: thumb, files } = JSON.parse(text);
          expect(files).toEqual([own, thumb]);
          return files;
        }),
  };
}

/** Stores every upload with a thumbnail, and references to them. */
async function fill(storage: Storage, application: Application): Promise<void> {
  for (const one of uploads) {
    const { bytes, ...attributes } = one;
    const file = await storage.create(chunksOf(bytes), attributes);
    const thumb = await storage.create(chunksOf('thumb'), { ...attributes, filename: 'thumb.png' });
    application.insert({
      depot_name: storage.name,
      files: [storage.path(file.id), storage.path(thumb.id)],
      file_id: file.id,
      path: storage.path(file.id),
      filename: one.filename,
      content_type: one.contentType,
      uploaded_at: '2026-01-02 03:04:05',
      _public_url: storage.publicUrl(file.id),
      thumb_id: thumb.id,
      thumb_path: storage.path(thumb.id),
      thumb_url: `/depot/${storage.path(thumb.id)}`,
    });
  }
}

async function move(application: Application, source: Storage, target: Storage): Promise<Counts> {
  const database = await openSqlite(application.file);
  const names = { source: source.name, target: target.name, shard: null };
  const state = openState(null, names, { kind: 'migrate', options: {}, whole: true });
  const problems: Problem[] = [];
  const counts = newCounts();
  const signal = new AbortController().signal;
  const budget = new Budget(bytesInFlight);
  const copyOptions = {
    source,
    target,
    budget,
    verifyFull: true,
    dryRun: false,
    contents: state,
    signal,
  };
  try {
    await migrate({
      ...{ copyOptions, state, counts, signal, dryRun: false, selection: {}, concurrency: 8 },
      sourceNames: new Set([source.name]),
      mountpoint: '/depot',
      columns: await findColumns([database]),
      observer: { problem: (one) => void problems.push(one), progress() {} },
    });
  } finally {
    state.close();
    await database.close();
  }
  expect(problems).toEqual([]);
  return counts;
}

const kinds: readonly ConfiguredKind[] = [
  { kind: 'sql on SQLite', server: null, configure: sqlite },
  ...configuredKinds,
];

const pairs = kinds.flatMap((one) => kinds.map((other) => ({ from: one, to: other })));

describe.each(pairs)('from $from.kind to $to.kind', ({ from, to }) => {
  const servers = inject('servers');
  const missing = [from, to].find(
    ({ server }) => server !== null && !('url' in (servers[server] ?? {})),
  );
  const urlOf = ({ server }: ConfiguredKind): string => {
    const state = server === null ? undefined : servers[server];
    return state !== undefined && 'url' in state ? state.url : '';
  };

  const open = async (name: string, kind: ConfiguredKind): Promise<Storage> => {
    const place: Configured = await kind.configure(urlOf(kind));
    const storage = await openConfigured(name, place, { retried() {}, idleTimeout: 60_000 });
    onTestFinished(async () => {
      await storage.backend.close();
      await place.remove();
    });
    await storage.backend.provision();
    return storage;
  };

  test('references lead to the same files there, and back here', async ({ skip }) => {
    if (missing !== undefined) skip(`no ${missing.server} server`);
    const [source, target] = [await open('here', from), await open('there', to)];
    const application = newApplication();
    await fill(source, application);
    const before = application.files();
    const references = { scanned: uploads.length, migrated: uploads.length };

    const there = await move(application, source, target);
    expect(there).toMatchObject({ references, blobs: { copied: 2 * uploads.length, failed: 0 } });
    for (const [index, files] of application.files().entries()) {
      const [file = '', thumb = ''] = files;
      const one = uploads[index] as Upload;
      // What the source has shortened stays so.
      const stored = { ...one, filename: nameIn(source, one.filename) };
      expect(await resolve(target, file)).toEqual(expectedIn(target, stored));
      expect(await resolve(target, thumb)).toMatchObject({ filename: 'thumb.png' });
    }
    const kept = target.backend.acceptsId(before[0]?.[0]?.slice('here/'.length) ?? '');
    if (kept) {
      const same = before.map((files) => files.map((file) => file.replace('here/', 'there/')));
      expect(application.files()).toEqual(same);
    }

    const nothing = await move(application, source, target);
    expect(nothing).toMatchObject({ references: { migrated: 0 }, blobs: { copied: 0 }, bytes: 0 });

    const back = await move(application, target, source);
    expect(back).toMatchObject({ references, blobs: { failed: 0 } });
    // What kept its identifier is still there, and what has an ObjectId in its new one; what could
    // not is there under a third one.
    const returns = kept || source.kind === 'gridfs';
    expect(back.blobs.reused).toBe(returns ? 2 * uploads.length : 0);
    if (returns) expect(application.files()).toEqual(before);
    for (const [index, [file = '']] of application.files().entries()) {
      const { sha256 } = expectedIn(source, uploads[index] as Upload);
      expect(await resolve(source, file)).toMatchObject({ sha256 });
    }
  });
});
