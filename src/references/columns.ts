import type {
  Column,
  Database,
  Position,
  Table,
  TextQuery,
  TextRow,
} from '../databases/database.js';
import { DepotError } from '../errors.js';
import { parseReferenceText, referenceMark } from './reference.js';

/** Rows read at a time. */
export const pageRows = 200;

/** Fields of a collection that are searched one by one; where there are more, all together. */
const mostFields = 50;

/** A column that holds references. */
export interface ReferenceColumn {
  readonly database: Database;
  readonly table: Table;
  readonly column: Column;
}

/** `TABLE.COLUMN`. */
export function columnName({ table, column }: ReferenceColumn): string {
  return `${table.name}.${column.name}`;
}

/** `TABLE.COLUMN` of a row, where its column stands for several. */
export function ownColumnName(column: ReferenceColumn, row: TextRow): string {
  return row.column === undefined ? columnName(column) : `${column.table.name}.${row.column}`;
}

/** `files.data id=7`: a reference as people find it again. */
export function rowName(column: ReferenceColumn, row: TextRow): string {
  const key = row.key.length > 0 ? row.key : [['rowid', row.position[0] ?? null] as const];
  return `${ownColumnName(column, row)} ${key.map(([name, value]) => `${name}=${String(value)}`).join(' ')}`;
}

/** The columns in which at least one reference stands, in all tables of the databases. */
export async function findColumns(databases: readonly Database[]): Promise<ReferenceColumn[]> {
  const found: ReferenceColumn[] = [];
  for (const database of databases) {
    for (const column of textColumns(database, await database.tables())) {
      found.push(...(await holdingReferences(column)));
    }
  }
  return found;
}

/**
 * The columns that the user named; fails with `not-found` for one that is not there. A field of an
 * open table is there where a document has it, or anyway with `mayBeEmpty`.
 */
export async function namedColumns(
  databases: readonly Database[],
  names: readonly string[],
  { mayBeEmpty = false }: { mayBeEmpty?: boolean } = {},
): Promise<ReferenceColumn[]> {
  const all: ReferenceColumn[] = [];
  for (const database of databases) {
    for (const table of await database.tables()) {
      for (const column of table.columns) all.push({ database, table, column });
    }
  }
  const found: ReferenceColumn[] = [];
  for (const name of new Set(names)) {
    const columns = all.filter((column) => columnName(column) === name);
    for (const field of all.flatMap((column) => fieldNamed(column, name))) {
      if (mayBeEmpty || (await hasTexts(field))) columns.push(field);
    }
    found.push(...columns);
    if (columns.length > 0) continue;
    throw new DepotError(
      'not-found',
      `no column ${name} in ${databases.map((one) => one.name).join(', ')}`,
      {
        hint: 'Show the columns that hold references with: depot references',
      },
    );
  }
  return found;
}

/** Of an open table's own column, the field of such a name. */
function fieldNamed(column: ReferenceColumn, name: string): ReferenceColumn[] {
  const start = `${column.table.name}.`;
  const isField = column.table.isOpen === true && name.startsWith(start);
  return isField && name !== columnName(column) ? [field(column, name.slice(start.length))] : [];
}

function field(column: ReferenceColumn, name: string): ReferenceColumn {
  return { ...column, column: { ...column.column, name } };
}

async function hasTexts({ database, table, column }: ReferenceColumn): Promise<boolean> {
  return (await database.texts({ table, column: column.name, limit: 1 })).length > 0;
}

/** Those of the columns that are not excluded; fails for one that cannot be left out of others. */
export function withoutColumns(
  columns: readonly ReferenceColumn[],
  excluded: readonly ReferenceColumn[],
): ReferenceColumn[] {
  const rest = columns.filter((column) => !excluded.some((one) => covers(one, column)));
  const part = excluded.find((one) => rest.some((column) => covers(column, one)));
  if (part === undefined) return rest;
  throw new DepotError('usage', `cannot leave ${columnName(part)} out of ${part.table.name}.*`, {
    hint: 'Name the fields to work on with --references instead.',
  });
}

/** Whether one column is the other, or stands for all those of its open table. */
function covers(one: ReferenceColumn, other: ReferenceColumn): boolean {
  if (one.database !== other.database || one.table.name !== other.table.name) return false;
  const all = one.table.isOpen === true && one.column.name === one.table.columns[0]?.name;
  return all || one.column.name === other.column.name;
}

/** Every column that may hold text, or with `bytes` text or bytes. */
export function textColumns(
  database: Database,
  tables: readonly Table[],
  { bytes = false }: { bytes?: boolean } = {},
): ReferenceColumn[] {
  return tables.flatMap((table) =>
    table.columns
      .filter(({ holdsText, holdsBytes }) => holdsText || (bytes && holdsBytes === true))
      .map((column) => ({ database, table, column })),
  );
}

/** The column, where a reference stands in it; of an open table its fields where one does. */
async function holdingReferences(column: ReferenceColumn): Promise<ReferenceColumn[]> {
  const names = new Set<string>();
  for await (const page of pages(column, { containing: referenceMark })) {
    for (const row of page) {
      const name = row.column ?? column.column.name;
      if (!names.has(name) && parseReferenceText(row.text) !== null) names.add(name);
    }
    if (names.has(column.column.name) || names.size > mostFields) return [column];
  }
  return [...names].map((name) => field(column, name));
}

/** A column's texts, page by page, each page read when it is asked for. */
export async function* pages(
  { database, table, column }: ReferenceColumn,
  options: Pick<TextQuery, 'containing' | 'where' | 'bytes'> = {},
): AsyncGenerator<TextRow[]> {
  let after: { after?: Position } = {};
  while (true) {
    const query = { table, column: column.name, limit: pageRows, ...options, ...after };
    const page = await database.texts(query);
    const last = page.at(-1);
    if (last === undefined) return;
    yield page;
    after = { after: last.position };
  }
}
