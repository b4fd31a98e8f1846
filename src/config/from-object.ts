import path from 'node:path';
import { DepotError } from '../errors.js';
import type { Setting } from './origin.js';
import {
  type Configuration,
  checkedAliases,
  chooseDefault,
  defaultMountpoint,
} from './settings.js';
import type { StorageSettings } from './storages.js';

/** What a configuration file says, as an object. */
export interface Settings {
  /** By name. The options of each are those of a file: docs/configuration.md, docs/storages.md. */
  readonly storages: Readonly<Record<string, StorageOptions>>;
  /** Name or alias of the storage that files are put into; else the first. */
  readonly default?: string | undefined;
  /** Alias to storage. */
  readonly aliases?: Readonly<Record<string, string>> | undefined;
  /** Where the application serves files; else `/depot`. */
  readonly mountpoint?: string | undefined;
  /** URLs of the databases that hold references; else the application's own. */
  readonly databases?: readonly string[] | undefined;
  /** URL of the application's own database, as SQLAlchemy writes it. */
  readonly sqlalchemyUrl?: string | undefined;
  /** Zone of the naive local times in the blobs table; else this machine's. */
  readonly timezone?: string | undefined;
  /** That relative paths are relative to; else the current one. */
  readonly directory?: string | undefined;
}

/** An option's value is text, as in a file; numbers and booleans are written as such. */
export type StorageOptions = Readonly<{ backend: string }> &
  Readonly<Record<string, string | number | boolean>>;

/**
 * The configuration that such an object makes, for a `Manager`.
 *
 * @throws DepotError `config` that names the key
 */
export function configurationOf(settings: Settings): Configuration {
  const storages = Object.entries(settings.storages).map(storageOf);
  if (storages.length === 0) {
    throw new DepotError('config', 'storages: it configures no storage', {
      hint: "Name one, such as { files: { backend: 'local', storage_path: 'files' } }.",
    });
  }
  const own = new Map(
    Object.entries(settings.aliases ?? {}).map(([alias, storage]) => [
      alias,
      setting(`aliases.${alias}`, storage),
    ]),
  );
  const aliases = checkedAliases(storages, { aliases: own });
  const wanted = optional('default', settings.default);
  const sqlalchemyUrl = optional('sqlalchemyUrl', settings.sqlalchemyUrl);
  const databases = (settings.databases ?? []).map((url, index) =>
    setting(`databases[${index}]`, url),
  );
  return {
    file: 'the settings',
    directory: path.resolve(settings.directory ?? ''),
    app: undefined,
    storages,
    defaultStorage: chooseDefault(storages, aliases, wanted),
    aliases,
    timezone: optional('timezone', settings.timezone),
    mountpoint: settings.mountpoint ?? defaultMountpoint,
    databases: databases.length === 0 && sqlalchemyUrl !== undefined ? [sqlalchemyUrl] : databases,
    sqlalchemyUrl,
    references: [],
    notices: [],
  };
}

function storageOf([name, { backend, ...options }]: [string, StorageOptions]): StorageSettings {
  const key = `storages.${name}`;
  return {
    name,
    backend: setting(`${key}.backend`, backend),
    options: new Map(
      Object.entries(options).map(([option, value]) => [
        option,
        setting(`${key}.${option}`, String(value)),
      ]),
    ),
    origin: setting(key, name).origin,
  };
}

function setting(key: string, value: string): Setting {
  if (typeof value !== 'string') throw new DepotError('config', `${key}: it must be text`);
  return { value, origin: { file: '', line: null, section: null, key } };
}

function optional(key: string, value: string | undefined): Setting | undefined {
  return value === undefined ? undefined : setting(key, value);
}
