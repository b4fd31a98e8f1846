import type { Column, KeyValue } from './database.js';
import type { Value } from './mysql-driver.js';

/** A column, and how its values are named in SQL and told apart to the byte. */
export interface MysqlColumn extends Column {
  /** The type's name, such as `varchar`, and with its length and all, such as `int(10) unsigned`. */
  readonly type: string;
  readonly fullType: string;
  /** Null where its values are no characters. */
  readonly charset: string | null;
  readonly collation: string | null;
  /** Whether every change of its row sets it to the time of that. */
  readonly isTouched: boolean;
}

const characters = ['char', 'varchar', 'tinytext', 'text', 'mediumtext', 'longtext'];

/**
 * Bytes that may be text: a table whose character set is `binary` has its texts in such columns.
 * Longer ones are taken to hold files, which nobody could look through.
 */
const bytes = ['binary', 'varbinary', 'tinyblob', 'blob'];
const longBytes = ['mediumblob', 'longblob'];

/** Decided so that no identifier is overlooked: a `uuid` may be one. */
export function mayHoldText(type: string): boolean {
  return [...characters, ...bytes, 'enum', 'set', 'json', 'uuid'].includes(type);
}

/** Whether it holds bytes of which only short values are searched. */
export function holdsLongBytes(type: string): boolean {
  return longBytes.includes(type);
}

/** A name in SQL. */
export function quoted(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}

/** A text in SQL, whatever the server takes quotes and backslashes for. */
export function literal(text: string): string {
  return `_utf8mb4 x'${Buffer.from(text).toString('hex')}'`;
}

/** A key's value, as text or bytes, without a loss. */
export function keyValue({ name, type }: MysqlColumn, table: string): string {
  const column = `${quoted(table)}.${quoted(name)}`;
  if (isPlain(type)) return column;
  // Rounded as text, and as text sorted otherwise than as what they are.
  if (['float', 'double'].includes(type)) return `CAST(${column} + 0e0 AS CHAR)`;
  if (['enum', 'set', 'bit'].includes(type)) return `CAST(${column} + 0 AS CHAR)`;
  return `CAST(${column} AS CHAR)`;
}

/** A key's value given as such, as one of the column's type. */
export function keyParameter({ type, fullType, charset, collation }: MysqlColumn): string {
  if (charset !== null && isPlain(type)) {
    return `CONVERT(? USING ${charset}) COLLATE ${collation}`;
  }
  if ([...bytes, ...longBytes].includes(type)) return '?';
  if (integers.includes(type)) {
    return `CAST(? AS ${fullType.includes('unsigned') ? 'UNSIGNED' : 'SIGNED'})`;
  }
  if (['enum', 'set', 'bit', 'year'].includes(type)) return 'CAST(? AS UNSIGNED)';
  if (['float', 'double'].includes(type)) return '(? + 0e0)';
  if (['datetime', 'timestamp'].includes(type)) return 'CAST(? AS DATETIME(6))';
  if (type === 'time') return 'CAST(? AS TIME(6))';
  if (type === 'decimal') return `CAST(? AS ${fullType.replace(/\).*$/, ')')})`;
  return `CAST(? AS ${type})`;
}

/** What the value is called for people. */
export function shownKey({ type }: MysqlColumn, value: Value): KeyValue {
  if (Buffer.isBuffer(value)) return `0x${value.toString('hex')}`;
  return integers.includes(type) && value !== null ? wideInteger(String(value)) : value;
}

/** A number where it fits one. */
export function wideInteger(text: string): number | bigint {
  const number = Number(text);
  return Number.isSafeInteger(number) ? number : BigInt(text);
}

const integers = ['tinyint', 'smallint', 'mediumint', 'int', 'bigint'];

function isPlain(type: string): boolean {
  return [...characters, ...bytes, ...longBytes].includes(type);
}

/** A column's value as text, which `textOf` takes. */
export function textValue({ name, type }: MysqlColumn, table: string): string {
  const column = `${quoted(table)}.${quoted(name)}`;
  return type === 'uuid' ? `CAST(${column} AS CHAR)` : column;
}

export function textOf(value: Value): string {
  return Buffer.isBuffer(value) ? value.toString() : String(value);
}

/** A column's text for a search byte by byte, whatever its collation. */
export function searchedText(column: MysqlColumn, table: string): string {
  const value = textValue(column, table);
  return bytes.includes(column.type)
    ? value
    : `CONVERT(${value} USING utf8mb4) COLLATE utf8mb4_bin`;
}

/** The bytes of a column's text in UTF-8, which are equal only where the texts are. */
export function textBytes(column: MysqlColumn, table: string): string {
  const value = textValue(column, table);
  return bytes.includes(column.type) ? value : `CAST(CONVERT(${value} USING utf8mb4) AS BINARY)`;
}

/** A text as a value for the column. */
export function textParameter({ type }: MysqlColumn, text: string): string | Buffer {
  return bytes.includes(type) ? Buffer.from(text) : text;
}
