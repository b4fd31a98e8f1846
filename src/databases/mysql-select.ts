import { DepotError } from '../errors.js';
import { bytesText, longestSearchedBytes } from './bytes-text.js';
import type { Position, Table, TextQuery, TextRow } from './database.js';
import {
  keyParameter,
  keyValue,
  type MysqlColumn,
  quoted,
  searchedText,
  shownKey,
  textOf,
  textParameter,
  textValue,
} from './mysql-columns.js';
import type { Parameter, Row } from './mysql-driver.js';
import type { MysqlTable } from './mysql-tables.js';

/** Bytes of text after which a page ends early, whatever its number of rows. */
export const pageBytes = 8 * 1024 * 1024;

/** The column of that name. */
export function columnOf(table: Table, name: string): MysqlColumn {
  const column = (table as MysqlTable).columns.find((one) => one.name === name);
  if (column === undefined) throw new Error(`no column ${name} in ${table.name}`);
  return column;
}

/**
 * The statement that selects the rows of a query: the key's values, then the text. A page has at
 * most as many as it holds; a scan has all.
 */
export function selection(
  query: TextQuery,
  what: 'page' | 'scan',
): { sql: string; values: Parameter[] } {
  const { key, name } = query.table as MysqlTable;
  const column = columnOf(query.table, query.column);
  const text = textValue(column, name);
  const conditions = [
    column.holdsBytes === true
      ? `LENGTH(${text}) <= ${longestSearchedBytes}`
      : `${text} IS NOT NULL`,
  ];
  const values: Parameter[] = [];
  if (query.containing !== undefined) {
    // A text too long for the server to look into comes too.
    conditions.push(`COALESCE(LOCATE(?, ${searchedText(column, name)}), 1) > 0`);
    values.push(textParameter(column, query.containing));
  }
  // It may end in a comment.
  if (query.where !== undefined) conditions.push(`(${query.where}\n)`);
  if (query.after !== undefined && key.length > 0) {
    const { sql, values: bounds } = following(query.table as MysqlTable, query.after);
    conditions.push(sql);
    values.push(...bounds);
  }
  const order = key.map((one) => `${quoted(name)}.${quoted(one.name)}`);
  return {
    sql: `SELECT ${[...key.map((one) => keyValue(one, name)), text].join(', ')}
          FROM ${quoted(name)} WHERE ${conditions.join(' AND ')}
          ${order.length === 0 ? '' : `ORDER BY ${order.join(', ')}`}
          ${what === 'page' ? `LIMIT ${query.limit}` : ''}`,
    values,
  };
}

/**
 * The rows behind a position: `a > ? OR (a = ? AND b > ?)`. A comparison of whole rows, as
 * `(a, b) > (?, ?)`, would not use the key's index.
 */
function following(
  { key, name }: MysqlTable,
  after: Position,
): { sql: string; values: Parameter[] } {
  const values: Parameter[] = [];
  const compared = (index: number, operator: string): string => {
    const column = key[index] as MysqlColumn;
    values.push(after[index] as Parameter);
    return `${quoted(name)}.${quoted(column.name)} ${operator} ${keyParameter(column)}`;
  };
  const alternatives = key.map((_, last) => {
    const all = Array.from({ length: last + 1 }, (__, index) =>
      compared(index, index === last ? '>' : '='),
    );
    return `(${all.join(' AND ')})`;
  });
  return { sql: `(${alternatives.join(' OR ')})`, values };
}

/** A row as selected. */
export function rowOf(row: Row, { table, bytes }: TextQuery): TextRow {
  const { key } = table as MysqlTable;
  const position = row.slice(0, key.length);
  const value = row.at(-1) ?? null;
  return {
    position,
    key: key.map((column, index) => [column.name, shownKey(column, position[index] ?? null)]),
    text: bytes === true && Buffer.isBuffer(value) ? bytesText(value) : textOf(value),
  };
}

/** The row at a position of the table, as a condition with its values. */
export function atPosition(table: Table, position: Position): { sql: string; values: Parameter[] } {
  const { key, name } = table as MysqlTable;
  if (key.length === 0) {
    throw new DepotError(
      'refused',
      `the table ${name} has no primary key: its rows cannot be told apart`,
      { hint: 'ALTER TABLE … ADD PRIMARY KEY, then run it again.' },
    );
  }
  const conditions = key.map(
    (column) => `${quoted(name)}.${quoted(column.name)} = ${keyParameter(column)}`,
  );
  return { sql: conditions.join(' AND '), values: position as Parameter[] };
}
