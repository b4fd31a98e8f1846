import { DepotError } from '../errors.js';
import { describeOrigin, type Origin, type Setting } from './origin.js';
import type { LazyValues } from './paste-file.js';
import { parseInteger } from './python-text.js';

export interface StorageSettings {
  name: string;
  /** As configured: a Python dotted path, a short name, or a JavaScript module. */
  backend: Setting;
  options: Map<string, Setting>;
  /** Where the storage is named. */
  origin: Origin;
}

/** What Python's filedepot takes where no backend is named. */
const pythonDefaultBackend = 'depot.io.local.LocalFileStorage';

/** Kotti's own storage 0, under what the file says. */
const kottiStorage = { name: 'dbfiles', backend: 'kotti.filedepot.DBFileStorage' };

/** The settings of one storage before it is known whether they make one. */
type Options = Map<string, Setting>;

/**
 * Kotti's storages: `kotti.depot.<N>.<option>`, in the order of N as Python's `int` reads it, with
 * Kotti's default at 0.
 *
 * @param place where Kotti's default is configured when no one writes it: the application's section
 * @throws DepotError `config` for an N that is no number, and a storage without a name
 */
export function kottiStorages(values: LazyValues, place: Origin): StorageSettings[] {
  const prefix = 'kotti.depot.';
  const numbered = new Map<bigint, Options>([[0n, new Map()]]);
  for (const [key, setting] of settingsUnder(values, prefix)) {
    const parts = splitNumber(key);
    if (parts === undefined) throw notNumbered(setting.origin, prefix);
    optionsOf(numbered, parts.number).set(parts.option, setting);
  }
  const first = optionsOf(numbered, 0n);
  for (const [option, value] of Object.entries(kottiStorage)) {
    const origin = { ...place, line: null, key: `${prefix}0.${option}` };
    if (!first.has(option)) first.set(option, { value, origin });
  }
  return inOrder(numbered).map((options) => namedStorage(options, pythonDefaultBackend));
}

/**
 * The storages of the plain form: `depot.<option>` for one called `default`, then `depot.<N>.<option>` in
 * the order of N, then `depot.<name>.<option>`, filedepot's convention of a prefix for each further storage.
 *
 * @throws DepotError `config` for a storage without a name or without a backend
 */
export function plainStorages(values: LazyValues): StorageSettings[] {
  const single: Options = new Map();
  const numbered = new Map<bigint, Options>();
  const named = new Map<string, Options>();
  for (const [key, setting] of settingsUnder(values, 'depot.')) {
    const parts = splitNumber(key);
    const dot = key.indexOf('.');
    if (parts !== undefined) optionsOf(numbered, parts.number).set(parts.option, setting);
    else if (dot < 0) single.set(key, setting);
    else optionsOf(named, key.slice(0, dot)).set(key.slice(dot + 1), setting);
  }
  return [
    ...(single.size === 0 ? [] : [storage('default', single, pythonDefaultBackend)]),
    ...inOrder(numbered).map((options) => namedStorage(options)),
    ...[...named].map(([name, options]) => storage(name, options)),
  ];
}

/** True for a key such as `depot.0.name`, the form that `[depot]` takes. */
export function isNumberedKey(key: string): boolean {
  return key.startsWith('depot.') && splitNumber(key.slice('depot.'.length)) !== undefined;
}

/** True when a section's settings configure storages. */
export function hasStorages(values: LazyValues): boolean {
  return [...values.keys()].some((key) => /^(kotti\.)?depot\./.test(key));
}

function* settingsUnder(values: LazyValues, prefix: string): Generator<[string, Setting]> {
  for (const [key, { origin, read }] of values) {
    if (key.startsWith(prefix)) yield [key.slice(prefix.length), { value: read(), origin }];
  }
}

/** `0.name` as its number and its option. */
function splitNumber(key: string): { number: bigint; option: string } | undefined {
  const dot = key.indexOf('.');
  const number = dot < 0 ? undefined : parseInteger(key.slice(0, dot));
  return number === undefined ? undefined : { number, option: key.slice(dot + 1) };
}

function optionsOf<Key>(groups: Map<Key, Options>, key: Key): Options {
  const options = groups.get(key) ?? new Map<string, Setting>();
  groups.set(key, options);
  return options;
}

function inOrder(numbered: Map<bigint, Options>): Options[] {
  return [...numbered].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, options]) => options);
}

function namedStorage(options: Options, defaultBackend?: string): StorageSettings {
  const name = options.get('name');
  const origin = name?.origin ?? firstOrigin(options);
  if (name === undefined || name.value === '') {
    throw new DepotError('config', `${describeOrigin(origin)}: the storage has no name`, {
      hint: `Give it one: ${sibling(origin, 'name')} = NAME`,
    });
  }
  options.delete('name');
  return storage(name.value, options, defaultBackend, name.origin);
}

function storage(
  name: string,
  options: Options,
  defaultBackend?: string,
  origin = firstOrigin(options),
): StorageSettings {
  const written = options.get('backend');
  const key = sibling(origin, 'backend');
  const backend =
    written ??
    (defaultBackend && { value: defaultBackend, origin: { ...origin, line: null, key } });
  if (!backend || backend.value === '') {
    const place = describeOrigin(written?.origin ?? origin);
    throw new DepotError('config', `${place}: the storage '${name}' has no backend`, {
      hint: `Give it one: ${key} = local`,
    });
  }
  options.delete('backend');
  return { name, backend, options, origin };
}

function notNumbered(origin: Origin, prefix: string): DepotError {
  return new DepotError(
    'config',
    `${describeOrigin(origin)}: Kotti reads '${prefix}' only before a number, a dot and an option`,
    { hint: `Write it like ${prefix}1.name; what is no setting of Kotti's belongs into [depot].` },
  );
}

function firstOrigin(options: Options): Origin {
  const [first] = options.values();
  if (first === undefined) throw new RangeError('a storage without any setting');
  return first.origin;
}

/** The key of another option of the same storage. */
function sibling({ key }: Origin, option: string): string {
  return key.slice(0, key.lastIndexOf('.') + 1) + option;
}
