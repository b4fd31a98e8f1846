import mongoose, {
  type ClientSession,
  type Connection,
  type Document,
  type Model,
  type Query,
  type Schema,
} from 'mongoose';
import { messageOf } from '../errors.js';
import type { Manager } from '../manager.js';
import { filesAt, filesWithin, referencePaths } from './mongoose-type.js';
import { UnitOfWork, type UnitOfWorkOptions } from './unit-of-work.js';

export { UploadedFileType } from './mongoose-type.js';

/** What a write is about to change. */
interface Target {
  readonly model: Model<unknown>;
  readonly session: ClientSession | null;
  /** Of the documents; null where they are new. */
  readonly filter: object | null;
  readonly many: boolean;
  /** It may make a new document, of which nobody tells the identifier. */
  readonly upsert: boolean;
  readonly sort: object | undefined;
  /** Where the references are that it may change, such as `pages.file`. */
  readonly paths: readonly string[];
  /** The files that it writes, by their paths `storage/id`. */
  readonly after: readonly string[];
}

/** A write on its way. */
interface Write {
  readonly unit: UnitOfWork;
  /** The unit is this write's alone: no transaction is around it. */
  readonly alone: boolean;
  readonly target: Target;
  readonly ids: readonly unknown[];
  /** The files that the documents named before it. */
  readonly before: readonly string[];
}

const queries = [
  ...(['updateOne', 'updateMany', 'replaceOne', 'deleteOne', 'deleteMany'] as const),
  ...(['findOneAndUpdate', 'findOneAndReplace', 'findOneAndDelete'] as const),
];

/**
 * Deletes files together with documents: those of changed and deleted ones once that is written for
 * good, those of new ones where it is not. `plugin` goes into the schemas.
 */
export class FilePlugin {
  readonly #free: UnitOfWork;
  readonly #notice: (text: string) => void;
  readonly #units = new WeakMap<ClientSession, UnitOfWork>();
  readonly #writes = new WeakMap<object, Write>();

  constructor(manager: Manager, options: UnitOfWorkOptions = {}) {
    this.#free = new UnitOfWork(manager, options);
    this.#notice = options.notice ?? (() => {});
  }

  /** Where files are to be stored: in a transaction that `transaction` began, or outside of any. */
  unit(session?: ClientSession): UnitOfWork {
    return (session && this.#units.get(session)) ?? this.#free;
  }

  /** Runs `work` in a transaction, as `connection.transaction` does: again, where it has to. */
  async transaction<T>(
    connection: Connection,
    work: (session: ClientSession) => Promise<T>,
  ): Promise<T> {
    let unit = this.#free.beside();
    let begun = false;
    let worked = false;
    const attempt = async (session: ClientSession): Promise<T> => {
      if (begun) await unit.rollback();
      [unit, begun, worked] = [this.#free.beside(), true, false];
      this.#units.set(session, unit);
      const result = await work(session);
      worked = true;
      return result;
    };
    try {
      const result = await connection.transaction(attempt);
      await unit.commit();
      return result as T;
    } catch (error) {
      // The database may have made a commit that failed.
      if (worked) unit.abandon();
      else await unit.rollback();
      throw error;
    }
  }

  readonly plugin = (schema: Schema): void => {
    const references = referencePaths(schema);
    const begin = (key: object, target: Target): Promise<void> => this.#begin(key, target);
    const end = (key: object): Promise<void> => this.#end(key);
    const fail = (key: object, error: unknown): Promise<void> => this.#fail(key, error);

    const ofDocument = { document: true, query: false } as const;
    schema.pre('save', async function () {
      await begin(this, saved(this as Document, references));
    });
    schema.pre('deleteOne', ofDocument, async function () {
      await begin(this, { ...target(this as Document), paths: references, after: [] });
    });
    const ofQuery = { document: false, query: true } as const;
    for (const name of queries as readonly 'updateOne'[]) {
      schema.pre(name, ofQuery, async function () {
        await begin(this, targetOfQuery(this, name, references));
      });
    }
    const writes = [
      ...(['save', 'deleteOne'] as const).map((name) => ({ name, which: ofDocument })),
      ...queries.map((name) => ({ name, which: ofQuery })),
    ];
    for (const { name, which } of writes) {
      // The overloads know no name that may be several.
      const [one, options] = [name as 'updateOne', which as typeof ofQuery];
      schema.post(one, options, async function () {
        await end(this);
      });
      schema.post(one, { ...options, errorHandler: true }, async function (error) {
        await fail(this, error);
      });
    }
  };

  async #begin(key: object, target: Target): Promise<void> {
    const { session, paths, after } = target;
    if (paths.length === 0) return;
    const around = session === null ? undefined : this.#units.get(session);
    // Nobody hears how a transaction of somebody else ends: what no document names is left to gc.
    if (around === undefined && session?.inTransaction() === true) return;
    const documents = await find(target);
    const before = filesAt(documents, paths);
    const unit = around ?? this.#free.beside();
    const ids = key instanceof mongoose.Document ? [key._id] : documents.map(({ _id }) => _id);
    this.#writes.set(key, { unit, alone: around === undefined, target, ids, before });
    await unit.replace(before, [...before, ...after]);
  }

  async #end(key: object): Promise<void> {
    const write = this.#take(key);
    if (write !== undefined) await this.#settle(write, write.before);
  }

