import type { DuplicateRows } from './database.js';
import { wideInteger } from './postgres-blob-read.js';
import { ofId } from './postgres-blob-write.js';
import type { Session } from './postgres-session.js';

/** As bytes, since a collation may take some texts for equal that are not. */
const isEqual = [
  ...['file_id', 'filename', 'content_type'].map(
    (name) => `one.${name}::text COLLATE "C" IS NOT DISTINCT FROM oldest.${name}::text COLLATE "C"`,
  ),
  ...['content_length', 'last_modified', 'data'].map(
    (name) => `one.${name} IS NOT DISTINCT FROM oldest.${name}`,
  ),
].join(' AND ');

/** Compares the rows of an identifier, which with `FOR UPDATE` stay as they are from then on. */
export async function compareRows(
  session: Session,
  fileId: string,
  lock: 'FOR UPDATE' | '' = '',
): Promise<DuplicateRows> {
  const sql = `SELECT id FROM blobs WHERE ${ofId} ORDER BY id ${lock}`;
  const ids = (await session.query(sql, [fileId])).rows.map(([id]) => String(id));
  const { rows } = await session.query(
    `SELECT one.id FROM blobs AS one, blobs AS oldest
     WHERE oldest.id = $1::text::bigint AND one.id = ANY ($2::text::bigint[]) AND NOT (${isEqual})`,
    [ids[0] ?? null, `{${ids.join()}}`],
  );
  return { rows: ids.map(wideInteger), equal: rows.length === 0 };
}

export async function deleteRows(session: Session, ids: DuplicateRows['rows']): Promise<void> {
  const sql = 'DELETE FROM blobs WHERE id = ANY ($1::text::bigint[])';
  await session.query(sql, [`{${ids.join()}}`]);
}
