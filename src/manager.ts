import {
  type Configuration,
  describeOrigin,
  type Setting,
  type StorageSettings,
} from './config/settings.js';
import { redactSqlalchemyUrl } from './config/sqlalchemy-url.js';
import type { Database, SqlDatabase } from './databases/database.js';
import { DepotError, isNotFound } from './errors.js';
import { type Content, type FileAttributes, uploadOf } from './library/file-intent.js';
import { type StoredFile, storedFile } from './library/stored-file.js';
import { locateModule } from './modules/locate.js';
import type { NetworkOptions } from './network.js';
import { backendNames, kindOf, openBackend } from './registry.js';
import { redacted } from './settings.js';
import { Storage } from './storage.js';

/** A configured storage, as far as it can be told without opening it. */
export interface StorageDescription {
  readonly name: string;
  /** The backend's short name; `module` for one of the user's own. */
  readonly kind: string;
  /** As configured. */
  readonly backend: string;
  readonly default: boolean;
  readonly aliases: readonly string[];
  /** With secrets masked. */
  readonly options: Readonly<Record<string, string>>;
}

export interface StoreOptions extends FileAttributes {
  /** Name or alias of a storage; else the default one. */
  readonly storage?: string | undefined;
  /** An identifier of the storage's kind, which it does not have yet; else a new one. */
  readonly id?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Milliseconds without a sign of a server after which a request to it counts as failed. */
const idleTimeout = 60_000;

/** Who wants to know what happens. */
interface ManagerWatcher {
  /** Takes what is worth telling the user, such as a path that Python reads otherwise. */
  notice(text: string): void;
  /** A request to this server was sent once more. */
  retried(whom: string): void;
}

/** The configured storages and databases, each opened when it is first asked for. */
export class Manager {
  readonly configuration: Configuration;
  readonly #watcher: ManagerWatcher;
  readonly #storages = new Map<string, Promise<Storage>>();
  readonly #databases = new Map<string, Promise<Database>>();
  readonly #retries = new Map<string, number>();

  constructor(configuration: Configuration, watcher: Partial<ManagerWatcher> = {}) {
    this.configuration = { ...configuration, aliases: new Map(configuration.aliases) };
    this.#watcher = { notice() {}, retried() {}, ...watcher };
  }

  describe(): StorageDescription[] {
    const { storages, defaultStorage, directory } = this.configuration;
    return storages.map((settings) => ({
      name: settings.name,
      kind: kindNamed(settings, directory),
      backend: settings.backend.value,
      default: settings.name === defaultStorage,
      aliases: this.aliasesOf(settings.name),
      options: Object.fromEntries(
        [...settings.options].map(([name, { value }]) => [name, redacted(name, value)]),
      ),
    }));
  }

  aliasesOf(storage: string): string[] {
    const { aliases } = this.configuration;
    return [...aliases].filter(([, name]) => name === storage).map(([alias]) => alias);
  }

  /** Name of the storage that files are put into. */
  defaultName(): string {
    return this.configuration.defaultStorage;
  }

  /** Lets files be put into the storage of that name or alias from now on. */
  setDefault(name: string): void {
    this.configuration.defaultStorage = this.#settings(name).name;
  }

