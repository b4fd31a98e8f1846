import { DepotError } from '../errors.js';
import type { TextChange } from './database.js';
import { keyed } from './postgres-select.js';
import type { Session } from './postgres-session.js';
import { quoted } from './postgres-tables.js';

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

async function changeBatch(session: Session, batch: readonly Numbered[]): Promise<number[]> {
  const [first] = batch as [Numbered];
  const { from, key, columns } = keyed(first.table);
  const column = columns.find(({ name }) => name === first.column);
  if (column === undefined) throw new Error(`no column ${first.column} in ${first.table.name}`);
  const changes = batch.filter(({ before, after }) => {
    if (after.isWellFormed() && !after.includes('\0'))
      return before.isWellFormed() && !before.includes('\0');
    throw new DepotError(
      'failed',
      `cannot change ${first.table.name}.${column.name}: PostgreSQL holds no text with U+0000 or half a character`,
    );
  });
  const name = quoted(column.name);
  const keys = key.map((one, index) => ({
    name: quoted(one.name),
    type: one.type,
    alias: `key_${index}`,
  }));
  // Cast to text, equality is by bytes for every type; a cast to a type with a length would cut.
  const { rows } = await session.query(
    `UPDATE ${from} AS target SET ${name} = change.after::${column.baseType}
     FROM unnest($1::text[], $2::text[], $3::text[]${keys.map((_, index) => `, $${index + 4}::text[]`).join('')})
       AS change(number, before, after, ${keys.map(({ alias }) => alias).join(', ')})
     WHERE ${keys.map((one) => `target.${one.name} = change.${one.alias}::${one.type}`).join(' AND ')}
       AND target.${name}::text COLLATE "C" = change.before
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
