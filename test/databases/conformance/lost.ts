import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { hostname } from 'node:os';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import type { BlobSource } from '../../../src/backend.js';
import type { SqlDatabase } from '../../../src/databases/database.js';
import type { DepotError } from '../../../src/errors.js';
import { collected, pattern } from '../../conformance/harness.js';
import { allRows, locked, type OpenedDatabase, tableOf, texts } from './harness.js';

/** How the suite gets at databases whose connections can be ended. */
export interface LostHarness {
  /** A database in which these statements have been run; `retried` is told of repetitions. */
  open(statements: string, retried: () => void): Promise<OpenedDatabase & { readonly url: string }>;
  /** Ends all connections to the database but the application's own. */
  endAll(opened: OpenedDatabase): Promise<void>;
  /** How many connections to the database wait for another one's lock. */
  countWaiting(opened: OpenedDatabase): Promise<number>;
  /** Whether bytes whose number is not known are all taken in before a connection is needed. */
  readonly spoolsUnknownLength: boolean;
  /** Statements for a table `t` with a column `v` whose pages come on one connection. */
  readonly walked: string;
}

const writer = fileURLToPath(new URL('../writer.ts', import.meta.url));
const loader = fileURLToPath(new URL('../../typescript-loader.js', import.meta.url));

const columns = { filename: 'a.txt', contentType: 'text/plain', lastModified: null };
const cut = { kind: 'unreachable', message: expect.stringMatching(/the connection was/) };
/** Longer than what is buffered between a server and us. */
const much = pattern(40_000_000);

/** The bytes in parts; `midway` is called when half of them have gone. */
async function* parts(bytes: Uint8Array, midway = async () => {}): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.byteLength; start += 500_000) {
    if (start === bytes.byteLength / 2) await midway();
    yield bytes.subarray(start, start + 500_000);
  }
}

const sourceOf = (bytes: Uint8Array, midway?: () => Promise<void>): BlobSource => ({
  chunks: parts(bytes, midway),
  length: bytes.byteLength,
});

async function contentOf(database: SqlDatabase, fileId: string): Promise<Buffer | null> {
  const [row] = await database.blobs.find(fileId);
  const found = await database.blobs.read(row?.id ?? -1);
  return found?.chunks ? collected(found.chunks) : null;
}

