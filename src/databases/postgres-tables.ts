import type { Column, Table } from './database.js';
import type { Session } from './postgres-session.js';

export interface PostgresColumn extends Column {
  /** The type's name in SQL. */
  readonly type: string;
  /** The type below any domain, without its length: a cast to it cuts nothing off. */
  readonly baseType: string;
  /** Whether its values are integers. */
  readonly isInteger: boolean;
  /** How its values are sorted: by their bytes or what else is exact, or as some language does. */
  readonly order: 'exact' | 'language';
}

/** A table with what paging and changing rows in PostgreSQL needs. */
export interface PostgresTable extends Table {
  /** What stands behind FROM or UPDATE. */
  readonly from: string;
  readonly columns: readonly PostgresColumn[];
  /** The primary key's columns. */
  readonly key: readonly PostgresColumn[];
  /** Whether `ctid` tells where in the table a row is. */
  readonly hasRowAddress: boolean;
}

/**
 * Tables with columns in the order of their numbers. `family` is the server's own grouping of
 * types; an array has that of its elements. Generated columns follow from others; partitions are
 * seen through their table, and a table's heirs by themselves.
 */
const schema = (serverVersion: number): string => `
  WITH RECURSIVE base AS (
    SELECT oid, oid AS base, -1 AS length FROM pg_type WHERE typtype <> 'd'
    UNION ALL
    SELECT d.oid, base.base, CASE WHEN d.typtypmod >= 0 THEN d.typtypmod ELSE base.length END
    FROM pg_type AS d JOIN base ON d.typbasetype = base.oid WHERE d.typtype = 'd')
  SELECT n.nspname, c.relname, c.relkind, pg_table_is_visible(c.oid), a.attname,
    format_type(a.atttypid, a.atttypmod), format_type(base.base, -1),
    CASE WHEN type.typname IN ('varchar', 'bpchar')
         THEN (CASE WHEN a.atttypmod >= 0 THEN a.atttypmod ELSE base.length END) - 4 END,
    type.typname, coalesce(element.typcategory, type.typcategory),
    a.attcollation <> 0 AND (CASE language.collname WHEN 'default' THEN
      (SELECT datcollate FROM pg_database WHERE datname = current_database())
      ELSE language.collname END) NOT IN ('C', 'POSIX'),
    key.place,
    has_schema_privilege(n.oid, 'USAGE') AND has_column_privilege(c.oid, a.attnum, 'SELECT')
  FROM pg_class AS c
  JOIN pg_namespace AS n ON n.oid = c.relnamespace
  JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    ${serverVersion >= 120_000 ? `AND a.attgenerated = ''` : ''}
  JOIN base ON base.oid = a.atttypid
  JOIN pg_type AS type ON type.oid = base.base
  LEFT JOIN pg_type AS element ON element.oid = type.typelem AND type.typcategory = 'A'
  LEFT JOIN pg_collation AS language ON language.oid = a.attcollation
  LEFT JOIN LATERAL (
    SELECT numbers.place FROM pg_constraint AS p,
      unnest(p.conkey) WITH ORDINALITY AS numbers(number, place)
    WHERE p.conrelid = c.oid AND p.contype = 'p' AND numbers.number = a.attnum) AS key ON true
  WHERE c.relkind IN ('r', 'p', 'f') AND NOT c.relispartition
    AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
  ORDER BY pg_table_is_visible(c.oid) DESC, n.nspname, c.relname, c.oid, a.attnum`;

interface ColumnRow extends PostgresColumn {
  readonly schema: string;
  readonly table: string;
  readonly kind: string;
  readonly isVisible: boolean;
  readonly keyPlace: number | null;
  readonly isReadable: boolean;
}

/**
 * The application's tables, as far as its user may read them, and the names of those of which it
 * may not read all. Those that the search path does not find have their schema in front of their
 * names.
 */
export async function readTables(
  session: Session,
): Promise<{ tables: PostgresTable[]; unreadable: string[] }> {
  const { rows } = await session.query(schema(session.serverVersion));
  const tables = Map.groupBy(rows.map(columnRow), ({ schema: name, table }) =>
    JSON.stringify([name, table]),
  );
  const denied = [...tables.values()].filter((columns) => columns.some((one) => !one.isReadable));
  return {
    tables: [...tables.values()]
      .filter((columns) => columns.some(({ isReadable }) => isReadable))
      .map(tableOf),
    unreadable: denied.map(([first]) => nameOf(first as ColumnRow)),
  };
}

function columnRow(row: readonly (string | null)[]): ColumnRow {
  const [schema, table, kind, isVisible, name, type, baseType, maxLength, typeName, family] =
    row as string[];
  const [sortsByLanguage, keyPlace, isReadable] = row.slice(10);
  return {
    schema: schema as string,
    table: table as string,
    kind: kind as string,
    isVisible: isVisible === 't',
    name: name as string,
    type: type as string,
    baseType: baseType as string,
    maxLength: maxLength === null || Number(maxLength) < 1 ? null : Number(maxLength),
    holdsText: mayHoldText(typeName as string, family as string),
    holdsBytes: typeName === 'bytea',
    isInteger: ['int2', 'int4', 'int8'].includes(typeName as string),
    order: sortsByLanguage === 't' ? 'language' : 'exact',
    keyPlace: keyPlace === null ? null : Number(keyPlace),
    isReadable: isReadable === 't',
  };
}

function tableOf(rows: readonly ColumnRow[]): PostgresTable {
  const [first] = rows as [ColumnRow];
  const keyRows = rows
    .filter(({ keyPlace }) => keyPlace !== null)
    .sort((one, other) => Number(one.keyPlace) - Number(other.keyPlace));
  const key = keyRows.every(({ isReadable }) => isReadable) ? keyRows : [];
  const primaryKey = key.map(({ name }) => name);
  // Else the rows of tables that inherit from it would come with its own.
  const only = first.kind === 'r' ? 'ONLY ' : '';
  return {
    name: nameOf(first),
    columns: rows.filter(({ isReadable }) => isReadable),
    primaryKey,
    from: `${only}${quoted(first.schema)}.${quoted(first.table)}`,
    key,
    hasRowAddress: first.kind === 'r',
    ...(key.length === 0 ? { unchangeable: true } : {}),
  };
}

function nameOf({ schema, table, isVisible }: ColumnRow): string {
  return isVisible ? table : `${schema}.${table}`;
}

/** Numbers, truth values, times, addresses, shapes, ranges, enumerations and bits hold none. */
const familiesWithoutText = 'NBDTIGREV';

/** Bytes, and what is shown as such. */
const typesWithoutText = ['bytea', 'geometry', 'geography', 'raster'];

/** Decided so that no identifier is overlooked: a `uuid` may be one. */
function mayHoldText(type: string, family: string): boolean {
  return (
    !familiesWithoutText.includes(family) && !typesWithoutText.includes(type.replace(/^_/, ''))
  );
}

/** An identifier in SQL. */
export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