  /** The write may have been made all the same: a hook behind it may have failed. */
  async #fail(key: object, error: unknown): Promise<void> {
    const write = this.#take(key);
    if (write === undefined || !write.alone) return;
    const { before, target } = write;
    if (isUnknown(error) || target.upsert) write.unit.abandon();
    else await this.#settle(write, [...before, ...target.after]);
  }

  /** Looks which of these files the documents name now: others may have written to them, too. */
  async #settle({ unit, alone, target, ids }: Write, files: readonly string[]): Promise<void> {
    try {
      const found = await find({ ...target, filter: { _id: { $in: ids } }, many: true });
      const now = new Set(filesAt(found, target.paths));
      await unit.replace(
        files,
        files.filter((file) => now.has(file)),
      );
    } catch (error) {
      if (!alone) throw error;
      // The write is over, whatever happens here.
      unit.abandon();
      return this.#notice(`cannot tell which files are named no more: ${messageOf(error)}`);
    }
    if (alone) await unit.commit();
  }

  #take(key: object): Write | undefined {
    const write = this.#writes.get(key);
    this.#writes.delete(key);
    return write;
  }
}

function target(document: Document): Omit<Target, 'paths' | 'after'> {
  return {
    model: document.constructor as Model<unknown>,
    session: document.$session() ?? null,
    filter: document.isNew ? null : { _id: document._id },
    ...{ many: false, upsert: false, sort: undefined },
  };
}

/** What saving a document may change: what it does not write others may have changed. */
function saved(document: Document, references: readonly string[]): Target {
  const paths = references.filter(
    (path) => document.isNew || document.isModified(path.split('.')[0] as string),
  );
  const after = filesAt(document.toObject({ depopulate: true }), paths);
  return { ...target(document), paths, after };
}

function targetOfQuery(
  query: Query<unknown, unknown>,
  name: string,
  paths: readonly string[],
): Target {
  const { session = null, upsert = false, sort } = query.getOptions() as Partial<Target>;
  return {
    model: query.model as Model<unknown>,
    ...{ session, upsert, sort, paths },
    filter: query.getFilter(),
    many: name.endsWith('Many'),
    after: filesWithin(query.getUpdate()),
  };
}

/** The documents as the database has them, with their references alone. */
async function find(target: Target): Promise<{ _id: unknown }[]> {
  const { model, session, filter, many, sort, paths } = target;
  if (filter === null) return [];
  const found = model.find(filter, Object.fromEntries(paths.map((path) => [path, 1])));
  if (sort !== undefined) found.sort(sort as never);
  if (!many) found.limit(1);
  return found.session(session).lean<{ _id: unknown }[]>();
}

/** Whether nobody knows what the server has done, as after a lost connection. */
function isUnknown(error: unknown): boolean {
  const { MongoError, MongoServerError, MongoWriteConcernError } = mongoose.mongo;
  if (error instanceof MongoWriteConcernError) return true;
  return error instanceof MongoError && !(error instanceof MongoServerError);
}
