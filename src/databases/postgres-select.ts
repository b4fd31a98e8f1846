import { DepotError } from '../errors.js';
import { bytesText, longestSearchedBytes } from './bytes-text.js';
import type { KeyValue, Table, TextQuery, TextRow } from './database.js';
import { wideInteger } from './postgres-blob-read.js';
import type { Row } from './postgres-session.js';
import { type PostgresColumn, type PostgresTable, quoted } from './postgres-tables.js';

/** Bytes of text after which a page ends early, whatever its number of rows. */
export const pageBytes = 8 * 1024 * 1024;

/**
 * The statement that selects the rows of a query: the key's columns, then the text as `content`,
 * sorted by the key; for a page at most as many as it holds, as text only behind all else.
 */
export function selection(
  { table, column, containing, where, after, limit }: TextQuery,
  what: 'page' | 'scan',
): { sql: string; values: unknown[] } {
  const { key, from, hasRowAddress } = table as PostgresTable;
  const isBytes = holdsBytes(table, column);
  const text = isBytes ? `encode(${quoted(column)}, 'hex')` : `${quoted(column)}::text`;
  const values: unknown[] = [];
  const parameter = (value: unknown): string => `$${values.push(value)}`;
  const conditions = [
    isBytes
      ? `octet_length(${quoted(column)}) <= ${longestSearchedBytes}`
      : `${quoted(column)} IS NOT NULL`,
  ];
  if (containing !== undefined) {
    conditions.push(`strpos(${text} COLLATE "C", ${parameter(containing)}::text) > 0`);
  }
  // It may end in a comment.
  if (where !== undefined) conditions.push(`(${where}\n)`);
  if (after !== undefined && key.length > 0) {
    const bounds = key.map((one, index) => `${typed(parameter(after[index]), one)}${sorted(one)}`);
    const keys = key.map((one) => `${quoted(one.name)}${sorted(one)}`);
    conditions.push(`(${keys.join(', ')}) > (${bounds.join(', ')})`);
  }
  const address = hasRowAddress ? 'ctid' : 'NULL';
  const keys = key.length === 0 ? [address] : key.map(({ name }) => quoted(name));
  const selected = keys.map((name, index) => {
    return `${what === 'page' ? name : `${name}::text`} AS ${keyAlias(index)}`;
  });
  const order = key.map((one) => `${quoted(one.name)}${sorted(one)}`);
  return {
    sql: `SELECT ${selected.join(', ')}, ${text} AS ${textAlias} FROM ${from}
          WHERE ${conditions.join(' AND ')}
          ${order.length === 0 ? '' : `ORDER BY ${order.join(', ')}`}
          ${what === 'page' ? `LIMIT ${parameter(String(limit))}::text::bigint` : ''}`,
    values,
  };
}

/** Behind ORDER BY these names win over the table's columns, so no column should be called so. */
export const textAlias = '"depot text"';
export const keyAlias = (index: number): string => `"depot key ${index}"`;

/** In what order a key's values come, beside the type's own. */
function sorted({ order }: PostgresColumn): string {
  return order === 'language' ? ' COLLATE "C"' : '';
}

/** A value given as text, as one of the column's type. */
export function typed(parameter: string, { type }: PostgresColumn): string {
  return `${parameter}::text::${type}`;
}

function holdsBytes(table: Table, name: string): boolean {
  return table.columns.find((column) => column.name === name)?.holdsBytes === true;
}

/** A row as selected: the key's values, then the text. */
export function rowOf(row: Row, { table, column }: TextQuery): TextRow {
  const { key } = table as PostgresTable;
  const position = row.slice(0, key.length) as string[];
  const text = row.at(-1) as string;
  return {
    position,
    key: key.map((one, index) => [one.name, keyValue(position[index] as string, one)]),
    text: holdsBytes(table, column) ? bytesText(Buffer.from(text, 'hex')) : text,
  };
}

function keyValue(text: string, { isInteger }: PostgresColumn): KeyValue {
  return isInteger ? wideInteger(text) : text;
}

/** The table, whose rows can be told apart. */
export function keyed(table: Table): PostgresTable {
  if (table.primaryKey.length > 0) return table as PostgresTable;
  throw new DepotError(
    'refused',
    `the table ${table.name} has no primary key: its rows cannot be told apart`,
    { hint: 'ALTER TABLE … ADD PRIMARY KEY, then run it again.' },
  );
}
