import path from 'node:path';
import { DepotError } from '../errors.js';
import { type Application, chooseApplication, isKotti } from './applications.js';
import { environmentOptions } from './environment.js';
import { describeOrigin, describePlace, type Origin, type Setting } from './origin.js';
import { type OwnSections, read, readOwnSections } from './own-sections.js';
import { loadPasteFile, type PasteFile } from './paste-file.js';
import { kottiStorages, plainStorages, type StorageSettings } from './storages.js';

export { describeOrigin, type Setting } from './origin.js';
export type { StorageSettings } from './storages.js';

/** As Kotti's and filedepot's own. */
export const defaultMountpoint = '/depot';

/** What a configuration file and the environment say, before any backend has seen it. */
export interface Configuration {
  /** Absolute path, or what stands for it in messages where there is no file. */
  file: string;
  /** That relative paths are relative to. */
  directory: string;
  /** The application's name; undefined where the file has only sections of our own. */
  app: string | undefined;
  /** In order: the application's, then those of `[depot]`; each in the order of its numbers. */
  storages: StorageSettings[];
  /** Name of the storage that files are put into. */
  defaultStorage: string;
  /** Alias to storage. */
  aliases: Map<string, string>;
  /** Zone of the naive local times in the blobs table. */
  timezone: Setting | undefined;
  /** Where the site serves files. */
  mountpoint: string;
  /** URLs of the databases that hold references. */
  databases: Setting[];
  /** URL of the application's own database, where Kotti's SQL storage lives. */
  sqlalchemyUrl: Setting | undefined;
  /** TABLE.COLUMN */
  references: Setting[];
  /** Things to say with `-v`. */
  notices: string[];
}

/**
 * Reads a configuration.
 *
 * @param options.file path of the file, with `#APP` after it to choose an application
 * @param options.env where `DEPOT_<STORAGE>_<OPTION>` is looked up
 * @throws DepotError `config`
 */
export async function loadConfiguration(options: {
  file: string;
  env: NodeJS.ProcessEnv;
}): Promise<Configuration> {
  const [, name = '', app] = /^(.*?)(?:#([^#/\\]+))?$/s.exec(options.file) ?? [];
  const file = await loadPasteFile(path.resolve(name));
  const own = readOwnSections(file);
  const application = await chooseApplication(file, app);
  const storages = configuredStorages(file, application, own);
  layOver(storages, own, options.env);
  const aliases = checkedAliases(storages, own);
  const values = application?.context.localConf ?? new Map();
  const sqlalchemyUrl = read(values, 'sqlalchemy.url');
  const mountpoint = own.mountpoint ?? read(values, 'kotti.depot_mountpoint');
  return {
    file: file.ini.file,
    directory: path.dirname(file.ini.file),
    app: application?.name,
    storages,
    defaultStorage: chooseDefault(storages, aliases, own.default),
    aliases,
    timezone: own.timezone,
    mountpoint: mountpoint?.value ?? defaultMountpoint,
    databases:
      own.databases.length === 0 && sqlalchemyUrl !== undefined ? [sqlalchemyUrl] : own.databases,
    sqlalchemyUrl,
    references: own.references,
    notices: noticesOf(file),
  };
}

function configuredStorages(
  file: PasteFile,
  application: Application | undefined,
  own: OwnSections,
): StorageSettings[] {
  const storages: StorageSettings[] = [];
  if (application !== undefined) {
    const { context } = application;
    const place = { file: context.file, line: null, section: context.section, key: '' };
    if (isKotti(context)) storages.push(...kottiStorages(context.localConf, place));
    storages.push(...plainStorages(context.localConf));
  }
  storages.push(...own.storages);
  if (storages.length === 0) {
    throw new DepotError('config', `${describePlace(file.ini.file)}: it configures no storage`, {
      hint: 'Add depot.0.name and depot.0.backend to [depot]; depot init writes an example.',
    });
  }
  const byName = new Map<string, StorageSettings>();
  for (const storage of storages) {
    const earlier = byName.get(storage.name);
    if (earlier !== undefined) {
      throw new DepotError(
        'config',
        `${describeOrigin(storage.origin)}: '${storage.name}' is already the name of the storage at ${describeOrigin(earlier.origin)}`,
        { hint: 'Rename one of the two, or remove it.' },
      );
    }
    byName.set(storage.name, storage);
  }
  return storages;
}

/** Lays the options of `[depot:storage:NAME]` over the storages', and those of the environment over all. */
function layOver(storages: StorageSettings[], own: OwnSections, env: NodeJS.ProcessEnv): void {
  for (const { storage: name, origin, options } of own.overlays) {
    const storage = storages.find((each) => each.name === name);
    if (storage === undefined) throw noStorage(name, origin, storages);
    for (const [option, setting] of options) setOption(storage, option, setting);
  }
  for (const { storage, option, setting } of environmentOptions(storages, env)) {
    setOption(storage, option, setting);
  }
}

function setOption(storage: StorageSettings, option: string, setting: Setting): void {
  if (option === 'backend') storage.backend = setting;
  else storage.options.set(option, setting);
}

/** @throws DepotError `config` for an alias that is a storage's name, or that stands for none */
export function checkedAliases(
  storages: StorageSettings[],
  own: Pick<OwnSections, 'aliases'>,
): Map<string, string> {
  const names = storages.map(({ name }) => name);
  const aliases = new Map<string, string>();
  for (const [alias, { value, origin }] of own.aliases) {
    if (names.includes(alias)) {
      throw new DepotError(
        'config',
        `${describeOrigin(origin)}: an alias can't have the name of a storage`,
        { hint: 'Choose another alias: references name the storage.' },
      );
    }
    if (!names.includes(value)) throw noStorage(value, origin, storages);
    aliases.set(alias, value);
  }
  return aliases;
}

/** @throws DepotError `config` where no storage has that name */
export function chooseDefault(
  storages: StorageSettings[],
  aliases: Map<string, string>,
  setting: Setting | undefined,
): string {
  const name = setting && (aliases.get(setting.value) ?? setting.value);
  const storage =
    name === undefined ? storages[0] : storages.find((storage) => storage.name === name);
  if (storage === undefined) throw noStorage(name ?? '', setting?.origin, storages);
  return storage.name;
}

function noStorage(
  name: string,
  origin: Origin | undefined,
  storages: readonly StorageSettings[],
): DepotError {
  const place = origin === undefined ? '' : `${describeOrigin(origin)}: `;
  return new DepotError('config', `${place}no storage is called '${name}'`, {
    hint: `There are ${storages.map((storage) => storage.name).join(', ')}.`,
  });
}

function noticesOf({ ini }: PasteFile): string[] {
  if (!ini.byteOrderMark) return [];
  const place = describePlace(ini.file);
  return [`${place}: begins with a byte-order mark; read past it, but Python refuses the file`];
}
