import { createHash } from 'node:crypto';
import type { BlobSource } from '../backend.js';
import { DepotError } from '../errors.js';
import { gather } from '../streams.js';
import type { BlobColumns } from './database.js';
import { ofId, runForId } from './mysql-blob-id.js';
import type { BlobLimits } from './mysql-blob-limits.js';
import { storedLength } from './mysql-blob-read.js';
import { literal } from './mysql-columns.js';
import type { Session } from './mysql-session.js';

/** Bytes up to which a blob is held here, so that it can be sent again. */
const smallBlob = 256 * 1024;

/** A blob's bytes on their way into the table. */
export interface Content {
  chunks(): AsyncIterable<Uint8Array>;
  /** Whether they cannot be read any more, since they came once only. */
  isSpent(): boolean;
}

/** Takes in what is small; the rest is passed on as it comes, whatever its length. */
export async function receive(
  { length, chunks }: BlobSource,
  checkLength: (length: number) => void,
): Promise<Content> {
  if (length !== null) checkLength(length);
  if (length !== null && length <= smallBlob) {
    const bytes = await gather({ length, chunks }, checkLength);
    return { chunks: () => once(bytes), isSpent: () => false };
  }
  let spent = false;
  return {
    chunks() {
      spent = true;
      return checked(chunks, checkLength);
    },
    isSpent: () => spent,
  };
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function* checked(
  chunks: AsyncIterable<Uint8Array>,
  checkLength: (length: number) => void,
): AsyncGenerator<Uint8Array> {
  let length = 0;
  for await (const chunk of chunks) {
    length += chunk.byteLength;
    checkLength(length);
    yield chunk;
  }
}

export interface Write {
  readonly fileId: string;
  readonly columns: BlobColumns;
  readonly content: Content;
  readonly limits: BlobLimits;
  /** For people. */
  readonly database: string;
  /** From here on nobody can know whether it was written, were the connection lost. */
  committing(): void;
}

/**
 * Stores a new blob and returns its length, or null where the identifier is taken. Nothing in the
 * table keeps that unique: whoever has the lock sees what those before have stored.
 */
export async function insertBlob(session: Session, write: Write): Promise<number | null> {
  const { fileId, content, database } = write;
  const sql = `INSERT INTO blobs (file_id, filename, content_type, last_modified, content_length, data)
               VALUES (?, ?, ?, ?, ?, ?)`;
  if (await isTaken(session, fileId, database)) return null;
  const upload = await session.upload(sql);
  const length = await upload.send(content.chunks());
  // After the bytes: a slow source must keep nobody waiting.
  const lock = lockName(`${database} ${fileId}`);
  await session.lock(lock);
  if (await isTaken(session, fileId, database)) return null;
  await session.begin();
  await upload.execute([fileId, ...valuesOf(write, length)]);
  const stored = await storedLength(session, 'id = LAST_INSERT_ID()');
  write.committing();
  await session.commit();
  // It is stored; a lock that cannot be given back goes with its session.
  await session.unlock(lock).catch(() => {});
  return stored;
}

/** Replaces a blob and returns its length, or null where there is none of that identifier. */
export async function updateBlob(session: Session, write: Write): Promise<number | null> {
  const { fileId, content } = write;
  const condition = ofId(fileId);
  const { count: found } = await runForId(
    session,
    `SELECT id FROM blobs WHERE ${condition} LIMIT 1`,
  );
  if (found === 0) return null;
  const upload = await session.upload(
    `UPDATE blobs SET filename = ?, content_type = ?, last_modified = ?, content_length = ?,
     data = ? WHERE ${condition}`,
  );
  const length = await upload.send(content.chunks());
  await session.begin();
  const { count } = await upload.execute(valuesOf(write, length));
  const stored = count === 0 ? null : await storedLength(session, condition);
  write.committing();
  await session.commit();
  return stored;
}

function valuesOf({ columns, limits }: Write, length: number): (string | null)[] {
  const { filename, contentType, lastModified } = columns;
  const time = lastModified?.slice(0, limits.timeLength) ?? null;
  return [filename, contentType, time, String(length)];
}

/** Whether the table has that identifier; fails where it has one that Python would take for it. */
async function isTaken(session: Session, fileId: string, database: string): Promise<boolean> {
  const { rows } = await runForId(
    session,
    `SELECT file_id FROM blobs WHERE file_id = ${literal(fileId)} ORDER BY id LIMIT 100`,
  );
  const found = rows.map(([id]) => String(id));
  const [other] = found;
  if (other === undefined || found.includes(fileId)) return other !== undefined;
  throw new DepotError(
    'refused',
    `cannot create ${fileId}: the table blobs of ${database} has ${other}, which is the same by the collation of its column file_id`,
    { hint: 'ALTER TABLE blobs MODIFY file_id VARCHAR(36) COLLATE utf8mb4_bin' },
  );
}

/** A name for a lock, of which the server has one space for all its databases. */
export function lockName(what: string): string {
  return `depot ${createHash('sha256').update(what).digest('hex').slice(0, 48)}`;
}
