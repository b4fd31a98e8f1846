import type { Database } from '../databases/database.js';
import type { JsonObject } from '../python/json.js';
import { allTexts } from '../references/all-texts.js';
import { rowName } from '../references/columns.js';
import { contradiction } from '../references/consistency.js';
import {
  blobsOf,
  formatReferenceText,
  isBrokenReference,
  parseReferenceText,
} from '../references/reference.js';
import { eraseNames } from '../references/relocate.js';
import type { Inventory } from './inventory.js';
import type { Problem } from './report.js';

/** A storage as references call it. */
export interface NamedStorage {
  /** Its name and its aliases. */
  readonly names: ReadonlySet<string>;
  /** Number of its place in the inventory; null where it is not looked through. */
  readonly place: number | null;
  publicUrl(id: string): string | null;
}

export interface ReferenceCheck {
  readonly database: Database;
  /** Every configured storage. */
  readonly storages: readonly NamedStorage[];
  readonly inventory: Inventory;
  readonly signal: AbortSignal;
  /** Takes each problem. */
  found(problem: Problem): Promise<void>;
  /** Takes how many references have been read since it was last called. */
  scanned(references: number): void;
}

/**
 * Tells the inventory which blobs the texts of a database name, and reports references that cannot
 * be right whatever the storages hold.
 */
export async function checkReferences(check: ReferenceCheck): Promise<void> {
  const { database, signal, found, scanned } = check;
  for await (const { column, rows } of allTexts(database, { bytes: true })) {
    if (signal.aborted) break;
    const problems: Problem[] = [];
    let references = 0;
    for (const row of rows) {
      references += checkText(row.text, rowName(column, row), { ...check, problems });
    }
    scanned(references);
    for (const problem of problems) await found(problem);
  }
}

interface TextCheck extends ReferenceCheck {
  /** Added to. */
  readonly problems: Problem[];
}

function checkText(text: string, where: string, check: TextCheck): number {
  const { storages, inventory, problems } = check;
  const parsed = parseReferenceText(text);
  if (parsed === null) {
    inventory.mentioned(text, where);
    if (!isBrokenReference(text)) return 0;
    const message = 'the text looks like a reference and is no valid JSON';
    problems.push({ kind: 'broken-reference', reference: where, path: null, message });
    return 1;
  }
  for (const reference of parsed.references) checkReference(reference, where, check);
  const rest = formatReferenceText(parsed, (reference) =>
    storages.reduce((one, { names, publicUrl }) => eraseNames(one, names, publicUrl), reference),
  );
  inventory.mentioned(rest, where);
  return parsed.references.length;
}

function checkReference(reference: JsonObject, where: string, check: TextCheck): void {
  const { storages, inventory, problems } = check;
  for (const { storage, id } of blobsOf(reference)) {
    const known = storages.find(({ names }) => names.has(storage));
    const path = `${storage}/${id}`;
    if (known === undefined) {
      const message = `no storage ${JSON.stringify(storage)} is configured`;
      problems.push({ kind: 'unknown-storage', reference: where, path, message });
    } else if (known.place !== null) {
      inventory.named({ place: known.place, id }, where);
    }
  }
  const message = contradiction(reference);
  if (message === null) return;
  problems.push({ kind: 'inconsistent-reference', reference: where, path: null, message });
}
