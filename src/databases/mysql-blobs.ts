import type { BlobSource } from '../backend.js';
import type { BlobColumns, BlobTable } from './database.js';
import { ofId, runForId } from './mysql-blob-id.js';
import { type BlobLimits, readLimits } from './mysql-blob-limits.js';
import { findRows, openBlob } from './mysql-blob-read.js';
import { insertBlob, receive, updateBlob } from './mysql-blob-write.js';
import { wideInteger } from './mysql-columns.js';
import type { MysqlConnection } from './mysql-connection.js';
import { compareRows, deleteRows } from './mysql-duplicates.js';

const kottiTable = `
  CREATE TABLE IF NOT EXISTS blobs (
    id INTEGER NOT NULL AUTO_INCREMENT, file_id VARCHAR(36), filename VARCHAR(100),
    content_type VARCHAR(100), content_length INTEGER, last_modified DATETIME, data LONGBLOB,
    PRIMARY KEY (id), KEY ix_blobs_file_id (file_id)) ENGINE=InnoDB`;

/**
 * Kotti's table `blobs` in MariaDB and MySQL. Bytes come and go as a stream on our side; the server
 * holds each blob whole, so that only few large ones should be under way at once.
 */
export function openBlobTable(connection: MysqlConnection): BlobTable {
  const { name, read, write: change } = connection;
  let limits: Promise<BlobLimits> | null = null;
  const knownLimits = (): Promise<BlobLimits> => {
    limits ??= read('find the table blobs', (session) => readLimits(session, name));
    // What was wrong may be put right.
    limits.catch(() => {
      limits = null;
    });
    return limits;
  };

  const write = async (
    how: typeof insertBlob,
    fileId: string,
    columns: BlobColumns,
    source: BlobSource,
  ): Promise<number | null> => {
    const known = await knownLimits();
    const content = await receive(source, known.check);
    return change(
      'write to the table blobs',
      (session, committing) =>
        how(session, { fileId, columns, content, limits: known, database: name, committing }),
      () => !content.isSpent(),
    );
  };
  return {
    holdsWholeBlobs: true,
    reclaim: 'OPTIMIZE TABLE blobs',
    ping: () =>
      read('find the table blobs', async (session) => {
        await session.run('SELECT id, file_id, data FROM blobs LIMIT 0');
      }),
    provision: () =>
      change('make the table blobs', async (session) => void (await session.run(kottiTable))),
    find: (fileId) => read('look up a blob', (session) => findRows(session, fileId)),
    page: (after, limit) =>
      read('list blobs', async (session) => {
        const { rows } = await session.run(
          `SELECT id, file_id FROM blobs WHERE ${after === null ? '' : `id > ${BigInt(after)} AND`}
           file_id IS NOT NULL ORDER BY id LIMIT ${limit}`,
        );
        return rows.map(([id, fileId]) => ({
          id: wideInteger(String(id)),
          fileId: String(fileId),
        }));
      }),
    read: (id) => openBlob(connection, id),
    insert: (fileId, columns, source) => write(insertBlob, fileId, columns, source),
    update: (fileId, columns, source) => write(updateBlob, fileId, columns, source),
    async delete(fileId) {
      await knownLimits();
      return change('delete a blob', async (session, committing) => {
        committing();
        const { count } = await runForId(session, `DELETE FROM blobs WHERE ${ofId(fileId)}`);
        return count > 0;
      });
    },
    async duplicates(fileId, { merge }) {
      await knownLimits();
      if (!merge) return read('compare blobs', (session) => compareRows(session, fileId));
      return change('merge duplicate blobs', async (session, committing) => {
        await session.begin();
        const found = await compareRows(session, fileId, 'FOR UPDATE');
        if (found.equal) await deleteRows(session, found.rows.slice(1));
        committing();
        await session.commit();
        return found;
      });
    },
  };
}