  /**
   * Lets another name stand for a storage from now on. Files are stored under the storage's own
   * name, so that an alias may stand for another one tomorrow.
   */
  alias(alias: string, storage: string): void {
    const { storages, aliases } = this.configuration;
    const taken = storages.some(({ name }) => name === alias);
    if (taken) throw new DepotError('usage', `${JSON.stringify(alias)} is the name of a storage`);
    aliases.set(alias, this.#settings(storage).name);
  }

  /** The default storage, or that of this name or alias. */
  storage(name: string = this.defaultName()): Promise<Storage> {
    const settings = this.#settings(name);
    return once(this.#storages, settings.name, () => this.#open(settings));
  }

  /** The stored file of a path `storage/id`. */
  async getFile(blobPath: string): Promise<StoredFile> {
    const { storage, id } = await this.locate(blobPath);
    return storedFile(storage, await storage.info(id));
  }

  /** Stores a content in the default storage, or in that of another name or alias. */
  async store(content: Content, options: StoreOptions = {}): Promise<StoredFile> {
    const { storage: name, id: given, signal, ...attributes } = options;
    const storage = await this.storage(name);
    const { chunks, ...upload } = await uploadOf(content, attributes);
    const { id } = await storage.create(chunks, { ...upload, id: given, signal });
    return storedFile(storage, await storage.info(id));
  }

  /** Where the application serves files, such as `/depot`. */
  get mountpoint(): string {
    return this.configuration.mountpoint;
  }

  /** Deletes the file of a path `storage/id`, if it is there. */
  async discard(blobPath: string): Promise<void> {
    const { storage, id } = await this.locate(blobPath);
    await storage.delete(id).catch((error: unknown) => {
      if (!isNotFound(error)) throw error;
    });
  }

  /** Where the application serves the blob of a path `storage/id`, for a link. */
  urlFor(blobPath: string): string {
    const parts = blobPath.split('/').map((part) => encodeURIComponent(part));
    return [this.configuration.mountpoint.replace(/\/+$/, ''), ...parts].join('/');
  }

  #settings(name: string): StorageSettings {
    const { storages, aliases, file } = this.configuration;
    const settings = storages.find((one) => one.name === (aliases.get(name) ?? name));
    if (settings === undefined) {
      throw new DepotError('not-found', `no storage ${JSON.stringify(name)} in ${file}`, {
        hint: `It has: ${storages.map((one) => one.name).join(', ') || 'none'}.`,
      });
    }
    return settings;
  }

  /** Splits `storage/id`; a storage's name may hold a slash, so the longest known one counts. */
  async locate(blobPath: string): Promise<{ storage: Storage; id: string }> {
    const { storages, aliases } = this.configuration;
    const names = [...storages.map(({ name }) => name), ...aliases.keys()];
    const known = names
      .filter((name) => blobPath.startsWith(`${name}/`))
      .sort((one, other) => other.length - one.length);
    const name = known[0] ?? blobPath.slice(0, Math.max(blobPath.indexOf('/'), 0));
    const id = blobPath.slice(name.length + 1);
    if (name === '' || id === '') {
      throw new DepotError(
        'usage',
        `${JSON.stringify(blobPath)} is no path of the form storage/id`,
        {
          hint: 'List the paths with: depot list',
        },
      );
    }
    return { storage: await this.storage(name), id };
  }

  /** Throws where no database is configured that holds references. */
  checkDatabases(): void {
    const { databases, file } = this.configuration;
    if (databases.length > 0) return;
    throw new DepotError('config', `no database with references is configured in ${file}`, {
      hint: 'Name it with databases in [depot], or as sqlalchemy.url of the application.',
    });
  }

  /** The databases that hold references, as configured. */
  async referenceDatabases(): Promise<Database[]> {
    return Promise.all(this.configuration.databases.map((url) => this.#database(url)));
  }

  /** Every database that may mention a blob: those with references, and the application's own. */
  async allDatabases(): Promise<Database[]> {
    const { databases, sqlalchemyUrl } = this.configuration;
    const urls = sqlalchemyUrl === undefined ? databases : [...databases, sqlalchemyUrl];
    const opened = await Promise.all(urls.map((url) => this.#database(url)));
    return [...new Set(opened)];
  }

  /** Opens a URL once, whatever is asked of it. */
  #database(url: Setting): Promise<Database> {
    return once(this.#databases, url.value, async () => {
      const { openDatabase } = await import('./databases/open.js');
      const { directory } = this.configuration;
      const network = this.#network(`database ${redactSqlalchemyUrl(url.value)}`);
      return openDatabase(url, directory, { ...network, notice: this.#watcher.notice });
    });
  }

  /** How often requests were sent once more so far, by who they were sent to. */
  get retries(): ReadonlyMap<string, number> {
    return this.#retries;
  }

  #network(whom: string): NetworkOptions {
    const retried = (): void => {
      this.#retries.set(whom, (this.#retries.get(whom) ?? 0) + 1);
      this.#watcher.retried(whom);
    };
    return { retried, idleTimeout };
  }

  async #open(settings: StorageSettings): Promise<Storage> {
    const { directory, timezone, sqlalchemyUrl, file } = this.configuration;
    const kind = kindNamed(settings, directory);
    const context = {
      ...this.#network(`storage ${settings.name}`),
      name: settings.name,
      where: describeOrigin(settings.origin),
      directory,
      notice: this.#watcher.notice,
    };
    if (kind === moduleKind) {
      const { openConfigured } = await import('./modules/open.js');
      return new Storage(settings.name, kind, await openConfigured(settings, context));
    }
    const backend = await openBackend(kind, settings.options, {
      ...context,
      timezone: timezone?.value,
      applicationDatabase: async () => {
        const database = sqlalchemyUrl && (await this.#database(sqlalchemyUrl));
        if (database !== undefined && hasBlobTable(database)) return database;
        const what = 'sqlalchemy.url, a URL of an SQL database,';
        throw new DepotError('config', `storage ${settings.name} needs ${what} in ${file}`);
      },
    });
    return new Storage(settings.name, kind, backend);
  }

  async close(): Promise<void> {
    const opened = [...this.#storages.values(), ...this.#databases.values()];
    for (const one of await Promise.allSettled(opened)) {
      if (one.status !== 'fulfilled') continue;
      await ('backend' in one.value ? one.value.backend : one.value).close();
    }
  }
}

function hasBlobTable(database: Database): database is SqlDatabase {
  return 'blobs' in database;
}

/** The value under a key, made once, also where it is asked for twice at a time. */
function once<T>(made: Map<string, Promise<T>>, key: string, make: () => Promise<T>): Promise<T> {
  const known = made.get(key);
  if (known !== undefined) return known;
  const making = make();
  made.set(key, making);
  return making;
}

/** What the backends that are modules of the user's own are called together. */
const moduleKind = 'module';

function kindNamed({ backend, name }: StorageSettings, directory: string): string {
  const kind = kindOf(backend.value);
  if (kind !== null) return kind;
  if (locateModule(backend.value, directory) !== null) return moduleKind;
  const known = `Known are the Python backends of filedepot and Kotti, and: ${backendNames.join(', ')}`;
  throw new DepotError(
    'config',
    `${describeOrigin(backend.origin)}: unknown backend ${backend.value} of storage ${name}`,
    {
      hint: `${known}; for one of your own, [depot:storage:${name}] takes: backend = ./FILE.js, or an installed package.`,
    },
  );
}
