import { DepotError } from '../errors.js';
import type { Setting } from './origin.js';
import type { StorageSettings } from './storages.js';

/** A variable that sets an option of a storage. */
interface Variable {
  storage: StorageSettings;
  option: string;
  setting: Setting;
}

/**
 * The options that `DEPOT_<STORAGE>_<OPTION>` variables set, upper case and with `_` for anything but
 * letters and digits. Where one storage's name begins another's, the longer one is meant. An option that
 * the storage has already keeps its spelling, any other is taken in lower case.
 *
 * @throws DepotError `config` for a variable that could be of two storages
 */
export function environmentOptions(
  storages: readonly StorageSettings[],
  env: NodeJS.ProcessEnv,
): Variable[] {
  const variables: Variable[] = [];
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined) continue;
    const [storage, rival] = storagesOf(name, storages);
    if (storage === undefined) continue;
    if (rival !== undefined) {
      throw new DepotError(
        'config',
        `${name}: it could be of the storage '${storage.name}' or of '${rival.name}'`,
        { hint: 'Set the option in the configuration file.' },
      );
    }
    const rest = name.slice(variablePrefix(storage).length);
    const known = [...storage.options.keys()].find((option) => variablePart(option) === rest);
    const origin = { file: '', line: null, section: null, key: name };
    variables.push({
      storage,
      option: known ?? rest.toLowerCase(),
      setting: { value, origin },
    });
  }
  return variables;
}

/** The storages with the longest name that the variable's begins with. */
function storagesOf(name: string, storages: readonly StorageSettings[]): StorageSettings[] {
  const lengthOf = (storage: StorageSettings) => {
    const prefix = variablePrefix(storage);
    return name.startsWith(prefix) && name !== prefix ? prefix.length : 0;
  };
  const longest = Math.max(0, ...storages.map(lengthOf));
  return longest === 0 ? [] : storages.filter((storage) => lengthOf(storage) === longest);
}

function variablePrefix({ name }: StorageSettings): string {
  return `DEPOT_${variablePart(name)}_`;
}

function variablePart(name: string): string {
  return name.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_');
}
