import { createHash } from 'node:crypto';
import type { BlobColumns } from './database.js';
import type { Content } from './postgres-blob-source.js';
import { copyRow } from './postgres-copy.js';
import type { Session } from './postgres-session.js';

/** The rows of the identifier `$1`, to the byte whatever the column's collation, by its index. */
export const ofId = `file_id = $1::text AND file_id::text COLLATE "C" = $1::text`;

/** Sets what stands beside the bytes, to the parameters from `$2` on. */
const setColumns = `filename = $2::text, content_type = $3::text,
  last_modified = $4::text::timestamp, content_length = $5::text::integer`;

const lengthOf = `SELECT octet_length(data) FROM blobs WHERE ${ofId}`;

/** Waits until no other session of ours writes that identifier, and keeps them off till the end. */
export async function lockId(session: Session, fileId: string): Promise<void> {
  const key = createHash('sha256').update(`blobs.file_id ${fileId}`).digest().readBigInt64BE();
  await session.query('SELECT pg_advisory_xact_lock($1::text::bigint)', [String(key)]);
}

/**
 * Stores a new blob and returns its length, or null where the identifier is taken. Nothing in the
 * table keeps that unique: whoever has the lock sees what those before have stored.
 */
export async function insertBlob(
  session: Session,
  fileId: string,
  columns: BlobColumns,
  content: Content,
): Promise<number | null> {
  const { bytes, length } = content;
  if (bytes !== null) {
    await lockId(session, fileId);
    const { rows } = await session.query(
      `INSERT INTO blobs (file_id, filename, content_type, last_modified, content_length, data)
       SELECT $1::text, $2::text, $3::text, $4::text::timestamp, $5::text::integer, $6::bytea
       WHERE NOT EXISTS (SELECT FROM blobs WHERE ${ofId}) RETURNING octet_length(data)`,
      [...valuesOf(fileId, columns, length), bytes],
    );
    return lengthIn(rows);
  }
  if ((await session.query(lengthOf, [fileId])).rows.length > 0) return null;
  // The lock comes after the bytes: a slow source must keep nobody waiting.
  const fields = [Buffer.from(fileId)];
  const copy = 'COPY blobs (file_id, data) FROM STDIN (FORMAT binary)';
  await session.copyIn(copy, copyRow(fields, length, content.chunks()));
  await lockId(session, fileId);
  if ((await session.query(lengthOf, [fileId])).rows.length > 1) return null;
  const update = `UPDATE blobs SET ${setColumns} WHERE ${ofId} RETURNING octet_length(data)`;
  return lengthIn((await session.query(update, valuesOf(fileId, columns, length))).rows);
}

/** Replaces a blob and returns its length, or null where there is none of that identifier. */
export async function updateBlob(
  session: Session,
  fileId: string,
  columns: BlobColumns,
  content: Content,
): Promise<number | null> {
  const { bytes, length } = content;
  const values = valuesOf(fileId, columns, length);
  if (bytes !== null) {
    const update = `UPDATE blobs SET ${setColumns}, data = $6::bytea WHERE ${ofId}
                    RETURNING octet_length(data)`;
    return lengthIn((await session.query(update, [...values, bytes])).rows);
  }
  if ((await session.query(lengthOf, [fileId])).rows.length === 0) return null;
  // COPY cannot update. Compressing the bytes for the way would take longer than it spares.
  await session.run(`
    CREATE TEMPORARY TABLE depot_upload (data bytea) ON COMMIT DROP;
    ALTER TABLE pg_temp.depot_upload ALTER data SET STORAGE EXTERNAL`);
  const copy = 'COPY pg_temp.depot_upload (data) FROM STDIN (FORMAT binary)';
  await session.copyIn(copy, copyRow([], length, content.chunks()));
  const update = `UPDATE blobs SET ${setColumns}, data = upload.data
                  FROM pg_temp.depot_upload AS upload WHERE ${ofId}
                  RETURNING octet_length(blobs.data)`;
  return lengthIn((await session.query(update, values)).rows);
}

function valuesOf(fileId: string, columns: BlobColumns, length: number): unknown[] {
  const { filename, contentType, lastModified } = columns;
  return [fileId, filename, contentType, lastModified, String(length)];
}

function lengthIn(rows: readonly (readonly (string | null)[])[]): number | null {
  const length = rows[0]?.[0] ?? null;
  return length === null ? null : Number(length);
}
