import { openTemporaryDatabase } from './temporary-database.js';

/** A set of identifiers, however many. */
export interface IdentifierSet extends Iterable<string> {
  add(id: string): void;
  has(id: string): boolean;
  readonly size: number;
  close(): void;
}

/** Opens an empty set, for any number of identifiers. */
export function openIdentifiers(): IdentifierSet {
  const handle = openTemporaryDatabase('CREATE TABLE ids (id TEXT PRIMARY KEY) WITHOUT ROWID');
  const insert = handle.prepare('INSERT OR IGNORE INTO ids VALUES (?)');
  const select = handle.prepare<[string], number>('SELECT 1 FROM ids WHERE id = ?').pluck();
  const count = handle.prepare<[], number>('SELECT count(*) FROM ids').pluck();
  const next = handle
    .prepare<[string], string>('SELECT id FROM ids WHERE id > ? ORDER BY id LIMIT 1')
    .pluck();
  return {
    add: (id) => void insert.run(id),
    has: (id) => select.get(id) === 1,
    get size() {
      return count.get() ?? 0;
    },
    *[Symbol.iterator]() {
      for (let id = next.get(''); id !== undefined; id = next.get(id)) yield id;
    },
    close: () => void handle.close(),
  };
}