/** What ends connections leaves nothing half, and the next operation works. */
export function lostConnections(harness: LostHarness): void {
  /** A database with the table, how often requests were sent again, and what ends connections. */
  async function open(statements = '') {
    const count = { retries: 0 };
    const opened = await harness.open(statements, () => {
      count.retries += 1;
    });
    await opened.database.blobs.provision();
    return { ...opened, count, endAll: () => harness.endAll(opened) };
  }

  test('while nothing was asked is replaced, unseen', async () => {
    const { database, endAll } = await open();
    for (let round = 0; round < 3; round += 1) {
      await endAll();
      const id = `${round}`;
      expect(await database.blobs.insert(id, columns, sourceOf(Buffer.from('abc')))).toBe(3);
      await endAll();
      expect(await database.blobs.find(id)).toHaveLength(1);
    }
  });

  test('while a blob is read ends in an error, and the next read works', async () => {
    const { database, endAll } = await open();
    await database.blobs.insert('x', columns, sourceOf(much));
    const [row] = await database.blobs.find('x');
    const { chunks, close } = (await database.blobs.read(row?.id ?? 0)) ?? expect.unreachable();
    const read = async (): Promise<void> => {
      let length = 0;
      for await (const chunk of chunks ?? []) {
        if (length === 0) await endAll();
        length += chunk.byteLength;
      }
    };
    await expect(read()).rejects.toMatchObject(cut);
    await close();
    expect((await contentOf(database, 'x'))?.equals(much)).toBe(true);
  });

  test('while a blob is written leaves nothing of it, and the next write works', async () => {
    const { database, endAll, rows } = await open();
    await database.blobs.insert('old', columns, sourceOf(Buffer.from('kept')));
    for (const length of [much.byteLength, null]) {
      const source = { ...sourceOf(much, endAll), length };
      const inserting = database.blobs.insert('new', columns, source);
      if (length === null && harness.spoolsUnknownLength) {
        expect(await inserting).toBe(much.byteLength);
        await database.blobs.delete('new');
      } else await expect(inserting).rejects.toMatchObject(cut);
      expect(await database.blobs.find('new')).toEqual([]);
    }
    const updating = database.blobs.update('old', columns, sourceOf(much, endAll));
    await expect(updating).rejects.toMatchObject(cut);
    expect((await contentOf(database, 'old'))?.toString()).toBe('kept');
    expect(await database.blobs.update('old', columns, sourceOf(much))).toBe(much.byteLength);
    expect((await contentOf(database, 'old'))?.equals(much)).toBe(true);
    expect(await rows('SELECT file_id FROM blobs')).toEqual([['old']]);
  });

  test('while a statement runs is replaced, and the statement sent again', async () => {
    const opened = await open(`
      CREATE TABLE t (k INTEGER PRIMARY KEY, v VARCHAR(10)); INSERT INTO t VALUES (1, 'a'), (2, 'b')`);
    const { database, endAll, execute, count } = opened;
    const table = await tableOf(database, 't');
    const [row] = await database.texts({ table, column: 'v', limit: 1 });
    await execute('BEGIN; SELECT * FROM t FOR UPDATE');
    const change = { table, column: 'v', position: row?.position ?? [], before: 'a', after: 'b' };
    const changing = database.change([change]);
    await expect.poll(() => harness.countWaiting(opened)).toBe(1);
    await endAll();
    await execute('COMMIT');
    expect(await changing).toEqual([true]);
    expect(count.retries).toBeGreaterThan(0);
  });

  test('while a table is walked through on it is replaced, after the same row', async () => {
    const { database, endAll } = await open(harness.walked);
    const table = await tableOf(database, 't');
    const whole = await allRows(database, { table, column: 'v', limit: 1000 });
    expect(whole).toHaveLength(100);
    const found: string[] = [];
    for (let rows = await database.texts({ table, column: 'v', limit: 7 }); rows.length > 0; ) {
      found.push(...texts(rows));
      await endAll();
      const after = rows.at(-1)?.position ?? [];
      rows = await database.texts({ table, column: 'v', limit: 7, after });
    }
    expect(found).toEqual(texts(whole));
  });

  test('while it holds the lock of migrations is replaced, unless somebody else has it now', async () => {
    const { database, endAll, reopen } = await open(`
      CREATE TABLE t (k INTEGER PRIMARY KEY, v VARCHAR(10)); INSERT INTO t VALUES (1, 'a')`);
    const table = await tableOf(database, 't');
    const [row] = await database.texts({ table, column: 'v', limit: 1 });
    const change = { table, column: 'v', position: row?.position ?? [] };
    await database.lockMigrations(null);
    await endAll();
    expect(await database.change([{ ...change, before: 'a', after: 'b' }])).toEqual([true]);
    const other = await reopen();
    await expect(other.lockMigrations(null)).rejects.toMatchObject({ kind: 'refused' });
    await endAll();
    await locked(other);
    await expect(database.change([{ ...change, before: 'b', after: 'c' }])).rejects.toMatchObject({
      kind: 'refused',
      message: expect.stringContaining(`process ${process.pid} on ${hostname()}`),
    });
    expect(await database.textAt(table, 'v', change.position)).toBe('b');
  });

  test.each(['insert', 'update'])(
    'by a kill amid an %s leaves nothing: no bytes, no lock',
    async (action) => {
      const { database, url } = await open();
      await database.blobs.insert('old', columns, sourceOf(Buffer.from('kept')));
      const id = action === 'insert' ? 'new' : 'old';
      const child = spawn(process.execPath, ['--import', loader, writer, url, id, action], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      onTestFinished(() => void child.kill('SIGKILL'));
      expect(String((await once(child.stdout, 'data'))[0])).toBe('half way\n');
      const refusal = await database.lockMigrations(null).catch((error: DepotError) => error);
      expect(refusal).toMatchObject({ kind: 'refused' });
      expect(refusal).toMatchObject({
        message: expect.stringContaining(`process ${child.pid} on`),
      });
      expect(await database.blobs.find('new')).toEqual([]);
      child.kill('SIGKILL');
      await once(child, 'exit');
      await locked(database);
      expect(await database.blobs.find('new')).toEqual([]);
      expect((await contentOf(database, 'old'))?.toString()).toBe('kept');
      expect(await database.blobs.insert('new', columns, sourceOf(much))).toBe(much.byteLength);
      expect(await database.blobs.update('old', columns, sourceOf(much))).toBe(much.byteLength);
    },
  );
}
