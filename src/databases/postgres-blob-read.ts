import { slices } from '../streams.js';
import type { BlobData, BlobRow } from './database.js';
import { smallBlob } from './postgres-blob-source.js';
import type { PostgresConnection } from './postgres-connection.js';
import { copiedField } from './postgres-copy.js';
import type { Row, Session } from './postgres-session.js';

/** The columns of a `BlobRow`, in the order in which `rowOf` takes them. */
export const rowColumns = `id, file_id, filename, content_type, content_length, octet_length(data),
  to_char(last_modified, 'YYYY-MM-DD HH24:MI:SS.US')`;

export function rowOf(row: Row): BlobRow {
  const [id, fileId, filename = null, contentType = null, length, dataLength, time = null] = row;
  return {
    id: wideInteger(id as string),
    fileId: fileId as string,
    filename,
    contentType,
    contentLength: numberOf(length),
    dataLength: numberOf(dataLength),
    lastModified: time,
  };
}

/** A number where it fits one. */
export function wideInteger(text: string): number | bigint {
  const number = Number(text);
  return Number.isSafeInteger(number) ? number : BigInt(text);
}

function numberOf(text: string | null | undefined): number | null {
  return text === null || text === undefined ? null : Number(text);
}

/** The bytes, where they are few. */
export const smallData = `CASE WHEN octet_length(data) <= ${smallBlob} THEN data END`;

/** A row of `rowColumns` and `smallData`. */
export function smallBlobOf(row: Row): { row: BlobRow; data: Uint8Array | null } {
  const data = row.at(-1) ?? null;
  return { row: rowOf(row), data: data === null ? null : bytesOf(data) };
}

/** Reads a row with its bytes: few ones at once, many as they come, of one moment in either case. */
export async function openBlob(
  connection: PostgresConnection,
  id: number | bigint,
): Promise<BlobData | null> {
  const { rows } = await connection.read('read a blob', (session) =>
    session.query(`SELECT ${rowColumns}, ${smallData} FROM blobs WHERE id = $1::text::bigint`, [
      String(id),
    ]),
  );
  const [found] = rows;
  if (found === undefined) return null;
  const row = rowOf(found);
  const data = found.at(-1) ?? null;
  if (data === null && row.dataLength !== null) return openLargeBlob(connection, id);
  return { row, chunks: data === null ? null : chunksOf(data), close: async () => {} };
}

async function* chunksOf(data: string): AsyncGenerator<Uint8Array> {
  yield* slices(bytesOf(data));
}

/** `data` is `\x` and hexadecimal digits. */
function bytesOf(data: string): Uint8Array {
  return Buffer.from(data.slice(2), 'hex');
}

/** A transaction on a session of its own, in which the row and its bytes stay as they are. */
async function openLargeBlob(
  { reads, explained, failed }: PostgresConnection,
  id: number | bigint,
): Promise<BlobData | null> {
  const opened = await explained('read a blob', async () => {
    const session = await reads.acquire();
    try {
      await session.run('BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY');
      const sql = `SELECT ${rowColumns} FROM blobs WHERE id = $1::text::bigint`;
      return { session, row: (await session.query(sql, [String(id)])).rows.map(rowOf)[0] };
    } catch (error) {
      reads.release(session);
      throw error;
    }
  });
  const { session, row } = opened;
  const progress = { isCopying: false };
  let closed = false;
  const close = async (): Promise<void> => {
    if (closed) return;
    closed = true;
    // Bytes that are not read to their end cannot be stopped but by hanging up.
    if (progress.isCopying) await session.end();
    else if (session.isOpen()) await session.run('COMMIT').catch(() => {});
    reads.release(session);
  };
  if (row === undefined || row.dataLength === null) {
    await close();
    return row === undefined ? null : { row, chunks: null, close };
  }
  const copied = copiedBytes(session, id, progress);
  return { row, chunks: closing(copied, close, failed), close };
}

async function* copiedBytes(
  session: Session,
  id: number | bigint,
  progress: { isCopying: boolean },
): AsyncGenerator<Uint8Array> {
  progress.isCopying = true;
  // COPY takes no parameters: the number alone is part of the statement.
  yield* copiedField(
    session.copyOut(
      `COPY (SELECT data FROM blobs WHERE id = ${BigInt(id)}) TO STDOUT (FORMAT binary)`,
    ),
  );
  progress.isCopying = false;
}

async function* closing(
  chunks: AsyncIterable<Uint8Array>,
  close: () => Promise<void>,
  failed: PostgresConnection['failed'],
): AsyncGenerator<Uint8Array> {
  try {
    yield* chunks;
  } catch (error) {
    throw failed('read a blob', error);
  } finally {
    await close();
  }
}
