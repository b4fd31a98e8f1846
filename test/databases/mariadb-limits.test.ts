import { expect, onTestFinished, test } from 'vitest';
import { collected, pattern } from '../conformance/harness.js';
import { tableOf, texts } from './conformance/harness.js';
import { connectClient, openMariadbDatabase, openUrl } from './mariadb-harness.js';
import { describeWithOwnServer } from './mariadb-own-server.js';

const columns = { filename: 'a.txt', contentType: 'text/plain', lastModified: null };
const limit = 1024 * 1024;

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.byteLength; start += 100_000) {
    yield bytes.subarray(start, start + 100_000);
  }
}

describeWithOwnServer(
  'MariaDB with a packet limit of 1 MB',
  () => [`--max-allowed-packet=${limit}`, '--innodb-flush-log-at-trx-commit=1'],
  (server) => {
    /** Runs it while new connections may send more. */
    async function unlimited(action: (url: string) => Promise<void>, url: string): Promise<void> {
      const admin = await connectClient(server());
      await admin.query(`SET GLOBAL max_allowed_packet = ${64 * limit}`);
      await action(url).finally(() => admin.query(`SET GLOBAL max_allowed_packet = ${limit}`));
      await admin.end();
    }

    test('refuses what it could not store, before it is sent, and says what to raise', async () => {
      const { database, rows } = await openMariadbDatabase(server(), '');
      await database.blobs.provision();
      const refusal = {
        name: 'DepotError',
        kind: 'failed',
        message: expect.stringContaining('max_allowed_packet is 1048576 bytes'),
        hint: expect.stringContaining('Raise max_allowed_packet'),
      };
      let asked = 0;
      async function* counted(): AsyncGenerator<Uint8Array> {
        for await (const chunk of once(pattern(2 * limit))) {
          asked += chunk.byteLength;
          yield chunk;
        }
      }
      const known = { chunks: counted(), length: 2 * limit };
      await expect(database.blobs.insert('x', columns, known)).rejects.toMatchObject(refusal);
      expect(asked).toBe(0);
      const unknown = { chunks: counted(), length: null };
      await expect(database.blobs.insert('x', columns, unknown)).rejects.toMatchObject(refusal);
      expect(asked).toBeLessThan(limit + 200_000);
      expect(await rows('SELECT * FROM blobs')).toEqual([]);
    });

    test('takes what just fits, and gives it back', async () => {
      const { database } = await openMariadbDatabase(server(), '');
      await database.blobs.provision();
      const bytes = pattern(limit - 4096);
      for (const length of [bytes.byteLength, null]) {
        const id = String(length);
        const source = { chunks: once(bytes), length };
        expect(await database.blobs.insert(id, columns, source)).toBe(bytes.byteLength);
        const [row] = await database.blobs.find(id);
        const found = await database.blobs.read(row?.id ?? 0);
        expect((await collected(found?.chunks ?? once(Buffer.alloc(0)))).equals(bytes)).toBe(true);
      }
    });

    test('gives back what is longer, which it took when it had another limit', async () => {
      const { database, url } = await openMariadbDatabase(server(), '');
      const bytes = pattern(5 * limit);
      await unlimited(async () => {
        const writer = openUrl(url);
        onTestFinished(() => writer.close());
        await writer.blobs.provision();
        const source = { chunks: once(bytes), length: bytes.byteLength };
        expect(await writer.blobs.insert('x', columns, source)).toBe(bytes.byteLength);
      }, url);
      const [row] = await database.blobs.find('x');
      const found = await database.blobs.read(row?.id ?? 0);
      expect((await collected(found?.chunks ?? once(Buffer.alloc(0)))).equals(bytes)).toBe(true);
    });

    test('overlooks no text that is longer, and refuses to change it, saying why', async () => {
      const text = `${'x'.repeat(2 * limit)} "depot_name"`;
      const { database, url } = await openMariadbDatabase(
        server(),
        'CREATE TABLE t (k INTEGER PRIMARY KEY, v LONGTEXT, w LONGBLOB)',
      );
      await unlimited(async () => {
        const writer = await connectClient(url);
        await writer.query('INSERT INTO t VALUES (1, ?, NULL), (2, ?, NULL)', [
          text,
          'y'.repeat(2 * limit),
        ]);
        await writer.end();
      }, url);
      const table = await tableOf(database, 't');
      const query = { table, column: 'v', limit: 10 };
      expect(texts(await database.texts(query))).toHaveLength(2);
      const marked = { ...query, containing: '"depot_name"' };
      const [row, ...more] = await database.texts(marked);
      expect([row?.text, more]).toEqual([text, []]);
      const change = { table, column: 'v', position: row?.position ?? [], before: text };
      await expect(database.change([{ ...change, after: `${text}.` }])).rejects.toMatchObject({
        kind: 'failed',
        message: expect.stringContaining('max_allowed_packet'),
      });
      expect(await database.textAt(table, 'v', change.position)).toBe(text);
    });

    test('that makes commits durable is not warned of', async () => {
      const notices: string[] = [];
      const { database } = await openMariadbDatabase(
        server(),
        `CREATE TABLE t (k INTEGER PRIMARY KEY, v TEXT); INSERT INTO t VALUES (1, 'a')`,
        { notice: (text) => void notices.push(text) },
      );
      const table = await tableOf(database, 't');
      const [row] = await database.texts({ table, column: 'v', limit: 1 });
      const change = { table, column: 'v', position: row?.position ?? [], before: 'a', after: 'b' };
      expect(await database.change([change])).toEqual([true]);
      expect(notices).toEqual([]);
    });
  },
);
