import type { BlobColumns, BlobRow, BlobTable } from './database.js';
import {
  openBlob,
  rowColumns,
  rowOf,
  smallBlobOf,
  smallData,
  wideInteger,
} from './postgres-blob-read.js';
import { receive } from './postgres-blob-source.js';
import { insertBlob, lockId, ofId, updateBlob } from './postgres-blob-write.js';
import type { PostgresConnection } from './postgres-connection.js';
import { compareRows, deleteRows } from './postgres-duplicates.js';

const kottiTable = `
  CREATE TABLE blobs (
    id SERIAL NOT NULL, file_id VARCHAR(36), filename VARCHAR(100), content_type VARCHAR(100),
    content_length INTEGER, last_modified TIMESTAMP WITHOUT TIME ZONE, data BYTEA, PRIMARY KEY (id));
  CREATE INDEX ix_blobs_file_id ON blobs (file_id);`;

/**
 * Bytes up to which a value can be read as text: psycopg2, and with it Kotti, and pg_dump get two
 * characters for each byte, and other columns beside them, in the server's limit of 1 GB.
 */
const largestAsText = 536_868_000;

const smallestId = String(-(2n ** 63n));

const ofIds = 'file_id = ANY ($1::text::varchar[])';

/** Kotti's table `blobs` in PostgreSQL, as the search path finds it. */
export function openBlobTable(
  connection: PostgresConnection,
  notice: (text: string) => void,
): BlobTable {
  const { read, transaction } = connection;
  return {
    holdsWholeBlobs: false,
    reclaim: 'VACUUM FULL blobs',
    ping: () =>
      read('find the table blobs', async (session) => {
        await session.query('SELECT id, file_id, data FROM blobs LIMIT 0');
      }),
    provision: () =>
      transaction('make the table blobs', async (session) => {
        await lockId(session, 'the table itself');
        const { rows } = await session.query(`SELECT to_regclass('blobs')`);
        if (rows[0]?.[0] === null) await session.run(kottiTable);
      }),
    find: (fileId) =>
      read('look up a blob', async (session): Promise<BlobRow[]> => {
        const sql = `SELECT ${rowColumns} FROM blobs WHERE ${ofId} ORDER BY id LIMIT 2`;
        return (await session.query(sql, [fileId])).rows.map(rowOf);
      }),
    findMany: (fileIds) =>
      read('look up blobs', async (session) => {
        const sql = `SELECT ${rowColumns} FROM blobs WHERE ${ofIds}`;
        return (await session.query(sql, [fileIds])).rows.map(rowOf);
      }),
    readMany: (fileIds) =>
      read('read blobs', async (session) => {
        const sql = `SELECT ${rowColumns}, ${smallData} FROM blobs WHERE ${ofIds}`;
        return (await session.query(sql, [fileIds])).rows.map(smallBlobOf);
      }),
    page: (after, limit) =>
      read('list blobs', async (session) => {
        const { rows } = await session.query(
          `SELECT id, file_id FROM blobs WHERE id > $1::text::bigint AND file_id IS NOT NULL
           ORDER BY id LIMIT $2::text::bigint`,
          [String(after ?? smallestId), String(limit)],
        );
        return rows.map(([id, fileId]) => ({
          id: wideInteger(id as string),
          fileId: fileId as string,
        }));
      }),
    read: (id) => openBlob(connection, id),
    insert: (fileId, columns, source) => write(insertBlob, fileId, columns, source),
    update: (fileId, columns, source) => write(updateBlob, fileId, columns, source),
    delete: (fileId) =>
      transaction('delete a blob', async (session) => {
        const { count } = await session.query(`DELETE FROM blobs WHERE ${ofId}`, [fileId]);
        return count > 0;
      }),
    duplicates(fileId, { merge }) {
      if (!merge) return read('compare blobs', (session) => compareRows(session, fileId));
      return transaction('merge duplicate blobs', async (session) => {
        const found = await compareRows(session, fileId, 'FOR UPDATE');
        if (found.equal) await deleteRows(session, found.rows.slice(1));
        return found;
      });
    },
  };

  async function write(
    how: typeof insertBlob,
    fileId: string,
    columns: BlobColumns,
    source: Parameters<BlobTable['insert']>[2],
  ): Promise<number | null> {
    const content = await receive(source);
    try {
      const stored = await transaction(
        'write to the table blobs',
        (session) => how(session, fileId, columns, content),
        () => !content.isSpent(),
      );
      if (stored !== null && stored > largestAsText) {
        notice(
          `blob ${fileId} in ${connection.name} has ${stored} bytes: Kotti and pg_dump fail on more than ${largestAsText}`,
        );
      }
      return stored;
    } finally {
      await content.close();
    }
  }
}
