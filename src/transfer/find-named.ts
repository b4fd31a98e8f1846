import type { Database } from '../databases/database.js';
import { allTexts } from '../references/all-texts.js';
import { rowName } from '../references/columns.js';
import { parseReferenceText } from '../references/reference.js';
import type { Inventory } from './inventory.js';
import { checkReadable, withoutReferences } from './protection.js';

/**
 * Tells the inventory what all texts mention; returns the number of references. Fails with
 * `refused` for a database without any: it is hardly the right one.
 */
export async function findNamed(
  inventory: Inventory,
  { databases, signal }: { databases: readonly Database[]; signal: AbortSignal },
): Promise<number> {
  await checkReadable(databases);
  let all = 0;
  for (const database of databases) {
    const references = await readTexts(database, inventory, signal);
    if (references === 0 && !signal.aborted) throw withoutReferences(database);
    all += references;
  }
  return all;
}

async function readTexts(
  database: Database,
  inventory: Inventory,
  signal: AbortSignal,
): Promise<number> {
  let references = 0;
  for await (const { column, rows } of allTexts(database, { bytes: true })) {
    if (signal.aborted) return references;
    for (const row of rows) {
      references += parseReferenceText(row.text)?.references.length ?? 0;
      inventory.mentioned(row.text, rowName(column, row));
    }
  }
  return references;
}
