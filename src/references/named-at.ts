import type { Database } from '../databases/database.js';
import { allTexts } from './all-texts.js';
import { rowName } from './columns.js';
import { isOdd, mentionKey, mentionKeys, readings } from './mentions.js';

/** The rows, such as `files.data id=7`, whose texts name each of some blobs, in any spelling. */
export async function namedAt(
  databases: readonly Database[],
  ids: readonly string[],
  signal: AbortSignal,
): Promise<Map<string, string[]>> {
  const found = new Map(ids.map((id) => [id, [] as string[]]));
  for (const database of databases) {
    for await (const { column, rows } of allTexts(database, { bytes: true })) {
      if (signal.aborted) return found;
      for (const row of rows) {
        const named = mentionsOf(row.text);
        for (const [id, places] of found) if (named(id)) places.push(rowName(column, row));
      }
    }
  }
  return found;
}

/** A test of whether a text names an identifier. */
function mentionsOf(text: string): (id: string) => boolean {
  const all = [...readings(text)];
  const keys = new Set(all.flatMap((reading) => [...mentionKeys(reading)]));
  return (id) => {
    const key = mentionKey(id);
    if (key !== null && keys.has(key)) return true;
    return isOdd(id) && all.some((reading) => reading.toUpperCase().includes(id.toUpperCase()));
  };
}
