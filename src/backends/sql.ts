import type { Backend, BlobInfo, BlobMetadata, Duplicates } from '../backend.js';
import type { BlobColumns, BlobRow, BlobTable, SqlDatabase } from '../databases/database.js';
import { DepotError } from '../errors.js';
import { noPage } from '../listing.js';
import type { ZoneClock } from '../time.js';
import { derivedUuid, newUuid } from './identifiers.js';

/** Rows of the table `blobs` listed at a time. */
const listPage = 500;

/** What Kotti's table has. */
const ownColumns = new Set(
  'id file_id filename content_type content_length last_modified data'.split(' '),
);

/** Characters that `file_id`, and `filename` and `content_type`, take. */
const idLength = 36;
const textLength = 100;

/**
 * Blobs as Kotti's DBFileStorage keeps them: rows of the table `blobs` of the application's own
 * database. `clock` is that of the server that writes them.
 */
export function openSql(database: SqlDatabase, clock: ZoneClock): Backend {
  const { blobs } = database;
  const missing = (id: string): DepotError =>
    new DepotError('not-found', `no blob ${id} in the table blobs of ${database.name}`);
  const damaged = (id: string, why: string): DepotError =>
    new DepotError('damaged', `damaged blob ${id} in the table blobs of ${database.name}: ${why}`);

  const rowsOf = async (id: string): Promise<[BlobRow, ...BlobRow[]]> => {
    const [first, ...more] = await blobs.find(id);
    if (first === undefined) throw missing(id);
    return [first, ...more];
  };
  const columnsOf = (metadata: BlobMetadata): BlobColumns => {
    if (characters(metadata.contentType) > textLength) {
      throw new DepotError(
        'failed',
        `a content type of more than ${textLength} characters does not fit the table blobs`,
      );
    }
    return {
      filename: shortened(metadata.filename),
      contentType: metadata.contentType,
      lastModified: metadata.lastModified === null ? null : clock.format(metadata.lastModified),
    };
  };

  return {
    holdsWholeBlobs: blobs.holdsWholeBlobs,
    reclaim: blobs.reclaim,
    ephemeral: false,
    place: () => database.place(),
    ping: () => blobs.ping(),
    async provision() {
      await blobs.provision();
      return `table blobs of ${database.name}`;
    },
    acceptsId: (id) => id !== '' && characters(id) <= idLength && !id.includes('\0'),
    newId: newUuid,
    idFor: derivedUuid,
    publicUrl: () => null,
    // Of the hour that the clock shows twice, the first comes back.
    keptTime: (time) => clock.parse(clock.format(time)) ?? time,
    localTime: (time) => clock.format(time).slice(0, 'YYYY-MM-DD HH:MM:SS'.length),
    async info(id) {
      const [row] = await rowsOf(id);
      return infoOf(row, clock);
    },
    async read(id, range) {
      const [first, ...more] = await rowsOf(id);
      if (more.length > 0) throw damaged(id, 'several rows have this file_id');
      const found = await blobs.read(first.id);
      // The number of a row that was deleted may be another blob's by now.
      if (found?.row.fileId !== first.fileId) {
        await found?.close();
        throw missing(id);
      }
      const { row, chunks, close } = found;
      if (chunks === null) throw damaged(id, 'its data is null');
      return {
        info: infoOf(row, clock),
        chunks: range === undefined ? chunks : part(chunks, range),
        close,
      };
    },
    ...manyAtOnce(blobs, clock),
    async create(id, source, metadata) {
      const stored = await blobs.insert(id, columnsOf(metadata), source);
      if (stored !== null) return stored;
      throw new DepotError(
        'refused',
        `cannot create ${id}: the table blobs of ${database.name} has it already`,
      );
    },
    async replace(id, source, metadata) {
      const stored = await blobs.update(id, columnsOf(metadata), source);
      if (stored === null) throw missing(id);
      return stored;
    },
    async delete(id) {
      if (!(await blobs.delete(id))) throw missing(id);
    },
    mergeDuplicates: (id, { dryRun }) => mergeRows(database, id, { merge: !dryRun }),
    async *list() {
      let after: number | bigint | null = null;
      while (true) {
        const page: { id: number | bigint; fileId: string }[] = await blobs.page(after, listPage);
        for (const { fileId } of page) yield fileId;
        after = page.at(-1)?.id ?? null;
        if (after === null) return;
      }
    },
    async page(after, count) {
      if (after !== null && !/^-?\d{1,18}$/.test(after)) throw noPage(after);
      const rows = await blobs.page(after === null ? null : BigInt(after), count + 1);
      const ids = rows.slice(0, count).map(({ fileId }) => fileId);
      return { ids, next: rows.length > count ? String(rows[count - 1]?.id) : null };
    },
    close: () => database.close(),
  };
}

