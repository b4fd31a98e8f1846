import type { Table } from './database.js';
import { holdsLongBytes, type MysqlColumn, mayHoldText } from './mysql-columns.js';
import type { Row } from './mysql-driver.js';
import type { Session } from './mysql-session.js';

/** A table with what paging and changing rows in MariaDB and MySQL needs. */
export interface MysqlTable extends Table {
  readonly columns: readonly MysqlColumn[];
  /** The key's columns, in its order. */
  readonly key: readonly MysqlColumn[];
  readonly engine: string;
  /** Whether a change can be made with others or not at all. */
  readonly isTransactional: boolean;
}

/** Generated columns follow from others and cannot be written. */
const schema = `
  SELECT c.TABLE_NAME, t.ENGINE, t.TABLE_TYPE, e.TRANSACTIONS, c.COLUMN_NAME, c.DATA_TYPE, c.COLUMN_TYPE,
    c.CHARACTER_MAXIMUM_LENGTH, c.CHARACTER_SET_NAME, c.COLLATION_NAME, c.EXTRA,
    COALESCE(c.GENERATION_EXPRESSION, '') <> '', FIND_IN_SET('select', c.PRIVILEGES) > 0
  FROM information_schema.COLUMNS AS c
  JOIN information_schema.TABLES AS t
    ON t.TABLE_SCHEMA = c.TABLE_SCHEMA AND t.TABLE_NAME = c.TABLE_NAME
  LEFT JOIN information_schema.ENGINES AS e ON e.ENGINE = t.ENGINE
  WHERE c.TABLE_SCHEMA = DATABASE() AND t.TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED')
  ORDER BY c.TABLE_NAME, c.ORDINAL_POSITION`;

/** What keeps rows unique, the primary key first; of an index on parts of values only that key. */
const keys = `
  SELECT TABLE_NAME, INDEX_NAME, COLUMN_NAME, NULLABLE = 'YES' OR SUB_PART IS NOT NULL
  FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = DATABASE() AND NON_UNIQUE = 0
  ORDER BY TABLE_NAME, INDEX_NAME <> 'PRIMARY', INDEX_NAME, SEQ_IN_INDEX`;

interface ColumnRow extends MysqlColumn {
  readonly table: string;
  readonly engine: string;
  /** Whether it keeps its rows' history, by a further column of their key that nobody sees. */
  readonly isVersioned: boolean;
  readonly isTransactional: boolean;
  readonly isGenerated: boolean;
  readonly isReadable: boolean;
}

/**
 * The application's tables, as far as its user may read them, and the names of columns that the
 * user may see and not read. A table without a primary key has its first other unique one.
 */
export async function readTables(
  session: Session,
): Promise<{ tables: MysqlTable[]; unreadable: string[] }> {
  const columns = (await session.run(schema)).rows.map(columnRow);
  const keyNames = keysOf((await session.run(keys)).rows);
  const [readable, denied] = [true, false].map((one) =>
    columns.filter(({ isReadable }) => isReadable === one),
  ) as [ColumnRow[], ColumnRow[]];
  return {
    tables: [...Map.groupBy(readable, ({ table }) => table)].map(([name, own]) =>
      tableOf(name, own, keyNames.get(name) ?? []),
    ),
    unreadable: denied.map(({ table, name }) => `${table}.${name}`),
  };
}

function columnRow(row: Row): ColumnRow {
  const [table, engine, tableType, transactions, name, type, fullType] = row.map(
    String,
  ) as string[];
  const [length, charset, collation, extra, isGenerated, isReadable] = row.slice(7);
  return {
    table: table as string,
    engine: engine as string,
    isVersioned: tableType === 'SYSTEM VERSIONED',
    isTransactional: transactions === 'YES',
    name: name as string,
    maxLength: length === null ? null : Number(length),
    type: (type as string).toLowerCase(),
    fullType: (fullType as string).toLowerCase(),
    holdsText: mayHoldText((type as string).toLowerCase()),
    holdsBytes: holdsLongBytes((type as string).toLowerCase()),
    charset: charset as string | null,
    collation: collation as string | null,
    isTouched: /on update/i.test(String(extra)),
    isGenerated: Number(isGenerated) === 1,
    isReadable: Number(isReadable) === 1,
  };
}

/** The columns of each table's key. */
function keysOf(rows: readonly Row[]): Map<string, string[]> {
  const indexes = Map.groupBy(rows, ([table, index]) => JSON.stringify([table, index]));
  const found = new Map<string, string[]>();
  for (const index of indexes.values()) {
    const [table, name] = (index[0] as Row).map(String) as [string, string];
    const isUsable = index.every(([, , column, isPart]) => column !== null && Number(isPart) === 0);
    if (found.has(table) || !(isUsable || name === 'PRIMARY')) continue;
    found.set(
      table,
      index.map(([, , column]) => String(column)),
    );
  }
  return found;
}

function tableOf(name: string, all: readonly ColumnRow[], keyNames: readonly string[]): MysqlTable {
  const [{ engine, isTransactional, isVersioned }] = all as [ColumnRow];
  const found = keyNames.map((one) => all.find((column) => column.name === one));
  const seen = found.filter((column) => column !== undefined);
  // What is left of a key without a column that may not be read tells no rows apart.
  const key = seen.length === found.length || isVersioned ? seen : [];
  return {
    name,
    columns: all.filter(({ isGenerated }) => !isGenerated),
    primaryKey: key.map((column) => column.name),
    key,
    engine,
    isTransactional,
    ...(key.length === 0 ? { unchangeable: true } : {}),
  };
}
