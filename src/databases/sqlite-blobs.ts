import type { BlobSource } from '../backend.js';
import { DepotError } from '../errors.js';
import { gather, release, slices } from '../streams.js';
import type { BlobColumns, BlobRow, BlobTable, DuplicateRows } from './database.js';
import type { SqliteConnection } from './sqlite.js';
import { groupCommit } from './sqlite-group-commit.js';

/** SQLite's limit of a value in this build and in most, in bytes. */
const largestBlob = 1_000_000_000;

/** Bytes from which a blob is written on a connection of its own; see `write`. */
const large = 8 * 1024 * 1024;

const kottiTable = `
  CREATE TABLE IF NOT EXISTS blobs (
    id INTEGER NOT NULL, file_id VARCHAR(36), filename VARCHAR(100), content_type VARCHAR(100),
    content_length INTEGER, last_modified DATETIME, data BLOB, PRIMARY KEY (id));
  CREATE INDEX IF NOT EXISTS ix_blobs_file_id ON blobs (file_id);`;

/** SQLite lets anybody write values of any type into any column: a length that is no number is none. */
const rowColumns = `id, CAST(file_id AS TEXT) AS fileId, CAST(filename AS TEXT) AS filename,
  CAST(content_type AS TEXT) AS contentType,
  CASE typeof(content_length) WHEN 'integer' THEN content_length END AS contentLength,
  octet_length(data) AS dataLength, CAST(last_modified AS TEXT) AS lastModified`;

/** A row as the driver gives it: row numbers do not fit a JavaScript number, so all are bigint. */
interface WideRow extends Omit<BlobRow, 'contentLength' | 'dataLength'> {
  readonly id: bigint;
  readonly contentLength: bigint | null;
  readonly dataLength: bigint | null;
}

function rowOf({ contentLength, dataLength, ...row }: WideRow): BlobRow {
  return {
    ...row,
    contentLength: contentLength === null ? null : Number(contentLength),
    dataLength: dataLength === null ? null : Number(dataLength),
  };
}

interface WideRowWithData extends WideRow {
  readonly data: Buffer | string | number | bigint | null;
}

/** Kotti's table `blobs` in SQLite, whose drivers give and take a blob only whole. */
export function openBlobTable(connection: SqliteConnection): BlobTable {
  const { handle, run, statement } = connection;
  const rowsOf = (fileId: string): BlobRow[] =>
    statement<[string], WideRow>(
      `SELECT ${rowColumns} FROM blobs WHERE file_id = ? ORDER BY id LIMIT 2`,
    )
      .safeIntegers()
      .all(fileId)
      .map(rowOf);
  const withData = ({ data, ...row }: WideRowWithData): { row: BlobRow; data: Buffer | null } => {
    if (data === null || Buffer.isBuffer(data)) return { row: rowOf(row), data };
    // Text, whose bytes need not be UTF-8. Cast in the first place, every blob would be copied.
    const bytes = statement<[bigint], Buffer>('SELECT CAST(data AS BLOB) FROM blobs WHERE id = ?');
    return { row: rowOf(row), data: bytes.pluck().get(row.id) ?? null };
  };
  // Each statement of its own would lock the file, and look for what others left.
  const atOnce = handle.transaction(<T>(read: () => T): T => read()) as <T>(read: () => T) => T;
  const together = groupCommit(connection, 'write to the table blobs');
  return {
    holdsWholeBlobs: true,
    reclaim: 'VACUUM',
    ping: () =>
      run('find the table blobs', () => void statement('SELECT id, data FROM blobs LIMIT 0').get()),
    provision: () => run('make the table blobs', () => void handle.exec(kottiTable)),
    find: (fileId) => run('look up a blob', () => rowsOf(fileId)),
    findMany: (fileIds) => run('look up blobs', () => atOnce(() => fileIds.flatMap(rowsOf))),
    page: (after, limit) =>
      run('list blobs', () =>
        statement<[number | bigint, number], { id: bigint; fileId: string }>(
          'SELECT id, CAST(file_id AS TEXT) AS fileId FROM blobs WHERE id > ? AND file_id IS NOT NULL ORDER BY id LIMIT ?',
        )
          .safeIntegers()
          .all(after ?? -(2n ** 63n), limit),
      ),
    async read(id) {
      const found = await run('read a blob', () =>
        statement<[number | bigint], WideRowWithData>(
          `SELECT ${rowColumns}, data FROM blobs WHERE id = ?`,
        )
          .safeIntegers()
          .get(id),
      );
      if (found === undefined) return null;
      const { row, data } = withData(found);
      return {
        row,
        chunks: data === null ? null : chunksOf(data),
        close: async () => {
          if (data !== null) release(data);
        },
      };
    },
    readMany: (fileIds) =>
      run('read blobs', () => {
        const ofId = statement<[string], WideRowWithData>(
          `SELECT ${rowColumns}, data FROM blobs WHERE file_id = ? ORDER BY id LIMIT 2`,
        ).safeIntegers();
        return atOnce(() => fileIds.flatMap((fileId) => ofId.all(fileId).map(withData)));
      }),
    insert: (fileId, columns, source) =>
      write(connection, together, source, {
        sql: `INSERT INTO blobs (data, filename, content_type, last_modified, content_length, file_id)
              VALUES (?, ?, ?, ?, ?, ?)`,
        columns,
        fileId,
        taken: false,
      }),
    update: (fileId, columns, source) =>
      write(connection, together, source, {
        sql: `UPDATE blobs SET data = ?, filename = ?, content_type = ?, last_modified = ?,
              content_length = ? WHERE file_id = ?`,
        columns,
        fileId,
        taken: true,
      }),
    delete: (fileId) =>
      together(() => statement('DELETE FROM blobs WHERE file_id = ?').run(fileId).changes > 0),
    duplicates(fileId, { merge }) {
      if (!merge) return run('compare blobs', () => compareRows(connection, fileId));
      return together(() => {
        const found = compareRows(connection, fileId);
        const surplus = found.equal ? found.rows.slice(1) : [];
        for (const id of surplus) statement('DELETE FROM blobs WHERE id = ?').run(id);
        return found;
      });
    },
  };
}

