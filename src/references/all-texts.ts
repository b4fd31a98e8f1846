import type { Database, Table, TextQuery, TextRow } from '../databases/database.js';
import { pages, type ReferenceColumn, textColumns } from './columns.js';

/**
 * Every text of a database in which a blob may be named, or those that hold `containing`, page by
 * page; with `bytes` what short values of bytes say too.
 */
export async function* allTexts(
  database: Database,
  options: Pick<TextQuery, 'containing' | 'bytes'> = {},
): AsyncGenerator<{ column: ReferenceColumn; rows: TextRow[] }> {
  const tables = (await database.tables()).map(withoutBlobIndex);
  for (const column of textColumns(database, tables, options)) {
    for await (const rows of pages(column, options)) yield { column, rows };
  }
}

/** The columns of Kotti's table `blobs`; an application's own table of that name has others. */
const blobColumns = [
  'id',
  'file_id',
  'filename',
  'content_type',
  'content_length',
  'last_modified',
  'data',
];

/** `blobs.file_id` is where Kotti keeps a blob, not a mention of it. */
function withoutBlobIndex(table: Table): Table {
  const names = new Set(table.columns.map(({ name }) => name));
  if (table.name !== 'blobs' || !blobColumns.every((name) => names.has(name))) return table;
  const columns = table.columns.filter(({ name }) => name !== 'file_id' && name !== 'data');
  return { ...table, columns };
}
