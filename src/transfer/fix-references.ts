import type { Database, TextRow } from '../databases/database.js';
import { messageOf } from '../errors.js';
import { dumpJson, type JsonObject } from '../python/json.js';
import { allTexts } from '../references/all-texts.js';
import { type ReferenceColumn, rowName } from '../references/columns.js';
import { contradiction, withOwnFile } from '../references/consistency.js';
import {
  type BlobName,
  blobsOf,
  formatReferenceText,
  parseReferenceText,
  referenceMark,
} from '../references/reference.js';
import type { Storage } from '../storage.js';
import { stopsTheRun } from './copy-outcome.js';
import { type Concern, type Fix, type Fixing, notFixed } from './fixes.js';
import type { Inventory, PlacedBlob } from './inventory.js';
import {
  asStored,
  changeEach,
  obstacleTo,
  ownAttempts,
  type RowChange,
  readAgain,
} from './row-change.js';

export interface ReferenceFixing extends Fixing {
  readonly databases: readonly Database[];
  /** The blob that a reference calls so; null where its storage is not looked through. */
  placed(name: BlobName): (PlacedBlob & { readonly storage: Storage }) | null;
  /** Of blobs, and all that names them. */
  readonly inventory: Inventory;
  readonly signal: AbortSignal;
}

/** A row, and the references in it that become consistent. */
interface Change extends RowChange {
  readonly fixes: readonly Fix[];
}

/**
 * Puts the file of contradictory references into the list of their files, where that alone is
 * missing, the file is there and nothing else names it: with the row Python deletes what its list
 * names. Rows change by compare-and-set, those of a page in one transaction.
 */
export async function fixReferences(fixing: ReferenceFixing): Promise<void> {
  for (const database of fixing.databases) {
    for await (const { column, rows } of allTexts(database, { containing: referenceMark })) {
      if (fixing.signal.aborted) return;
      await fixPage(column, rows, fixing);
    }
  }
}

async function fixPage(
  column: ReferenceColumn,
  rows: readonly TextRow[],
  fixing: ReferenceFixing,
): Promise<void> {
  const { dryRun, fixed } = fixing;
  let waiting = rows;
  for (let attempt = 1; waiting.length > 0; attempt += 1) {
    const { changes, left } = await planAll(column, waiting, fixing);
    if (attempt === 1) for (const fix of left) await fixed(fix);
    const lost = dryRun ? [] : await changeRows(column, changes, fixing);
    if (dryRun) for (const fix of changes.flatMap(({ fixes }) => fixes)) await fixed(fix);
    if (attempt === ownAttempts) {
      const why = `another process kept changing it; it was read ${ownAttempts} times`;
      return tellLost(lost, why, fixing);
    }
    waiting = await readAgain(column, lost);
  }
}

interface Plan {
  readonly changes: Change[];
  /** What cannot be fixed. */
  readonly left: Fix[];
}

async function planAll(
  column: ReferenceColumn,
  rows: readonly TextRow[],
  fixing: ReferenceFixing,
): Promise<Plan> {
  const plan: Plan = { changes: [], left: [] };
  for (const row of rows) await planRow(column, row, plan, fixing);
  return plan;
}

async function planRow(
  column: ReferenceColumn,
  row: TextRow,
  { changes, left }: Plan,
  fixing: ReferenceFixing,
): Promise<void> {
  const parsed = parseReferenceText(row.text);
  if (parsed === null) return;
  const concern: Concern = {
    kind: 'inconsistent-reference',
    reference: rowName(column, row),
    path: null,
  };
  const consistent = new Map<JsonObject, JsonObject>();
  for (const reference of parsed.references.filter((one) => contradiction(one) !== null)) {
    const found = await consistentForm(reference, fixing);
    if (typeof found === 'string') left.push(notFixed(concern, found));
    else consistent.set(reference, found);
  }
  if (consistent.size === 0) return;
  const after = formatReferenceText(parsed, (reference) => consistent.get(reference) ?? reference);
  const obstacle = obstacleTo(column, row, after);
  if (obstacle !== null) left.push(...[...consistent].map(() => notFixed(concern, obstacle)));
  else changes.push({ row, after, fixes: [...consistent].map(fixOf) });

  function fixOf([before, now]: [JsonObject, JsonObject]): Fix {
    const texts = { before: dumpJson(before), after: dumpJson(now) };
    return { ...concern, status: fixing.dryRun ? 'would-fix' : 'fixed', ...texts, message: null };
  }
}

/** The reference as it must be meant, or why that cannot be told. */
async function consistentForm(
  reference: JsonObject,
  { placed, inventory }: ReferenceFixing,
): Promise<JsonObject | string> {
  const found = withOwnFile(reference);
  if (typeof found === 'string') return found;
  const [own] = blobsOf(reference) as [BlobName];
  const blob = placed(own);
  if (blob === null) return `the storage ${JSON.stringify(own.storage)} is not looked through`;
  const path = blob.storage.path(blob.id);
  try {
    if ((await blob.storage.find(blob.id)) === null) return `${path} does not exist`;
  } catch (error) {
    if (stopsTheRun(error)) throw error;
    return messageOf(error);
  }
  return inventory.isNamedOnce(blob) ? found : `something else may name ${path} too`;
}

/** Changes the rows; returns those that somebody else had changed before. */
async function changeRows(
  column: ReferenceColumn,
  planned: readonly Change[],
  fixing: ReferenceFixing,
): Promise<readonly Change[]> {
  if (planned.length === 0) return [];
  const changes = await asStored(column, planned);
  const { made, lost, refused } = await changeEach(column, changes);
  for (const [index, { fixes }] of changes.entries()) {
    if (made[index]) for (const fix of fixes) await fixing.fixed(fix);
  }
  for (const { change, why } of refused) await tellLost([change], why, fixing);
  return lost;
}

async function tellLost(
  lost: readonly Change[],
  why: string,
  { fixed }: ReferenceFixing,
): Promise<void> {
  for (const { kind, reference, path } of lost.flatMap(({ fixes }) => fixes)) {
    await fixed(notFixed({ kind, reference, path }, why));
  }
}
