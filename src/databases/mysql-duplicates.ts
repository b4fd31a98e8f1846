import type { DuplicateRows } from './database.js';
import { ofId, runForId } from './mysql-blob-id.js';
import { wideInteger } from './mysql-columns.js';
import type { Session } from './mysql-session.js';

/** As bytes, since a collation takes some texts for equal that are not. */
const isEqual = [
  ...['file_id', 'filename', 'content_type'].map(
    (name) => `CAST(one.${name} AS BINARY) <=> CAST(oldest.${name} AS BINARY)`,
  ),
  ...['content_length', 'last_modified', 'data'].map((name) => `one.${name} <=> oldest.${name}`),
].join(' AND ');

/** Compares the rows of an identifier, which with `FOR UPDATE` stay as they are from then on. */
export async function compareRows(
  session: Session,
  fileId: string,
  lock: 'FOR UPDATE' | '' = '',
): Promise<DuplicateRows> {
  const sql = `SELECT id FROM blobs WHERE ${ofId(fileId)} ORDER BY id ${lock}`;
  const ids = (await runForId(session, sql)).rows.map(([id]) => wideInteger(String(id)));
  const [oldest] = ids;
  if (oldest === undefined) return { rows: [], equal: true };
  const { rows } = await session.run(
    `SELECT one.id FROM blobs AS one, blobs AS oldest
     WHERE oldest.id = ${oldest} AND one.id IN (${ids.join()}) AND NOT (${isEqual})`,
  );
  return { rows: ids, equal: rows.length === 0 };
}

export async function deleteRows(session: Session, ids: DuplicateRows['rows']): Promise<void> {
  if (ids.length > 0) await session.run(`DELETE FROM blobs WHERE id IN (${ids.join()})`);
}
