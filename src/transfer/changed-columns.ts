import { DepotError } from '../errors.js';
import type { Manager } from '../manager.js';
import { namedColumns, type ReferenceColumn } from '../references/columns.js';
import type { State } from './state.js';

/** A column in which the runs of a state file changed texts. */
export interface ChangedColumn extends ReferenceColumn {
  /** The database's name then, by which the state knows its rows. */
  readonly recordedAs: string;
  /** Whether mentions were rewritten there, and not references alone. */
  readonly mentions: boolean;
}

/** The columns in which the runs of a state file changed texts. */
export async function changedColumns(manager: Manager, state: State): Promise<ChangedColumn[]> {
  const opened = await manager.allDatabases();
  const changed = state.columns();
  const names = new Set(changed.map(({ database }) => database));
  const columns = changed.map(async ({ database: recordedAs, column, mentions }) => {
    // Where there is only one then and now, it has moved: its texts say whether it is the same.
    const [only, ...others] = opened;
    const moved = names.size === 1 && others.length === 0 ? only : undefined;
    const database = opened.find((one) => one.name === recordedAs) ?? moved;
    if (database === undefined) throw notConfigured(recordedAs, manager.configuration.file);
    const found = await namedColumns([database], [column], { mayBeEmpty: true });
    return found.map((one) => ({ ...one, recordedAs, mentions: mentions > 0 }));
  });
  return (await Promise.all(columns)).flat();
}

function notConfigured(name: string, file: string): DepotError {
  return new DepotError('not-found', `references changed in ${name}, which is not in ${file}`, {
    hint: 'Name that database in the configuration as when it was migrated; where it has moved since, name it alone.',
  });
}
