import { DepotError } from '../errors.js';
import type { ReferenceColumn } from '../references/columns.js';
import { plainName } from '../references/named-blobs.js';
import type { Storage } from '../storage.js';
import { overlaps } from './migrate.js';

/** Refuses what could only fail, or harm, before anything is done. */
export async function checkStorages(
  source: Storage,
  target: Storage,
  asked: { deleteSource: boolean; privateOk: boolean; rewriteMentions: boolean },
): Promise<void> {
  const { deleteSource: deleting, privateOk, rewriteMentions } = asked;
  if (source.name === target.name) {
    throw new DepotError('usage', `cannot migrate from ${source.name} to itself`);
  }
  if (target.backend.ephemeral) {
    throw new DepotError(
      'refused',
      `storage ${target.name} is in memory: its blobs would be gone at the end`,
    );
  }
  target.checkWritable();
  if (target.backend.deniesVisitors && !privateOk) {
    throw new DepotError(
      'refused',
      `storage ${target.name} is private, and filedepot and Kotti send visitors to its own URLs, which deny them`,
      {
        hint: 'Give --private-ok if your site serves these files by itself, or set policy = public-read.',
      },
    );
  }
  if (rewriteMentions && !plainName.test(target.name)) {
    throw new DepotError(
      'refused',
      `mentions cannot be rewritten: ${target.name} is not spelled the same in texts, HTML and URLs`,
      {
        hint: 'Give the target a name of letters, digits, - and _, or leave --rewrite-mentions out.',
      },
    );
  }
  await source.backend.ping();
  await target.backend.ping();
  if (deleting && (await overlaps(source, target))) {
    throw new DepotError(
      'refused',
      `${source.name} and ${target.name} share a place: nothing there may be deleted`,
      {
        hint: 'Run it without --delete-source.',
      },
    );
  }
}

/** Tries the user's condition on every column before anything is moved. */
export async function checkCondition(
  columns: readonly ReferenceColumn[],
  where: string,
): Promise<void> {
  for (const { database, table, column } of columns) {
    try {
      await database.texts({ table, column: column.name, where, limit: 1 });
    } catch (error) {
      if (!(error instanceof DepotError) || error.kind !== 'failed') throw error;
      throw new DepotError('usage', `--where cannot be asked of ${table.name}: ${error.message}`, {
        hint: 'Limit the columns to those that it fits with --references TABLE.COLUMN.',
      });
    }
  }
}
