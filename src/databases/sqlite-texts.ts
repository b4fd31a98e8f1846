import type Sqlite from 'better-sqlite3';
import { bytesText, longestSearchedBytes } from './bytes-text.js';
import type { KeyValue, Position, Table, TextChange, TextQuery, TextRow } from './database.js';
import { quoted, type SqliteTable } from './sqlite-tables.js';

/** Characters of text after which a page ends early, whatever its number of rows. */
const pageCharacters = 8 * 1024 * 1024;

/**
 * A page of a column's texts, in the order of the table's rowid or key; where it has neither, in
 * that in which SQLite finds them.
 */
export function readTexts(handle: Sqlite.Database, query: TextQuery): TextRow[] {
  const { table, containing, where, after } = query;
  const { order } = table as SqliteTable;
  const column = quoted(query.column);
  const conditions = [query.bytes === true ? textOrBytes(column) : `typeof(${column}) = 'text'`];
  const values: KeyValue[] = [];
  if (containing !== undefined) {
    conditions.push(`instr(${column}, ?) > 0`);
    values.push(containing);
  }
  // It may end in a comment.
  if (where !== undefined) conditions.push(`(${where}\n)`);
  if (after !== undefined && order.length > 0) {
    conditions.push(`(${columnList(order)}) > (${order.map(() => '?').join(', ')})`);
    values.push(...after);
  }
  const skipped = order.length === 0 ? Number(after?.[0] ?? 0) : 0;
  const statement = handle.prepare(
    `SELECT ${columnList([...order, ...table.primaryKey, query.column])} FROM ${quoted(table.name)} ` +
      `WHERE ${conditions.join(' AND ')} ` +
      `${order.length === 0 ? '' : `ORDER BY ${columnList(order)}`} LIMIT ? OFFSET ?`,
  );
  const rows = statement
    .raw()
    .safeIntegers()
    .iterate(...values, query.limit, skipped);
  return collect(rows, table as SqliteTable, skipped);
}

function textOrBytes(column: string): string {
  const isShort = `typeof(${column}) = 'blob' AND length(${column}) <= ${longestSearchedBytes}`;
  return `(typeof(${column}) = 'text' OR ${isShort})`;
}

function collect(rows: Iterable<unknown>, table: SqliteTable, skipped: number): TextRow[] {
  const orderLength = table.order.length;
  const page: TextRow[] = [];
  let characters = 0;
  for (const row of rows as Iterable<KeyValue[]>) {
    const values = row.slice(orderLength, -1).map(plainNumber);
    const key = table.primaryKey.map((name, index) => [name, values[index] ?? null] as const);
    const value = row.at(-1);
    const text = Buffer.isBuffer(value) ? bytesText(value) : (value as string);
    const position = orderLength === 0 ? [skipped + page.length + 1] : row.slice(0, orderLength);
    page.push({ position, key, text });
    characters += text.length;
    if (characters > pageCharacters) break;
  }
  return page;
}

/** Integers come as bigint, since some do not fit a number; most do. */
function plainNumber(value: KeyValue): KeyValue {
  return typeof value === 'bigint' && Number.isSafeInteger(Number(value)) ? Number(value) : value;
}

/** The text of one row, or null where the row is gone or holds none. */
export function readText(
  handle: Sqlite.Database,
  table: Table,
  column: string,
  position: Position,
): string | null {
  const name = quoted(column);
  const statement = handle.prepare(
    `SELECT ${name} FROM ${quoted(table.name)} WHERE ${atPosition(table)} AND typeof(${name}) = 'text'`,
  );
  return (statement.pluck().get(...position) as string | undefined) ?? null;
}

/** Compare-and-set of several texts in one transaction; says which were made. */
export function changeTexts(handle: Sqlite.Database, changes: readonly TextChange[]): boolean[] {
  // Compiled once for all of them: each takes memory until the next garbage collection.
  const statements = new Map<string, Sqlite.Statement>();
  const run = handle.transaction(() =>
    changes.map(({ table, column, position, before, after }) => {
      const name = quoted(column);
      // A column's own collation may ignore case or trailing spaces.
      const sql =
        `UPDATE ${quoted(table.name)} SET ${name} = ? WHERE ${atPosition(table)} ` +
        `AND typeof(${name}) = 'text' AND ${name} = ? COLLATE BINARY`;
      const statement = statements.get(sql) ?? handle.prepare(sql);
      statements.set(sql, statement);
      return statement.run(after, ...position, before).changes === 1;
    }),
  );
  return run.immediate();
}

function atPosition(table: Table): string {
  return (table as SqliteTable).order.map((name) => `${quoted(name)} = ?`).join(' AND ');
}

function columnList(names: readonly string[]): string {
  return names.map(quoted).join(', ');
}
