import type Sqlite from 'better-sqlite3';
import type { State, Writing, WrittenText } from './state.js';
import { now } from './state-runs.js';

/** What an undo notes of its own. */
export function undosIn(
  handle: Sqlite.Database,
  writing: Writing,
): Pick<State, 'recordUndos' | 'unfinishedUndos' | 'closeUndos'> {
  const insert = handle.prepare('INSERT INTO undos (text) VALUES (?)');
  const select = handle.prepare<[], { undo: number; text: string }>('SELECT * FROM undos');
  const close = handle.prepare('DELETE FROM undos WHERE undo = ?');
  const insertAll = handle.transaction((texts: readonly string[]) =>
    texts.map((text) => Number(insert.run(text).lastInsertRowid)),
  );
  const closeAll = handle.transaction((undos: readonly number[]) => {
    for (const undo of undos) close.run(undo);
  });
  return {
    recordUndos: writing((texts: readonly string[]) => insertAll(texts)),
    unfinishedUndos: () => select.all(),
    closeUndos: writing((undos: readonly number[]) => closeAll(undos)),
  };
}

/** What earlier changes were, and when. */
export function historyIn(
  handle: Sqlite.Database,
  writing: Writing,
): Pick<State, 'columns' | 'before' | 'recordUndone' | 'writtenInto' | 'movedAt'> {
  const selectColumns = handle.prepare<[], ReturnType<State['columns']>[number]>(
    'SELECT "database", "column", max(mentions) AS mentions FROM changes GROUP BY 1, 2',
  );
  const selectBefore = handle.prepare<string[], NonNullable<ReturnType<State['before']>>>(
    `SELECT change, before AS text, mentions FROM changes WHERE after = ? AND "database" = ? AND "column" = ?
     ORDER BY "row" = ? DESC, change DESC LIMIT 1`,
  );
  const turnBack = handle.prepare('UPDATE changes SET done = 3 WHERE change = ?');
  const turnAllBack = handle.transaction((changes: readonly number[]) => {
    for (const change of changes) turnBack.run(change);
  });
  const selectWritten = handle.prepare<string[], WrittenText>(
    `SELECT change, before, after FROM changes WHERE "row" = ? AND "database" = ?
     ORDER BY change DESC`,
  );
  const noteMove = handle.prepare('INSERT OR IGNORE INTO moves VALUES (?, ?)');
  const selectMove = handle
    .prepare<[string], string>('SELECT at FROM moves WHERE source = ?')
    .pluck();
  const movedAt = (path: string): Date => {
    noteMove.run(path, now());
    return new Date(selectMove.get(path) ?? now());
  };
  return {
    movedAt: writing(movedAt),
    columns: () => selectColumns.all(),
    before: ({ database, column, row, text }) =>
      selectBefore.get(text, database, column, row) ?? null,
    recordUndone: writing((changes: readonly number[]) => turnAllBack(changes)),
    writtenInto: ({ database, row }) => selectWritten.all(row, database),
  };
}
