import type { Database } from '../databases/database.js';
import { DepotError } from '../errors.js';
import { allTexts } from '../references/all-texts.js';
import { rowName } from '../references/columns.js';
import { blobFinder, replaceNames } from '../references/named-blobs.js';
import { formatReferenceText, parseReferenceText, referenceMark } from '../references/reference.js';
import { eraseNames, sourceIds } from '../references/relocate.js';
import type { Storage } from '../storage.js';
import type { Findings } from './findings.js';

export interface ProtectionOptions {
  readonly target: Storage;
  /** The target's name and its aliases. */
  readonly targetNames: ReadonlySet<string>;
  /** Where the application serves blobs, such as `/depot`. */
  readonly mountpoint: string;
  /** Every database that may name blobs. */
  readonly databases: readonly Database[];
  readonly signal: AbortSignal;
  /** What a text would be by then, where nothing has been written. */
  readonly preview?: (text: string) => string;
}

/** Fails with `refused` where a database has texts that cannot be searched for names of blobs. */
export async function checkReadable(databases: readonly Database[]): Promise<void> {
  for (const { name, unreadable } of databases) {
    const tables = (await unreadable?.()) ?? [];
    if (tables.length === 0) continue;
    throw new DepotError(
      'refused',
      `nothing may be deleted: the user of ${name} may not read all of ${tables.join(', ')}`,
      { hint: 'GRANT SELECT on it to that user: blobs may be named there.' },
    );
  }
}

/**
 * Fails with `refused` for a database without any reference: it is hardly the right one, and what
 * names the blobs is not looked at; and for one that cannot be read whole.
 */
export async function checkSearchable(
  databases: readonly Database[],
  signal: AbortSignal,
): Promise<void> {
  await checkReadable(databases);
  for (const database of databases) {
    if (!(await hasReference(database, signal))) throw withoutReferences(database);
    signal.throwIfAborted();
  }
}

async function hasReference(database: Database, signal: AbortSignal): Promise<boolean> {
  for await (const { rows } of allTexts(database, { containing: referenceMark })) {
    if (signal.aborted || rows.some(({ text }) => parseReferenceText(text) !== null)) return true;
  }
  return false;
}

/** The refusal to delete by what such a database says. */
export function withoutReferences({ name }: Database): DepotError {
  return new DepotError('refused', `nothing is deleted: no reference at all is found in ${name}`, {
    hint: 'Is it the right database? See sqlalchemy.url, and databases in [depot].',
  });
}

/**
 * Looks through every text of every database for the blobs that were added to `findings`. A blob
 * is protected by any occurrence of its identifier, in any spelling, except in references, paths and
 * URLs that name the target.
 *
 * Fails with `refused` as `checkSearchable` does, for what is gone since.
 */
export async function findMentions(options: ProtectionOptions, findings: Findings): Promise<void> {
  const { databases, signal } = options;
  await checkReadable(databases);
  for (const database of databases) {
    const references = await scan(database, options, findings);
    signal.throwIfAborted();
    if (references === 0) throw withoutReferences(database);
  }
}

/** Records what every text of a database mentions; returns the number of references in it. */
async function scan(
  database: Database,
  { target, targetNames, mountpoint, signal, preview = (text) => text }: ProtectionOptions,
  findings: Findings,
): Promise<number> {
  const publicUrl = (id: string): string | null => target.publicUrl(id);
  const find = blobFinder({ names: targetNames, mountpoint, publicUrl });
  let references = 0;
  for await (const { column, rows } of allTexts(database, { bytes: true })) {
    if (signal.aborted) return references;
    for (const row of rows) {
      const text = preview(row.text);
      const parsed = parseReferenceText(text);
      references += parsed?.references.length ?? 0;
      for (const reference of parsed?.references ?? []) {
        for (const id of sourceIds(reference, targetNames)) findings.moved(id);
      }
      const rest =
        parsed === null
          ? text
          : formatReferenceText(parsed, (one) => eraseNames(one, targetNames, publicUrl));
      const names = find(rest).map(({ start, end }) => ({ start, end, by: ' ' }));
      findings.mentioned(replaceNames(rest, names), rowName(column, row));
    }
  }
  return references;
}
