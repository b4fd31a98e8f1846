import pMap from 'p-map';
import { DepotError, messageOf } from '../errors.js';
import type { Content } from '../library/file-intent.js';
import type { StoredFile } from '../library/stored-file.js';
import type { Manager, StoreOptions } from '../manager.js';

export interface UnitOfWorkOptions {
  /** Takes what went wrong after the commit, when nothing can be undone: a file not deleted. */
  readonly notice?: (text: string) => void;
  /**
   * Whether another row names the file of a path `storage/id` as well. Asked after the commit, before
   * the file is deleted; where it fails, the file is kept. Absent where a file belongs to one row.
   */
  readonly isNamed?: (path: string) => Promise<boolean>;
}

/** Files deleted at once. */
const concurrency = 8;

/**
 * Files that are stored and deleted together with rows of a database: new ones are deleted again
 * when its transaction is rolled back, old ones only when it has been committed.
 *
 * Nothing is written down about it elsewhere. What a process leaves that dies in between is a blob
 * that no row names, and `gc` finds those; a record of it would be one more place that may be wrong.
 */
export class UnitOfWork {
  readonly #manager: Manager;
  readonly #notice: (text: string) => void;
  readonly #isNamed: (path: string) => Promise<boolean>;
  /** The unit that this one is within, as a savepoint is. */
  #parent: UnitOfWork | null = null;
  /** The unit that this one is beside, whose files it takes over. */
  #free: UnitOfWork | null = null;
  /** The files that no committed row names yet, by path, and the unit that they belong to. */
  #fresh = new Map<string, UnitOfWork>();
  /** By path: how many more rows name it, or fewer. */
  readonly #changes = new Map<string, number>();
  readonly #storing = new Set<Promise<unknown>>();
  readonly #rolledBack = new AbortController();
  #ended = false;

  constructor(manager: Manager, options: UnitOfWorkOptions = {}) {
    const { notice = () => {}, isNamed = async () => false } = options;
    this.#manager = manager;
    this.#notice = notice;
    this.#isNamed = isNamed;
  }

  /** A unit within this one, for a savepoint: what it commits is left to this one. */
  begin(): UnitOfWork {
    const unit = this.#another();
    unit.#free = this.#free;
    unit.#parent = this;
    return unit;
  }

  /** A unit for a transaction of its own, which takes over what this one has stored and it names. */
  beside(): UnitOfWork {
    const unit = this.#another();
    unit.#free = this;
    return unit;
  }

