import type { Database, Table, TextRow } from '../databases/database.js';
import { pages, type ReferenceColumn, textColumns } from './columns.js';

/**
 * Every text of a database in which a blob may be named, or those that hold `containing`, page by
 * page.
 */
export async function* allTexts(
  database: Database,
  options: { containing?: string } = {},
): AsyncGenerator<{ column: ReferenceColumn; rows: TextRow[] }> {
  const tables = (await database.tables()).map(withoutBlobIndex);
  for (const column of textColumns(database, tables)) {
    for await (const rows of pages(column, options)) yield { column, rows };
  }
}

/** `blobs.file_id` is where Kotti keeps a blob, not a mention of it. */
function withoutBlobIndex(table: Table): Table {
  const names = new Set(table.columns.map(({ name }) => name));
  if (table.name !== 'blobs' || !names.has('file_id') || !names.has('data')) return table;
  const columns = table.columns.filter(({ name }) => name !== 'file_id' && name !== 'data');
  return { ...table, columns };
}
