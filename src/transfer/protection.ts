import Sqlite from 'better-sqlite3';
import type { Database, Table } from '../databases/database.js';
import { DepotError } from '../errors.js';
import { pages, rowName, textColumns } from '../references/columns.js';
import { literalMentions, mentionKey, mentionKeys } from '../references/mentions.js';
import { formatReferenceText, parseReferenceText } from '../references/reference.js';
import { type Relocation, relocate, sourceIds } from '../references/relocate.js';
import type { Storage } from '../storage.js';

/** A blob of the source that a reference names in the target now. */
export interface MovedBlob {
  readonly id: string;
  readonly targetId: string;
  /** Where the source's blob is mentioned all the same, such as `documents.body id=4`; or null. */
  readonly mention: string | null;
}

export interface ProtectionOptions {
  readonly source: Storage;
  readonly target: Storage;
  /** The target's name and its aliases. */
  readonly targetNames: readonly string[];
  /** Every database that may name blobs. */
  readonly databases: readonly Database[];
  readonly signal: AbortSignal;
}

/**
 * Looks for every blob of the source in every text of every database. A blob is protected by any
 * occurrence of its identifier, in any spelling, except in references that name the target. The
 * findings are kept in a temporary file, not in memory.
 *
 * Fails with `refused` for a database without any reference: it is hardly the right one.
 */
export async function findMoved(
  options: ProtectionOptions,
): Promise<{ blobs: Iterable<MovedBlob>; close(): void }> {
  const { source, target, databases, signal } = options;
  const findings = openFindings();
  for await (const id of source.list()) findings.add(id, target.idFor(id));
  for (const database of databases) {
    const references = await scan(database, options, findings);
    signal.throwIfAborted();
    if (references === 0) {
      throw new DepotError(
        'refused',
        `nothing is deleted: no reference at all is found in ${database.name}`,
        {
          hint: 'Is it the right database? See sqlalchemy.url, and databases in [depot].',
        },
      );
    }
  }
  return findings;
}

/** Records what every text of a database mentions; returns the number of references in it. */
async function scan(
  database: Database,
  { target, targetNames, signal }: ProtectionOptions,
  findings: Findings,
): Promise<number> {
  const erase = eraserOf(target, targetNames);
  let references = 0;
  const tables = (await database.tables()).map(withoutBlobIndex);
  for (const column of textColumns(database, tables)) {
    for await (const page of pages(column)) {
      if (signal.aborted) return references;
      findings.record(() => {
        for (const row of page) {
          const parsed = parseReferenceText(row.text);
          references += parsed?.references.length ?? 0;
          for (const reference of parsed?.references ?? []) {
            for (const id of sourceIds(reference, erase.sources)) findings.moved(id);
          }
          const rest =
            parsed === null
              ? row.text
              : formatReferenceText(parsed, (reference) => relocate(reference, erase));
          findings.mentioned(rest, rowName(column, row));
        }
      });
    }
  }
  return references;
}

/** Takes the target's own blobs out of a reference, so that what is left mentions other places. */
function eraserOf(target: Storage, targetNames: readonly string[]): Relocation {
  return {
    sources: new Set(targetNames),
    target: '',
    mountpoint: '',
    idFor: () => '',
    sourceUrl: (id) => target.publicUrl(id),
    targetUrl: () => null,
  };
}

/** `blobs.file_id` is where Kotti keeps a blob, not a mention of it. */
function withoutBlobIndex(table: Table): Table {
  const names = new Set(table.columns.map(({ name }) => name));
  if (table.name !== 'blobs' || !names.has('file_id') || !names.has('data')) return table;
  const columns = table.columns.filter(({ name }) => name !== 'file_id' && name !== 'data');
  return { ...table, columns };
}

interface Findings {
  add(id: string, targetId: string): void;
  /** Runs several of the following in one transaction. */
  record(action: () => void): void;
  moved(targetId: string): void;
  mentioned(text: string, where: string): void;
  readonly blobs: Iterable<MovedBlob>;
  close(): void;
}

function openFindings(): Findings {
  // An empty name is a temporary file that SQLite removes itself.
  const handle = new Sqlite('');
  handle.exec(`
    CREATE TABLE blobs (id TEXT PRIMARY KEY, targetId TEXT, key TEXT, moved INTEGER DEFAULT 0, mention TEXT);
    CREATE INDEX blobs_by_key ON blobs (key);
    CREATE INDEX blobs_by_target ON blobs (targetId);`);
  const insert = handle.prepare('INSERT OR IGNORE INTO blobs (id, targetId, key) VALUES (?, ?, ?)');
  const markMoved = handle.prepare('UPDATE blobs SET moved = 1 WHERE targetId = ?');
  const markKey = handle.prepare('UPDATE blobs SET mention = ? WHERE key = ? AND mention IS NULL');
  const markId = handle.prepare('UPDATE blobs SET mention = ? WHERE id = ? AND mention IS NULL');
  const literals = new Map<string, string>();
  return {
    add(id, targetId) {
      insert.run(id, targetId, mentionKey(id));
      for (const literal of literalMentions(id)) literals.set(literal, id);
    },
    record: (action) => handle.transaction(action)(),
    moved: (targetId) => void markMoved.run(targetId),
    mentioned(text, where) {
      for (const key of mentionKeys(text)) markKey.run(where, key);
      if (literals.size === 0) return;
      const lower = text.toLowerCase();
      for (const [literal, id] of literals) if (lower.includes(literal)) markId.run(where, id);
    },
    blobs: {
      [Symbol.iterator]: () =>
        handle
          .prepare<[], MovedBlob>('SELECT id, targetId, mention FROM blobs WHERE moved = 1')
          .iterate(),
    },
    close: () => void handle.close(),
  };
}
