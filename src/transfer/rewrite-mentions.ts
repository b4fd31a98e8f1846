import pMap from 'p-map';
import type { Database, TextRow } from '../databases/database.js';
import { allTexts } from '../references/all-texts.js';
import { type ReferenceColumn, rowName } from '../references/columns.js';
import { type BlobFinder, blobFinder, type NamedBlob } from '../references/named-blobs.js';
import { rewriteText } from '../references/rewrite-text.js';
import type { CopyOptions } from './copy-blob.js';
import type { IdentifierSet } from './identifier-set.js';
import { looseFinder } from './loose-mentions.js';
import { findReferenced, whyNotMoved } from './moved-blobs.js';
import type { Counts, Observer } from './report.js';
import {
  asStored,
  changeEach,
  obstacleTo,
  ownAttempts,
  type RowChange,
  readAgain,
  recordOf,
} from './row-change.js';
import type { State } from './state.js';

export interface MentionOptions {
  readonly copyOptions: CopyOptions;
  /** Each storage's name and its aliases. */
  readonly sourceNames: ReadonlySet<string>;
  readonly targetNames: ReadonlySet<string>;
  /** Where the application serves blobs, such as `/depot`. */
  readonly mountpoint: string;
  /** Every database that may name blobs. */
  readonly databases: readonly Database[];
  readonly state: State;
  readonly counts: Counts;
  readonly observer: Observer;
  readonly signal: AbortSignal;
  /** Reads everything and writes nothing. */
  readonly dryRun: boolean;
  /** Blobs looked up at once. */
  readonly concurrency: number;
  /** The target's identifiers of what moved in this run, or would; added to. */
  readonly moved: IdentifierSet;
}

interface MentionContext extends MentionOptions {
  readonly find: BlobFinder;
  /** Other ways in which a text names a blob in the source. */
  readonly findLoose: (text: string) => ReadonlySet<string>;
  readonly tally: { rewritten: number; left: number };
  /** What was found out of late: the same blob may be mentioned on every page. */
  readonly judged: Map<string, string | null>;
}

/** A row whose text is to change, and how many mentions change in it. */
interface Change extends RowChange {
  readonly mentions: number;
}

/** Why mentions of these blobs stay as they are; null: they need not. */
type Verdicts = ReadonlyMap<string, string | null>;

/**
 * Rewrites, in every text of every database, the paths and URLs of the source's blobs that
 * references name in the target now: page by page, by compare-and-set, each change noted in the
 * state before. What cannot be rewritten is reported and stays.
 */
export async function rewriteMentions(options: MentionOptions): Promise<void> {
  const { copyOptions, databases, sourceNames, targetNames, counts, signal, moved } = options;
  const { source, target } = copyOptions;
  const tally = { rewritten: 0, left: 0 };
  counts.mentions = tally;
  await findReferenced(databases, targetNames, moved, signal);
  const publicUrl = (id: string): string | null => source.publicUrl(id);
  const context: MentionContext = {
    ...options,
    find: blobFinder({ names: sourceNames, mountpoint: options.mountpoint, publicUrl }),
    findLoose: looseFinder({ source, target, sourceNames, there: moved }),
    tally,
    judged: new Map(),
  };
  // What all of them hold lets the database, or a short look, skip the others.
  const marks = [...sourceNames, ...hostOf(publicUrl(someId))];
  const [mark, ...others] = marks;
  const filter = mark === undefined || others.length > 0 ? {} : { containing: mark };
  for (const database of databases) {
    for await (const { column, rows } of allTexts(database, filter)) {
      if (signal.aborted) return;
      const marked = rows.filter(({ text }) => marks.some((one) => text.includes(one)));
      await rewritePage(column, marked, context);
    }
  }
}

/** Any, to ask whether a storage has public URLs at all. */
const someId = 'f8fd9e46-e6ef-11f1-b551-02fc00000001';

/** The part of a public URL that no encoding changes. */
function hostOf(url: string | null): string[] {
  const host = /^\w+:\/\/([\w.-]+)/.exec(url ?? '')?.[1];
  return host === undefined ? [] : [host];
}

