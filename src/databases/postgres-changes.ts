import { DepotError } from '../errors.js';
import type { Table, TextChange } from './database.js';
import { keyed } from './postgres-select.js';
import type { Session } from './postgres-session.js';
import { type PostgresColumn, type PostgresTable, quoted } from './postgres-tables.js';

interface Numbered extends TextChange {
  /** Its place among all changes. */
  readonly number: number;
}

/** Compare-and-set of several texts; says which were made. */
export async function changeTexts(
  session: Session,
  changes: readonly TextChange[],
): Promise<boolean[]> {
  const made = changes.map(() => false);
  for (const batch of batches(changes)) {
    for (const number of await changeBatch(session, batch)) made[number] = true;
  }
  return made;
}

/** Runs of changes that one statement can make: in one column, each of another row. */
function batches(changes: readonly TextChange[]): Numbered[][] {
  const all: Numbered[][] = [];
  let rows = new Set<string>();
  for (const [number, change] of changes.entries()) {
    const before = all.at(-1)?.[0];
    const row = JSON.stringify(change.position);
    const fits =
      before?.table === change.table && before.column === change.column && !rows.has(row);
    if (!fits) {
      all.push([]);
      rows = new Set();
    }
    rows.add(row);
    all.at(-1)?.push({ ...change, number });
  }
  return all;
}

/** The texts as a column of that type gives them back, such as one of `jsonb`. */
export async function storedTexts(
  session: Session,
  table: Table,
  column: string,
  texts: readonly string[],
): Promise<string[]> {
  const { baseType } = columnOf(table, column);
  if (['text', 'character varying', 'json'].includes(baseType)) return [...texts];
  const { rows } = await session.query(
    `SELECT text::${baseType}::text FROM unnest($1::text[]) WITH ORDINALITY AS texts(text, number)
     ORDER BY number`,
    [texts],
  );
  return rows.map(([text]) => text as string);
}

function columnOf(table: Table, column: string): PostgresColumn {
  const found = (table as PostgresTable).columns.find(({ name }) => name === column);
  if (found === undefined) throw new Error(`no column ${column} in ${table.name}`);
  return found;
}

async function changeBatch(session: Session, batch: readonly Numbered[]): Promise<number[]> {
  const [first] = batch as [Numbered];
  const { from, key } = keyed(first.table);
  const column = columnOf(first.table, first.column);
  const changes = batch.filter(({ before, after }) => {
    if (after.isWellFormed() && !after.includes('\0'))
      return before.isWellFormed() && !before.includes('\0');
    throw new DepotError(
      'failed',
      `cannot change ${first.table.name}.${column.name}: PostgreSQL holds no text with U+0000 or half a character`,
    );
  });
  const name = quoted(column.name);
  const keys = key.map((_, index) => `key_${index}`);
  const arrays = ['number', 'before', 'after', ...keys].map((_, index) => `$${index + 1}::text[]`);
  const sameKey = key.map(
    (one, index) => `target.${quoted(one.name)} = change.key_${index}::${one.type}`,
  );
  // Cast to text, equality is by bytes for every type; a cast to a type with a length would cut.
  const { rows } = await session.query(
    `UPDATE ${from} AS target SET ${name} = change.after::${column.baseType}
     FROM unnest(${arrays.join(', ')}) AS change(${['number', 'before', 'after', ...keys].join(', ')})
     WHERE ${sameKey.join(' AND ')} AND target.${name}::text COLLATE "C" = change.before
     RETURNING change.number`,
    [
      changes.map(({ number }) => String(number)),
      changes.map(({ before }) => before),
      changes.map(({ after }) => after),
      ...keys.map((_, index) => changes.map(({ position }) => position[index])),
    ],
  );
  return rows.map(([number]) => Number(number));
}
