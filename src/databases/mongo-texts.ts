import type { Document } from 'mongodb';
import { DepotError } from '../errors.js';
import type { MongoConnection } from '../mongodb/connect.js';
import { isCursorLost } from '../mongodb/errors.js';
import type { KeyValue, Position, Table, TextQuery, TextRow } from './database.js';
import type { MongoTable } from './mongo-collections.js';
import {
  anyField,
  type FieldPath,
  fieldName,
  textOf,
  textsOf,
  valueAt,
  whyUnchangeable,
} from './mongo-fields.js';
import { behind, isUnknownType } from './mongo-order.js';
import { decodeId, encodeId, type Fields, idText, readFields } from './mongo-values.js';

/** Characters of text after which a page ends early, whatever its number of rows. */
const pageCharacters = 8 * 1024 * 1024;

/** The fewest documents that the server sends at a time, where there are as many. */
const fewest = 100;

export interface MongoReader {
  texts(query: TextQuery): Promise<TextRow[]>;
  textAt(table: Table, position: Position): Promise<string | null>;
  /** The documents of these positions that are there, by the first part of the position in hex. */
  documents(table: Table, positions: readonly Position[]): Promise<Map<string, Fields>>;
}

/** Reads documents in the order of their identifiers, whatever the types of those. */
export function openReader({ database, request }: MongoConnection, name: string): MongoReader {
  const what = `cannot read documents in ${name}`;
  let knowsMaxKey = true;

  const page = async (query: TextQuery): Promise<TextRow[]> => {
    const after = query.after === undefined ? null : decodeId(query.after[0] as Uint8Array);
    const filter = query.after === undefined ? {} : behind(after, knowsMaxKey);
    const rows: TextRow[] = [];
    let characters = 0;
    const batchSize = Math.max(query.limit, fewest);
    const found = database
      .collection(query.table.name)
      .find(filter, { raw: true, sort: { _id: 1 }, batchSize });
    for await (const bytes of found as AsyncIterable<unknown>) {
      for (const row of rowsOf(readFields(bytes as Buffer), query)) {
        rows.push(row);
        characters += row.text.length;
      }
      if (rows.length >= query.limit || characters > pageCharacters) break;
    }
    return rows;
  };

  const documents: MongoReader['documents'] = (table, positions) =>
    request(what, async () => {
      const distinct = new Map(positions.map(([id]) => [idKey(id ?? null), id as Uint8Array]));
      const ids = [...distinct.values()].map(decodeId);
      const filter: Document = ids.length === 1 ? { _id: { $eq: ids[0] } } : { _id: { $in: ids } };
      const found = database.collection(table.name).find(filter, { raw: true });
      const documents = new Map<string, Fields>();
      for await (const bytes of found as AsyncIterable<unknown>) {
        const document = readFields(bytes as Buffer);
        documents.set(idKey(encodeId(document.get('_id') ?? null)), document);
      }
      return documents;
    });

  return {
    documents,
    texts(query) {
      if (query.where !== undefined) {
        throw new DepotError('failed', `${name} is a MongoDB database, which knows no SQL`);
      }
      return request(what, () =>
        page(query).catch((error: unknown) => {
          if (isUnknownType(error)) knowsMaxKey = false;
          else if (!isCursorLost(error)) throw error;
          return page(query);
        }),
      );
    },
    async textAt(table, position) {
      const document = (await documents(table, [position])).get(idKey(position[0] ?? null));
      const path = pathOf(position);
      const value = document === undefined || path === null ? undefined : valueAt(document, path);
      return value === undefined || path === null ? null : textOf(value, path);
    },
  };
}

function* rowsOf(document: Fields, { table, column, containing }: TextQuery): Generator<TextRow> {
  const { isFiles, isTimeSeries } = table as MongoTable;
  const id = document.get('_id') ?? null;
  const encoded = encodeId(id);
  for (const found of textsOf(document)) {
    const { path, text } = found;
    const name = fieldName(path);
    if (column !== anyField && column !== name) continue;
    if (containing !== undefined && !text.includes(containing)) continue;
    if (isFiles && path?.[0] === '_id') continue;
    yield {
      position: [encoded, JSON.stringify(path)],
      key: [['_id', idText(id)]],
      text,
      column: name,
      ...unchangeable(isTimeSeries ? 'its collection is a time series' : whyUnchangeable(found)),
    };
  }
}

function unchangeable(why: string | null): Pick<TextRow, 'unchangeable'> {
  return why === null ? {} : { unchangeable: why };
}

export function pathOf([, path]: Position): FieldPath | null {
  return JSON.parse(path as string) as FieldPath | null;
}

export function idKey(encoded: KeyValue): string {
  return Buffer.from(encoded as Uint8Array).toString('hex');
}