async function rewritePage(
  column: ReferenceColumn,
  rows: readonly TextRow[],
  context: MentionContext,
): Promise<void> {
  const reported = new Set<string>();
  let waiting = rows;
  for (let attempt = 1; waiting.length > 0; attempt += 1) {
    const verdicts = await judge(waiting, context);
    const changes = waiting.flatMap((row) => planRow(column, row, { verdicts, reported }, context));
    const lost = await changeRows(column, changes, context);
    if (attempt === ownAttempts) {
      for (const { row } of lost) {
        const message = `another process kept changing it; it was read ${ownAttempts} times`;
        leave(rowName(column, row), null, message, context);
      }
      return;
    }
    waiting = await readAgain(column, lost);
  }
}

/** Verdicts that are kept. */
const mostJudged = 10_000;

/** Looks up the moved blobs that these rows mention. */
async function judge(rows: readonly TextRow[], context: MentionContext): Promise<Verdicts> {
  const { copyOptions, find, findLoose, moved, judged, concurrency } = context;
  if (judged.size > mostJudged) judged.clear();
  const named = rows.flatMap(({ text }) => find(text).map(({ id }) => id));
  const ids = named.filter((id) => moved.has(copyOptions.target.idFor(id)));
  const loose = rows.flatMap(({ text }) => [...findLoose(text)]);
  const verdicts = new Map<string, string | null>();
  const judgeOne = async (id: string): Promise<void> => {
    const known = judged.get(id);
    const verdict = known === undefined ? await whyNotMoved(id, context) : known;
    verdicts.set(id, verdict);
    judged.set(id, verdict);
  };
  await pMap(new Set([...ids, ...loose]), judgeOne, { concurrency });
  return verdicts;
}

function planRow(
  column: ReferenceColumn,
  row: TextRow,
  { verdicts, reported }: { verdicts: Verdicts; reported: Set<string> },
  context: MentionContext,
): Change[] {
  const { find, findLoose, sourceNames } = context;
  const rename = (name: NamedBlob): string | null =>
    verdicts.get(name.id) === null ? renamed(name, context) : null;
  const { text: after, count } = rewriteText(row.text, find, sourceNames, rename);
  const obstacle = count === 0 ? null : obstacleTo(column, row, after);
  for (const id of findLoose(obstacle === null ? after : row.text)) {
    const where = rowName(column, row);
    if (reported.has(`${id} ${where}`)) continue;
    reported.add(`${id} ${where}`);
    leave(where, id, obstacle ?? verdicts.get(id) ?? unclear, context);
  }
  return count === 0 || obstacle !== null ? [] : [{ row, after, mentions: count }];
}

const unclear =
  'it stands there neither as a path nor as a URL below the mountpoint, see mountpoint in [depot]';

/** What stands there once the blob has moved; null where that cannot be written. */
export function renamed(
  name: NamedBlob,
  { copyOptions, mountpoint }: Pick<MentionOptions, 'copyOptions' | 'mountpoint'>,
): string | null {
  const { target } = copyOptions;
  const id = target.idFor(name.id);
  const url = target.publicUrl(id) ?? `${mountpoint}/${target.name}/${id}`;
  return name.renamed({ storage: target.name, id, url });
}

/** Changes the rows in one transaction; returns those that somebody else had changed before. */
async function changeRows(
  column: ReferenceColumn,
  planned: readonly Change[],
  context: MentionContext,
): Promise<readonly Change[]> {
  const { state, tally, counts, observer, dryRun } = context;
  const changes = await asStored(column, planned);
  if (changes.length === 0) return [];
  if (dryRun) {
    for (const { mentions } of changes) tally.rewritten += mentions;
    return [];
  }
  const records = changes.map((change) => ({
    ...recordOf(column, change),
    mentions: change.mentions,
  }));
  state.recordIntent(records);
  const { made, lost, refused } = await changeEach(column, changes);
  for (const { mentions } of changes.filter((_, index) => made[index])) tally.rewritten += mentions;
  for (const { change, why } of refused) leave(rowName(column, change.row), null, why, context);
  state.recordDone(records, made);
  observer.progress(counts);
  return lost;
}

function leave(
  where: string,
  id: string | null,
  reason: string,
  { copyOptions, tally, observer }: MentionContext,
): void {
  tally.left += 1;
  const path = id === null ? null : copyOptions.source.path(id);
  const message = path === null ? `not rewritten: ${reason}` : `not rewritten, ${path}: ${reason}`;
  observer.problem({ kind: 'mention-left', reference: where, path, message });
}