  #another(): UnitOfWork {
    const options = { notice: this.#notice, isNamed: this.#isNamed };
    const unit = new UnitOfWork(this.#manager, options);
    unit.#fresh = this.#fresh;
    return unit;
  }

  /**
   * Stores a content, as `Manager.store` does.
   * @throws DepotError `refused` when the unit has ended
   */
  async store(content: Content, options: StoreOptions = {}): Promise<StoredFile> {
    const storing = this.#store(content, options);
    this.#storing.add(storing);
    return storing.finally(() => this.#storing.delete(storing));
  }

  async #store(content: Content, options: StoreOptions): Promise<StoredFile> {
    const storage = await this.#manager.storage(options.storage);
    this.#checkOpen();
    const { id = storage.backend.newId() } = options;
    // Before it is written: it may be there although the answer says that it failed.
    this.#fresh.set(storage.path(id), this);
    const signals = [options.signal, this.#rolledBack.signal].filter((one) => one !== undefined);
    return this.#manager.store(content, { ...options, id, signal: AbortSignal.any(signals) });
  }

  /** Where the application serves files, such as `/depot`. */
  get mountpoint(): string {
    return this.#manager.mountpoint;
  }

  /** Deletes at once a file that this unit has stored and no row is to name. */
  async discard(path: string): Promise<void> {
    await this.#manager.discard(path);
  }

  /** Deletes files, given by their paths `storage/id`, once the unit is committed. */
  delete(paths: readonly string[]): Promise<void> {
    return this.replace(paths, []);
  }

  /**
   * Tells that a row which named these files, by their paths `storage/id`, names those from now on.
   * What none names any more is deleted once the unit is committed.
   * @throws DepotError `not-found` where a file is not there, `refused` where another transaction
   * may yet delete it
   */
  async replace(before: readonly string[], after: readonly string[]): Promise<void> {
    const old = await this.#resolveAll(before);
    const now = await this.#resolveAll(after);
    this.#checkOpen();
    for (const path of now) {
      if (old.has(path)) continue;
      await this.#claim(path);
      this.#change(path, 1);
    }
    for (const path of old) if (!now.has(path)) this.#change(path, -1);
  }

  /** To be called when the database has committed. Never fails: what cannot be deleted is told. */
  async commit(): Promise<void> {
    const unnamed = this.#parent === null ? this.#unnamed() : [];
    const own = this.#finish();
    if (this.#parent === null) return this.#deleteAll(unnamed, this.#isNamed);
    for (const path of own) this.#fresh.set(path, this.#parent);
    for (const [path, by] of this.#changes) this.#parent.#change(path, by);
  }

  /** To be called when the database has rolled back. Never fails, as `commit`. */
  async rollback(): Promise<void> {
    const own = this.#finish();
    this.#rolledBack.abort();
    await Promise.allSettled(this.#storing);
    await this.#deleteAll(own);
  }

  /**
   * Ends it and deletes nothing: for a commit that failed, which the database may have made all the
   * same. `gc` deletes what no row names.
   */
  abandon(): void {
    this.#finish();
  }

  /** Takes no more, and gives up the files that belong to it. */
  #finish(): string[] {
    this.#ended = true;
    const own = [...this.#fresh].filter(([, owner]) => owner === this).map(([path]) => path);
    for (const path of own) this.#fresh.delete(path);
    return own;
  }

  #checkOpen(): void {
    if (!this.#ended) return;
    throw new DepotError('refused', 'no file is stored or deleted: the transaction is over');
  }

  async #resolveAll(paths: readonly string[]): Promise<Set<string>> {
    return new Set(await Promise.all(paths.map((path) => this.#resolve(path))));
  }

  /** The path under the storage's own name; as it is where nobody knows the storage. */
  async #resolve(path: string): Promise<string> {
    try {
      const { storage, id } = await this.#manager.locate(path);
      return storage.path(id);
    } catch {
      return path;
    }
  }

  /** Makes sure that a file which a row now names is there, and that no other rollback deletes it. */
  async #claim(path: string): Promise<void> {
    const owner = this.#fresh.get(path);
    if (owner === undefined) return this.#checkThere(path);
    if (this.#isWithin(owner)) return;
    if (owner === this.#free || owner.#isWithin(this)) this.#fresh.set(path, this);
    else {
      throw new DepotError('refused', `${path} belongs to another transaction`, {
        hint: 'Store a file in the transaction that writes its row, or outside of any.',
      });
    }
  }

  async #checkThere(path: string): Promise<void> {
    const { storage, id } = await this.#manager.locate(path);
    if ((await storage.find(id)) !== null) return;
    throw new DepotError('not-found', `no file ${path}, which a row is to name`, {
      hint: 'Store it again: where a transaction is rolled back, its files are deleted.',
    });
  }

  #isWithin(other: UnitOfWork): boolean {
    if (this === other) return true;
    return this.#parent === null ? false : this.#parent.#isWithin(other);
  }

  #change(path: string, by: number): void {
    this.#changes.set(path, (this.#changes.get(path) ?? 0) + by);
  }

  /** What was named by a row, once, and is not any more. */
  #unnamed(): string[] {
    const rows = ([path, by]: readonly [string, number]): number =>
      (this.#fresh.has(path) ? 0 : 1) + by;
    const changes = [...this.#changes];
    // Two storages may be one place, where the file under the other name is the same one.
    const named = new Set(changes.filter((one) => rows(one) > 0).map(([path]) => idOf(path)));
    return changes
      .filter((one) => rows(one) <= 0)
      .map(([path]) => path)
      .filter((path) => !named.has(idOf(path)));
  }

  async #deleteAll(paths: readonly string[], isNamed = async (_: string) => false): Promise<void> {
    const remove = async (path: string): Promise<void> => {
      try {
        if (!(await isNamed(path))) await this.#manager.discard(path);
      } catch (error) {
        this.#notice(`cannot delete ${path}: ${messageOf(error)}`);
      }
    };
    await pMap(paths, remove, { concurrency });
  }
}

function idOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1).toLowerCase();
}
