import { DepotError } from '../errors.js';
import type { BlobData, BlobRow } from './database.js';
import { ofId, runForId } from './mysql-blob-id.js';
import { wideInteger } from './mysql-columns.js';
import type { MysqlConnection } from './mysql-connection.js';
import type { Value } from './mysql-driver.js';
import type { Session } from './mysql-session.js';

/** Bytes up to which a blob is read before anyone asks for them, so that its session is free. */
const smallBlob = 1024 * 1024;

/** What a row has beside its bytes, in the order in which `rowOf` takes it. */
const rowColumns = `id, file_id, filename, content_type, content_length,
  DATE_FORMAT(last_modified, '%Y-%m-%d %H:%i:%s.%f'), data IS NULL`;

/**
 * `stored` is the number of bytes, if it was asked for. The server reads them all to count them, so
 * the row is believed where it says a number; it says 0 also where there are none.
 */
function rowOf(row: readonly Value[], stored: number | null): BlobRow {
  const [id, fileId, filename, contentType, contentLength, time, isNull] = row.map((value) =>
    value === null ? null : String(value),
  );
  return {
    id: wideInteger(id as string),
    fileId: fileId as string,
    filename: filename ?? null,
    contentType: contentType ?? null,
    contentLength: numberOf(contentLength),
    dataLength: isNull === '1' ? null : numberOf(contentLength) || stored,
    // A server may keep a date that there is not.
    lastModified: time?.startsWith('0000-') ? null : (time ?? null),
  };
}

function numberOf(text: string | null | undefined): number | null {
  return text === null || text === undefined ? null : Number(text);
}

/** The rows of an identifier, oldest first, at most two. */
export async function findRows(session: Session, fileId: string): Promise<BlobRow[]> {
  const sql = `SELECT ${rowColumns} FROM blobs WHERE ${ofId(fileId)} ORDER BY id LIMIT 2`;
  const { rows } = await runForId(session, sql);
  const found: BlobRow[] = [];
  for (const row of rows.map((one) => rowOf(one, null))) {
    const dataLength = row.dataLength ?? (await storedLength(session, `id = ${row.id}`));
    found.push({ ...row, dataLength });
  }
  return found;
}

/** The bytes of the first row of a condition; null where there are none. */
export async function storedLength(session: Session, condition: string): Promise<number | null> {
  const sql = `SELECT OCTET_LENGTH(data) FROM blobs WHERE ${condition} ORDER BY id LIMIT 1`;
  const length = (await session.run(sql)).rows[0]?.[0] ?? null;
  return length === null ? null : Number(length);
}

/** Reads a row with its bytes as of one moment: few ones at once, many as they come. */
export async function openBlob(
  { reads, explained, failed, name }: MysqlConnection,
  id: number | bigint,
): Promise<BlobData | null> {
  const opened = await explained('read a blob', async () => {
    const session = await reads.acquire();
    try {
      const sql = `SELECT ${rowColumns}, OCTET_LENGTH(data), data FROM blobs WHERE id = ${BigInt(id)}`;
      const found = await session.queryRow(sql);
      if (found === null) {
        reads.release(session);
        return null;
      }
      const { values, last } = found;
      const stored = numberOf(values.at(-1));
      const row = rowOf(values, stored);
      checkLength(row.fileId, { stored, sent: last?.length ?? null }, name);
      if (last !== null && last.length > smallBlob) return { row, session, bytes: last.bytes };
      const bytes = last === null ? null : await collected(last.bytes);
      reads.release(session);
      return { row, session: null, bytes };
    } catch (error) {
      reads.release(session);
      throw error;
    }
  });
  if (opened === null) return null;
  const { row, session, bytes } = opened;
  let closed = session === null;
  const close = async (): Promise<void> => {
    if (!closed && session !== null) reads.release(session);
    closed = true;
  };
  return { row, chunks: bytes === null ? null : closing(bytes, close, failed), close };
}

/** A value that a server cannot send it gives as NULL. */
function checkLength(
  fileId: string,
  { stored, sent }: { stored: number | null; sent: number | null },
  name: string,
): void {
  if (sent === stored) return;
  throw new DepotError(
    'failed',
    `cannot read ${fileId} in the database ${name}: of its ${stored} bytes the server sends ${sent ?? 'none'}`,
    { hint: 'Raise max_allowed_packet in the section [mysqld] of the server: at most 1G.' },
  );
}

async function collected(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return all;
}

async function* closing(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  close: () => Promise<void>,
  failed: MysqlConnection['failed'],
): AsyncGenerator<Uint8Array> {
  try {
    yield* chunks;
  } catch (error) {
    throw failed('read a blob', error);
  } finally {
    await close();
  }
}
