import { DepotError } from '../errors.js';
import { describeOrigin, describePlace, type Origin, type Setting } from './origin.js';
import { type LazyValues, ownValues, type PasteFile } from './paste-file.js';
import { isNumberedKey, plainStorages, type StorageSettings } from './storages.js';

/** What the sections say that the Python side never reads; they inherit nothing from `[DEFAULT]`. */
export interface OwnSections {
  default: Setting | undefined;
  timezone: Setting | undefined;
  mountpoint: Setting | undefined;
  databases: Setting[];
  references: Setting[];
  /** Of `depot.<N>.<option>` keys. */
  storages: StorageSettings[];
  /** Alias to storage, unchecked. */
  aliases: Map<string, Setting>;
  overlays: Overlay[];
}

/** Options laid over a storage's own. */
interface Overlay {
  /** Unchecked. */
  storage: string;
  origin: Origin;
  options: Map<string, Setting>;
}

const mainSection = 'depot';
const aliasSection = 'depot:aliases';
const storagePrefix = 'depot:storage:';
const knownKeys = ['default', 'timezone', 'mountpoint', 'databases', 'references'];

/** @throws DepotError `config` for an unknown key or an unknown `[depot:…]` section */
export function readOwnSections(file: PasteFile): OwnSections {
  const main = ownValues(file, mainSection);
  for (const [key, { origin }] of main) {
    if (!knownKeys.includes(key) && !isNumberedKey(key)) throw unknownKey(origin);
  }
  const overlays: Overlay[] = [];
  for (const section of file.ini.sections.keys()) {
    if (section.startsWith(storagePrefix)) {
      overlays.push({
        storage: section.slice(storagePrefix.length),
        origin: { file: file.ini.file, line: null, section, key: '' },
        options: readAll(ownValues(file, section)),
      });
    } else if (section.startsWith('depot:') && section !== aliasSection) {
      throw unknownSection(file, section);
    }
  }
  return {
    default: read(main, 'default'),
    timezone: read(main, 'timezone'),
    mountpoint: read(main, 'mountpoint'),
    databases: readLines(main, 'databases'),
    references: readLines(main, 'references'),
    storages: plainStorages(main),
    aliases: readAll(ownValues(file, aliasSection)),
    overlays,
  };
}

/** A value of one key; undefined where it is missing or empty. */
export function read(values: LazyValues, key: string): Setting | undefined {
  const value = values.get(key);
  if (value === undefined) return undefined;
  const text = value.read();
  return text === '' ? undefined : { value: text, origin: value.origin };
}

function readAll(values: LazyValues): Map<string, Setting> {
  return new Map(
    [...values].map(([key, value]) => [key, { value: value.read(), origin: value.origin }]),
  );
}

/** Several values, one a line. */
function readLines(values: LazyValues, key: string): Setting[] {
  const setting = read(values, key);
  if (setting === undefined) return [];
  const lines = setting.value.split('\n').filter((line) => line !== '');
  return lines.map((value) => ({ value, origin: setting.origin }));
}

function unknownKey(origin: Origin): DepotError {
  return new DepotError('config', `${describeOrigin(origin)}: unknown setting`, {
    hint: `[depot] has ${knownKeys.join(', ')} and depot.N.OPTION.`,
  });
}

function unknownSection({ ini }: PasteFile, section: string): DepotError {
  return new DepotError('config', `${describePlace(ini.file)} [${section}]: unknown section`, {
    hint: `There are [${mainSection}], [${aliasSection}] and [${storagePrefix}NAME].`,
  });
}
