import type { Document } from 'mongodb';
import type { MongoConnection } from '../mongodb/connect.js';
import type { Table } from './database.js';
import { anyField } from './mongo-fields.js';
import { lockCollection } from './mongo-lock.js';

/** A collection, as a table whose rows are texts in its documents. */
export interface MongoTable extends Table {
  /** What makes the comparison of texts exact. */
  readonly comparison: Document;
  /** Its documents are the files of a GridFS: their identifiers are blobs', and no mentions. */
  readonly isFiles: boolean;
  /** Its documents can only be added. */
  readonly isTimeSeries: boolean;
}

/** The application's collections. A view shows what others hold; chunks are bytes of blobs. */
export async function readCollections(
  { database, request }: MongoConnection,
  name: string,
): Promise<MongoTable[]> {
  const all = await request(`cannot list the collections of ${name}`, () =>
    database.listCollections().toArray(),
  );
  const names = new Set(all.map((one) => one.name));
  const isChunks = (one: string): boolean =>
    one.endsWith('.chunks') && names.has(one.replace(/chunks$/, 'files'));
  return all
    .filter((one) => one.type !== 'view' && !one.name.startsWith('system.'))
    .filter((one) => one.name !== lockCollection && !isChunks(one.name))
    .map((one) => tableOf(one.name, one.type, 'options' in one ? one.options : undefined))
    .sort((one, other) => (one.name < other.name ? -1 : 1));
}

function tableOf(name: string, type: string | undefined, options: Document = {}): MongoTable {
  return {
    name,
    columns: [{ name: anyField, maxLength: null, holdsText: true }],
    primaryKey: ['_id'],
    isOpen: true,
    isTimeSeries: type === 'timeseries',
    comparison: 'collation' in options ? { collation: { locale: 'simple' } } : {},
    isFiles: name.endsWith('.files'),
  };
}