/** Rows that an application has given further columns may differ in what only it knows. */
async function mergeRows(
  database: SqlDatabase,
  id: string,
  { merge }: { merge: boolean },
): Promise<Duplicates> {
  const table = (await database.tables()).find(({ name }) => name === 'blobs');
  const further = table?.columns.find(({ name }) => !ownColumns.has(name));
  if (table === undefined || further !== undefined) {
    const obstacle = `its table has a column ${further?.name} that Kotti's has not`;
    return { entries: [], obstacle: table === undefined ? 'its table is not found' : obstacle };
  }
  const { rows, equal } = await database.blobs.duplicates(id, { merge });
  const obstacle = equal ? null : 'its rows differ';
  return { entries: rows.map((number) => `id=${number}`), obstacle };
}

/** Of an identifier in another spelling, or in several rows, the methods for one blob have to tell. */
function manyAtOnce(
  { findMany, readMany }: BlobTable,
  clock: ZoneClock,
): Pick<Backend, 'infos' | 'readMany'> {
  return {
    ...(findMany && {
      async infos(ids) {
        const rows = await findMany(ids);
        return onlyRows(ids, rows, (row) => row).map((row) => infoOf(row, clock));
      },
    }),
    ...(readMany && {
      async readMany(ids) {
        const found = onlyRows(ids, await readMany(ids), ({ row }) => row);
        return found.flatMap(({ row, data }) =>
          data === null ? [] : [{ info: infoOf(row, clock), bytes: data }],
        );
      },
    }),
  };
}

/** What belongs to the only row of its identifier. */
function onlyRows<T>(ids: readonly string[], all: readonly T[], rowOf: (one: T) => BlobRow): T[] {
  const rows = new Map<string, T[]>(ids.map((id) => [id, []]));
  for (const one of all) rows.get(rowOf(one).fileId)?.push(one);
  return [...rows.values()].flatMap((some) => (some.length === 1 ? some : []));
}

function infoOf(row: BlobRow, clock: ZoneClock): BlobInfo {
  return {
    id: row.fileId,
    filename: row.filename ?? 'unnamed',
    contentType: row.contentType ?? 'application/octet-stream',
    contentLength: row.contentLength ?? row.dataLength ?? 0,
    storedLength: row.dataLength,
    lastModified: row.lastModified === null ? null : clock.parse(row.lastModified),
    version: `${row.id}/${row.lastModified}/${row.dataLength}`,
  };
}

async function* part(
  chunks: AsyncIterable<Uint8Array>,
  { start, end }: { start: number; end: number },
): AsyncGenerator<Uint8Array> {
  let position = 0;
  for await (const chunk of chunks) {
    const from = Math.max(start - position, 0);
    const piece = chunk.subarray(from, end + 1 - position);
    position += chunk.byteLength;
    if (piece.byteLength > 0) yield piece;
    if (position > end) return;
  }
}

function characters(text: string): number {
  return [...text].length;
}

/** A name that fits the column, with its suffix kept; the reference keeps the whole name. */
function shortened(filename: string): string {
  const letters = [...filename];
  if (letters.length <= textLength) return filename;
  const suffix = [...(/\.[^./\s]{1,20}$/u.exec(filename)?.[0] ?? '')];
  return [...letters.slice(0, textLength - suffix.length), ...suffix].join('');
}
