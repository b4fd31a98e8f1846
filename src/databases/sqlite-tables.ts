import type Sqlite from 'better-sqlite3';
import type { Column, Table } from './database.js';

/** A table with what SQLite's own paging needs. */
export interface SqliteTable extends Table {
  /**
   * Columns that tell rows apart and order them: the rowid, or the key where there is none. Empty
   * where columns of the table's own have all of the rowid's names, and it has no key.
   */
  readonly order: readonly string[];
}

interface ColumnRow {
  readonly name: string;
  readonly type: string;
  readonly pk: number;
  readonly hidden: number;
}

/** The application's tables, from the schema. */
export function readTables(handle: Sqlite.Database): SqliteTable[] {
  const rows = handle.pragma('table_list') as {
    schema: string;
    name: string;
    type: string;
    wr: number;
  }[];
  return rows
    .filter(({ schema, name }) => schema === 'main' && !name.startsWith('sqlite_'))
    .filter(({ type }) => type === 'table' || type === 'virtual')
    .map(({ name, type, wr }) => readTable(handle, name, type === 'table' && wr === 1))
    .filter((table) => table !== null)
    .sort((one, other) => (one.name < other.name ? -1 : 1));
}

function readTable(
  handle: Sqlite.Database,
  name: string,
  withoutRowid: boolean,
): SqliteTable | null {
  const rows = columnRows(handle, name);
  if (rows === null) return null;
  const key = rows.filter(({ pk }) => pk > 0).sort((one, other) => one.pk - other.pk);
  const primaryKey = key.map((row) => row.name);
  const names = new Set(rows.map((row) => row.name.toLowerCase()));
  const rowid = ['rowid', '_rowid_', 'oid'].find((alias) => !names.has(alias));
  const order = withoutRowid || rowid === undefined ? primaryKey : [rowid];
  // Generated columns follow from others and cannot be written.
  const columns = rows.filter(({ hidden }) => hidden === 0).map(columnOf);
  return {
    name,
    columns,
    primaryKey,
    order,
    ...(order.length === 0 ? { unchangeable: true } : {}),
  };
}

/** A virtual table whose module this build lacks has no columns; its data is in tables beside it. */
function columnRows(handle: Sqlite.Database, table: string): ColumnRow[] | null {
  try {
    return handle.pragma(`table_xinfo(${quoted(table)})`) as ColumnRow[];
  } catch (error) {
    if (error instanceof Error && error.message.startsWith('no such module')) return null;
    throw error;
  }
}

function columnOf({ name, type }: ColumnRow): Column {
  const length = /\(\s*(\d+)\s*\)/.exec(type);
  const limited = length !== null && /CHAR|TEXT|CLOB/i.test(type);
  // SQLite keeps text in a column of any type.
  return { name, maxLength: limited ? Number(length[1]) : null, holdsText: true, holdsBytes: true };
}

/** An identifier in SQL. */
export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
