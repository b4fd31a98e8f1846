import { type Document, MongoServerError } from 'mongodb';
import pMap from 'p-map';
import { DepotError } from '../errors.js';
import type { MongoConnection } from '../mongodb/connect.js';
import { parseJson } from '../python/json.js';
import type { TextChange } from './database.js';
import type { MongoTable } from './mongo-collections.js';
import {
  differences,
  type FieldPath,
  type FieldText,
  fieldName,
  textOf,
  textsOf,
  updatePath,
  valueAt,
  whyUnchangeable,
} from './mongo-fields.js';
import { idKey, type MongoReader, pathOf } from './mongo-texts.js';
import type { Fields, Value } from './mongo-values.js';

/** Documents changed at once. */
const concurrency = 16;

/** How often a text is looked for that moves about in its document. */
const attempts = 5;

/** The code of an update whose path leads through a value that has no such field any more. */
const pathNotViable = 28;

/**
 * Compare-and-set of texts in documents: strings are set where the whole text, with all its types
 * and the order of its keys, still is as it was. A text that has moved within a list is followed.
 * The changes of one document are made in their order.
 */
export async function changeDocuments(
  connection: MongoConnection,
  reader: MongoReader,
  changes: readonly TextChange[],
): Promise<boolean[]> {
  const made = changes.map(() => false);
  const byTable = Map.groupBy(changes.keys(), (index) => (changes[index] as TextChange).table.name);
  for (const indexes of byTable.values()) {
    const [first] = indexes as [number];
    const { table } = changes[first] as TextChange;
    const positions = indexes.map((index) => (changes[index] as TextChange).position);
    const documents = await reader.documents(table, positions);
    const byDocument = Map.groupBy(indexes, (index) =>
      idKey((changes[index] as TextChange).position[0] ?? null),
    );
    await pMap(
      byDocument,
      async ([key, own]) => {
        for (const index of own) {
          const change = changes[index] as TextChange;
          made[index] = await changeText(connection, reader, change, documents.get(key));
        }
      },
      { concurrency },
    );
  }
  return made;
}

/** `known` is the document as it was read a moment ago. */
async function changeText(
  connection: MongoConnection,
  reader: MongoReader,
  change: TextChange,
  known: Fields | undefined,
): Promise<boolean> {
  const sent = { again: false };
  let document = known;
  for (let attempt = 1; document !== undefined; attempt += 1) {
    const found = find(document, change, change.before);
    if (found !== null && whyUnchangeable(found) !== null) return false;
    if (found !== null && (await update(connection, change, found, document, sent))) return true;
    if (attempt > 1 && found === null) break;
    if (attempt === attempts) break;
    const read = await reader.documents(change.table, [change.position]);
    document = read.get(idKey(change.position[0] ?? null));
  }
  // Sent twice, it may have been made the first time.
  return sent.again && document !== undefined && find(document, change, change.after) !== null;
}

/** Where a text of the column stands: best where it stood, else anywhere in the document. */
function find(document: Fields, { position }: TextChange, text: string): FieldText | null {
  const path = pathOf(position);
  if (path === null) return null;
  const value = valueAt(document, path);
  if (value !== undefined && textOf(value, path) === text) return { path, value, text };
  const name = fieldName(path);
  for (const one of textsOf(document)) {
    if (one.text === text && one.path !== null && fieldName(one.path) === name) return one;
  }
  return null;
}

async function update(
  { database, request }: MongoConnection,
  { table, after }: TextChange,
  { path, value }: FieldText,
  document: Fields,
  sent: { again: boolean },
): Promise<boolean> {
  const where = path as FieldPath;
  const set = differences(value, where, after, parseJson);
  if (set === null) {
    throw new DepotError(
      'failed',
      `cannot change ${table.name}.${fieldName(path)}: only strings can be changed in it`,
    );
  }
  if (set.size === 0) return true;
  const filter = { _id: { $eq: document.get('_id') }, ...conditionsOf(value, where) } as Document;
  const what = `cannot change documents in ${table.name} of the database ${database.databaseName}`;
  return request(what, async (earlier) => {
    sent.again ||= earlier > 0;
    try {
      const { comparison } = table as MongoTable;
      const update = { $set: Object.fromEntries(set) };
      const result = await database.collection(table.name).updateOne(filter, update, comparison);
      return result.matchedCount === 1;
    } catch (error) {
      if (error instanceof MongoServerError && error.code === pathNotViable) return false;
      throw error;
    }
  });
}

/** What must be there for a value to be unchanged. */
function conditionsOf(value: Value, path: FieldPath): Document {
  if (path.length === 0) {
    const fields = [...(value as Fields)].filter(([name]) => name !== '_id');
    return Object.fromEntries(fields.map(([name, part]) => [name, { $eq: part }]));
  }
  // A list that holds the string would match too.
  const list = typeof value === 'string' ? { $not: { $type: 'array' } } : {};
  return { [updatePath(path)]: { $eq: value, ...list } };
}
