import {
  type ChangeSet,
  ChangeSetType,
  type EntityManager,
  type EntityProperty,
  type EventArgs,
  type EventSubscriber,
  type TransactionEventArgs,
  type TransformContext,
  Type,
} from '@mikro-orm/core';
import { DepotError } from '../errors.js';
import { UploadedFile } from '../fields/uploaded-file.js';
import type { Manager } from '../manager.js';
import { pathsOf } from './paths.js';
import { UnitOfWork, type UnitOfWorkOptions } from './unit-of-work.js';

/** The length that filedepot gives a column, in characters. */
const defaultLength = 4000;

/** A column with a reference: `p.type(UploadedFileType)`, or of a type of the application's own. */
export class UploadedFileType extends Type<UploadedFile | null, string | null> {
  readonly #type: typeof UploadedFile;

  constructor(type: typeof UploadedFile = UploadedFile) {
    super();
    this.#type = type;
  }

  override convertToDatabaseValue(
    value: UploadedFile | null,
    _platform: unknown,
    context?: TransformContext,
  ): string | null {
    const given: unknown = value;
    if (given === null || given === undefined) return null;
    if (given instanceof UploadedFile) return given.encode();
    // A condition such as `{ $like: '%"filename": "a.txt"%' }`.
    if (context?.fromQuery === true && typeof given === 'string') return given;
    throw new DepotError('usage', `${typeof given} is no UploadedFile`);
  }

  override convertToJSValue(text: string | null): UploadedFile | null {
    // Python writes an empty text where there is no file, too.
    return text ? this.#type.decode(text) : null;
  }

  override getColumnType({ length }: EntityProperty): string {
    return `varchar(${length ?? defaultLength})`;
  }
}

/** What a row had in the columns with references, by their properties. */
type Texts = Readonly<Record<string, unknown>>;

/**
 * Deletes files together with rows: those of new rows when their transaction is rolled back, those
 * of deleted and changed ones when it has been committed. It goes into the `subscribers` of
 * MikroORM's configuration.
 */
export class FileSubscriber implements EventSubscriber {
  readonly #free: UnitOfWork;
  /** By transaction. */
  readonly #units = new WeakMap<object, UnitOfWork>();
  /** The unit that a transaction which an entity manager begins is within. */
  readonly #outer = new WeakMap<EntityManager, UnitOfWork>();
  readonly #committing = new WeakSet<UnitOfWork>();

  constructor(manager: Manager, options: UnitOfWorkOptions = {}) {
    this.#free = new UnitOfWork(manager, options);
  }

  /** Where files are to be stored that this entity manager writes rows for. */
  unit(em: EntityManager): UnitOfWork {
    return this.#unitOf(em) ?? this.#free;
  }

  #unitOf(em: EntityManager): UnitOfWork | undefined {
    const transaction: object | undefined = em.getTransactionContext();
    return transaction && this.#units.get(transaction);
  }

  beforeTransactionStart({ em, transaction }: TransactionEventArgs): void {
    const outer = transaction && this.#units.get(transaction);
    if (outer === undefined) this.#outer.delete(em);
    else this.#outer.set(em, outer);
  }

  afterTransactionStart({ em, transaction }: TransactionEventArgs): void {
    if (transaction === undefined) return;
    this.#units.set(transaction, this.#outer.get(em)?.begin() ?? this.#free.beside());
  }

  beforeTransactionCommit({ transaction }: TransactionEventArgs): void {
    const unit = transaction && this.#units.get(transaction);
    if (unit !== undefined) this.#committing.add(unit);
  }

  async afterTransactionCommit({ transaction }: TransactionEventArgs): Promise<void> {
    await this.#end(transaction)?.commit();
  }

  async afterTransactionRollback({ transaction }: TransactionEventArgs): Promise<void> {
    const unit = this.#end(transaction);
    if (unit === undefined) return;
    // The database may have made a commit that failed.
    if (this.#committing.has(unit)) unit.abandon();
    else await unit.rollback();
  }

  #end(transaction: object | undefined): UnitOfWork | undefined {
    if (transaction === undefined) return undefined;
    const unit = this.#units.get(transaction);
    this.#units.delete(transaction);
    return unit;
  }

  beforeCreate(args: EventArgs<unknown>): Promise<void> {
    return this.#tell(args);
  }

  beforeUpdate(args: EventArgs<unknown>): Promise<void> {
    return this.#tell(args);
  }

  beforeDelete(args: EventArgs<unknown>): Promise<void> {
    return this.#tell(args);
  }

  async #tell({ em, changeSet }: EventArgs<unknown>): Promise<void> {
    // Without a transaction nobody hears how it ends: what no row names is left to gc.
    const unit = this.#unitOf(em);
    if (changeSet === undefined || unit === undefined) return;
    const names = changedColumns(changeSet);
    if (names.length === 0) return;
    const before = await textsBefore(em, changeSet, names);
    const after: Texts = changeSet.payload;
    await unit.replace(
      names.flatMap((name) => pathsOf(before[name])),
      names.flatMap((name) => pathsOf(after[name])),
    );
  }
}

/** What the row has in these columns; the entity may have been loaded without them. */
async function textsBefore(
  em: EntityManager,
  changeSet: ChangeSet<object>,
  names: readonly string[],
): Promise<Texts> {
  if (changeSet.type === ChangeSetType.CREATE) return {};
  const known: Texts = changeSet.originalEntity ?? {};
  if (names.every((name) => name in known)) return known;
  const where = changeSet.getPrimaryKey(true);
  const options = { fields: names, ctx: em.getTransactionContext() };
  const row = await em.getDriver().findOne(changeSet.meta.class, where as never, options as never);
  return row ?? {};
}

/** The properties with references that this changes. */
function changedColumns({ meta, type, payload }: ChangeSet<object>): string[] {
  const deleted = type === ChangeSetType.DELETE || type === ChangeSetType.DELETE_EARLY;
  return meta.props
    .filter(
      ({ name, customType }) =>
        customType instanceof UploadedFileType && (deleted || name in payload),
    )
    .map(({ name }) => name);
}