/** As bytes, since a collation takes some texts for equal that are not. */
const isEqual = `one.data IS oldest.data AND one.content_length IS oldest.content_length
  ${['file_id', 'filename', 'content_type', 'last_modified']
    .map((name) => `AND CAST(one.${name} AS BLOB) IS CAST(oldest.${name} AS BLOB)`)
    .join(' ')}`;

function compareRows({ statement }: SqliteConnection, fileId: string): DuplicateRows {
  const found = statement<[string], { id: bigint; equal: bigint }>(
    `WITH same AS (SELECT * FROM blobs WHERE file_id = ?),
       oldest AS (SELECT * FROM same ORDER BY id LIMIT 1)
     SELECT one.id, ${isEqual} AS equal FROM same AS one, oldest ORDER BY one.id`,
  )
    .safeIntegers()
    .all(fileId);
  return { rows: found.map(({ id }) => id), equal: found.every(({ equal }) => equal === 1n) };
}

async function* chunksOf(data: Uint8Array): AsyncGenerator<Uint8Array> {
  try {
    yield* slices(data);
  } finally {
    release(data);
  }
}

interface Write {
  readonly sql: string;
  readonly columns: BlobColumns;
  readonly fileId: string;
  /** Whether the identifier must be taken already, or must not. */
  readonly taken: boolean;
}

/** Checks and writes in one transaction, since nothing in the table keeps an identifier unique. */
async function write(
  connection: SqliteConnection,
  together: ReturnType<typeof groupCommit>,
  source: BlobSource,
  { sql, columns, fileId, taken }: Write,
): Promise<number | null> {
  const bytes = await gather(source, checkLength);
  const { filename, contentType, lastModified } = columns;
  const values = [bytes, filename, contentType, lastModified, bytes.byteLength, fileId];
  const row = (handle: Pick<SqliteConnection, 'statement'>, store: () => void): number | null => {
    const stored = handle
      .statement<[string], number | null>('SELECT length(data) FROM blobs WHERE file_id = ?')
      .pluck();
    if ((stored.get(fileId) !== undefined) !== taken) return null;
    store();
    return stored.get(fileId) ?? null;
  };
  if (bytes.byteLength < large) {
    return together(() => row(connection, () => void connection.statement(sql).run(...values)));
  }
  return writeLarge(connection, { sql, bytes, values }, row);
}

/**
 * Binding copies the bytes: those of a large blob are given back before the statement runs, and
 * the copy dies with a connection of its own, so that never more than two are in memory.
 */
async function writeLarge(
  connection: SqliteConnection,
  { sql, bytes, values }: { sql: string; bytes: Uint8Array; values: readonly unknown[] },
  row: (handle: Pick<SqliteConnection, 'statement'>, store: () => void) => number | null,
): Promise<number | null> {
  const own = await connection.reopen();
  try {
    const statement = own.prepare(sql).bind(...values);
    release(bytes);
    const transaction = own.transaction(() =>
      row({ statement: (text) => own.prepare(text) }, () => void statement.run()),
    );
    return await connection.run('write to the table blobs', () => transaction.immediate());
  } finally {
    own.close();
  }
}

function checkLength(length: number): void {
  if (length <= largestBlob) return;
  throw new DepotError('failed', `SQLite holds blobs of at most ${largestBlob} bytes`, {
    hint: 'Store larger files elsewhere, in local files for example.',
  });
}
