import type { Column, Database, Position, Table, TextRow } from '../databases/database.js';
import { DepotError } from '../errors.js';
import { parseReferenceText, referenceMark } from './reference.js';

/** Rows read at a time. */
export const pageRows = 200;

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

/** `files.data id=7`: a reference as people find it again. */
export function rowName(column: ReferenceColumn, row: TextRow): string {
  const key = row.key.length > 0 ? row.key : [['rowid', row.position[0] ?? null] as const];
  return `${columnName(column)} ${key.map(([name, value]) => `${name}=${String(value)}`).join(' ')}`;
}

/** The columns in which at least one reference stands, in all tables of the databases. */
export async function findColumns(databases: readonly Database[]): Promise<ReferenceColumn[]> {
  const found: ReferenceColumn[] = [];
  for (const database of databases) {
    for (const column of textColumns(database, await database.tables())) {
      if (await holdsReference(column)) found.push(column);
    }
  }
  return found;
}

/** The columns that the user named; fails with `not-found` for one that is not there. */
export async function namedColumns(
  databases: readonly Database[],
  names: readonly string[],
): Promise<ReferenceColumn[]> {
  const all: ReferenceColumn[] = [];
  for (const database of databases) {
    const tables = await database.tables();
    for (const table of tables) {
      for (const column of table.columns) all.push({ database, table, column });
    }
  }
  return [...new Set(names)].flatMap((name) => {
    const columns = all.filter((column) => columnName(column) === name);
    if (columns.length > 0) return columns;
    throw new DepotError(
      'not-found',
      `no column ${name} in ${databases.map((one) => one.name).join(', ')}`,
      {
        hint: 'Show the columns that hold references with: depot references',
      },
    );
  });
}

/** Every column that may hold text. */
export function textColumns(database: Database, tables: readonly Table[]): ReferenceColumn[] {
  return tables.flatMap((table) =>
    table.columns
      .filter(({ holdsText }) => holdsText)
      .map((column) => ({ database, table, column })),
  );
}

async function holdsReference(column: ReferenceColumn): Promise<boolean> {
  for await (const page of pages(column, { containing: referenceMark })) {
    if (page.some(({ text }) => parseReferenceText(text) !== null)) return true;
  }
  return false;
}

/** A column's texts, page by page, each page read when it is asked for. */
export async function* pages(
  { database, table, column }: ReferenceColumn,
  options: { containing?: string; where?: string } = {},
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
