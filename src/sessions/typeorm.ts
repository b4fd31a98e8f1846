import type {
  EntityManager,
  EntityMetadata,
  EntitySubscriberInterface,
  InsertEvent,
  ObjectLiteral,
  QueryRunner,
  RemoveEvent,
  TransactionCommitEvent,
  TransactionRollbackEvent,
  TransactionStartEvent,
  UpdateEvent,
  ValueTransformer,
} from 'typeorm';
import { DepotError } from '../errors.js';
import { UploadedFile } from '../fields/uploaded-file.js';
import type { Manager } from '../manager.js';
import { UnitOfWork, type UnitOfWorkOptions } from './unit-of-work.js';

/** For a column with a reference, such as `{ type: 'varchar', length: 4000, transformer }`. */
export class UploadedFileTransformer implements ValueTransformer {
  readonly #type: typeof UploadedFile;

  /** `type`: one of the application's own. */
  constructor(type: typeof UploadedFile = UploadedFile) {
    this.#type = type;
  }

  to(value: unknown): unknown {
    // Texts are those of conditions, such as `Like('%"filename": "a.txt"%')`.
    return value instanceof UploadedFile ? value.encode() : value;
  }

  from(text: string | null): UploadedFile | null {
    // Python writes an empty text where there is no file, too.
    return text ? this.#type.decode(text) : null;
  }
}

/**
 * Deletes files together with rows: those of new rows when their transaction is rolled back, those
 * of deleted and changed ones when it has been committed. It goes into the `subscribers` of a
 * TypeORM data source.
 */
export class FileSubscriber implements EntitySubscriberInterface<ObjectLiteral> {
  readonly #free: UnitOfWork;
  /** By connection: those of its transaction and of the savepoints in it, the innermost last. */
  readonly #units = new WeakMap<QueryRunner, UnitOfWork[]>();
  readonly #committing = new WeakSet<UnitOfWork>();

  constructor(manager: Manager, options: UnitOfWorkOptions = {}) {
    this.#free = new UnitOfWork(manager, options);
  }

  /** Where files are to be stored that this entity manager writes rows for. */
  unit({ queryRunner }: EntityManager): UnitOfWork {
    return this.#unitOf(queryRunner) ?? this.#free;
  }

  #unitOf(queryRunner: QueryRunner | undefined): UnitOfWork | undefined {
    return queryRunner && this.#units.get(queryRunner)?.at(-1);
  }

  afterTransactionStart({ queryRunner }: TransactionStartEvent): void {
    const units = this.#units.get(queryRunner) ?? [];
    const unit = units.at(-1)?.begin() ?? this.#free.beside();
    this.#units.set(queryRunner, [...units, unit]);
  }

  beforeTransactionCommit({ queryRunner }: TransactionCommitEvent): void {
    const unit = this.#unitOf(queryRunner);
    if (unit !== undefined) this.#committing.add(unit);
  }

  async afterTransactionCommit({ queryRunner }: TransactionCommitEvent): Promise<void> {
    await this.#units.get(queryRunner)?.pop()?.commit();
  }

  async afterTransactionRollback({ queryRunner }: TransactionRollbackEvent): Promise<void> {
    const unit = this.#units.get(queryRunner)?.pop();
    if (unit === undefined) return;
    // The database may have made a commit that failed.
    if (this.#committing.has(unit)) unit.abandon();
    else await unit.rollback();
  }

  beforeInsert({ queryRunner, metadata, entity }: InsertEvent<ObjectLiteral>): Promise<void> {
    return this.#tell(queryRunner, metadata, undefined, entity);
  }

  beforeUpdate(event: UpdateEvent<ObjectLiteral>): Promise<void> {
    const { queryRunner, metadata, databaseEntity, entity } = event;
    return this.#tell(queryRunner, metadata, databaseEntity, entity);
  }

  beforeRemove(event: RemoveEvent<ObjectLiteral>): Promise<void> {
    const { queryRunner, metadata, databaseEntity } = event;
    return this.#tell(queryRunner, metadata, databaseEntity, undefined);
  }

  /** `before` and `after` are undefined where there is no row, or TypeORM does not know it. */
  async #tell(
    queryRunner: QueryRunner,
    { columns }: EntityMetadata,
    before: ObjectLiteral | undefined,
    after: ObjectLiteral | undefined,
  ): Promise<void> {
    // Without a transaction nobody hears how it ends: what no row names is left to gc.
    const unit = this.#unitOf(queryRunner);
    if (unit === undefined) return;
    for (const column of columns) {
      const transformers = [column.transformer].flat();
      if (!transformers.some((one) => one instanceof UploadedFileTransformer)) continue;
      const now: unknown = after && column.getEntityValue(after);
      // What is not given is not changed.
      if (after !== undefined && now === undefined) continue;
      await unit.replace(filesOf(before && column.getEntityValue(before)), filesOf(now));
    }
  }
}

function filesOf(value: unknown): readonly string[] {
  if (value === null || value === undefined) return [];
  if (value instanceof UploadedFile) return value.files;
  throw new DepotError('usage', `${typeof value} is no UploadedFile`);
}
