import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { DepotError, messageOf } from '../errors.js';
import { type IniFile, parseIni, type RawValue } from './ini.js';
import { interpolate } from './interpolation.js';
import { describeOrigin, describePlace, type Origin } from './origin.js';
import { strip } from './python-text.js';

const fileHint =
  'Name the configuration file with -c FILE or DEPOT_CONFIG; depot init writes a first one.';

/** A value that is interpolated when it is read, so that a broken one only harms who needs it. */
export interface LazyValue {
  origin: Origin;
  /** @throws DepotError `config` where the interpolation fails */
  read: () => string;
}

export type LazyValues = Map<string, LazyValue>;

/** A file, and its `[DEFAULT]` before interpolation with what PasteDeploy adds to it. */
export interface PasteFile {
  ini: IniFile;
  defaults: LazyValues;
}

/**
 * Reads a file as PasteDeploy's loader does: with the names `here` and `__file__`.
 *
 * @param file absolute path
 * @param from the value that names the file, if any
 * @throws DepotError `config` for a file that can't be read or parsed
 */
export async function loadPasteFile(file: string, from?: Origin): Promise<PasteFile> {
  const ini = parseIni(file, await readBytes(file, from));
  const defaults: LazyValues = new Map();
  for (const [key, text] of Object.entries({ here: path.dirname(file), __file__: file })) {
    // A percent sign in the path refers to nothing; Python fails on one.
    const escaped = text.replaceAll('%', '%%');
    defaults.set(key, {
      origin: { file, line: null, section: null, key },
      read: () => escaped,
    });
  }
  for (const [key, { origin, text }] of ini.defaults) {
    defaults.set(key, { origin, read: () => text });
  }
  return { ini, defaults };
}

/** The section's own values, without what it inherits; they see `[DEFAULT]` when interpolated. */
export function ownValues(file: PasteFile, section: string): LazyValues {
  const own = file.ini.sections.get(section) ?? new Map<string, RawValue>();
  const lookup = sectionLookup(file, section);
  const values: LazyValues = new Map();
  for (const [key, value] of own) {
    values.set(key, { origin: value.origin, read: () => interpolate(value, lookup) });
  }
  return values;
}

function sectionLookup(file: PasteFile, section: string): (name: string) => string | undefined {
  const own = file.ini.sections.get(section);
  return (name) => own?.get(name)?.text ?? file.defaults.get(name)?.read();
}

/** A section's settings as PasteDeploy sorts them. */
interface SectionValues {
  globalConf: LazyValues;
  localConf: LazyValues;
  /** What `set KEY = VALUE` lines put into globalConf. */
  additions: LazyValues;
}

/**
 * Sorts a section's values: `set X` goes to the global ones, `get X = Y` takes one of those, and a key
 * that is in `[DEFAULT]` too is no setting of the section.
 *
 * @param inherited global settings of the section that uses this one; they win
 * @throws DepotError `config` when `get X = Y` finds no Y
 */
export function readSection(
  file: PasteFile,
  section: string,
  inherited: LazyValues,
): SectionValues {
  const globalConf: LazyValues = new Map([...readDefaults(file), ...inherited]);
  const localConf: LazyValues = new Map();
  const additions: LazyValues = new Map();
  const gets: LazyValues = new Map();
  for (const [key, value] of visibleValues(file, section)) {
    const name = strip(key.slice(4));
    if (key.startsWith('set ')) additions.set(name, value);
    else if (key.startsWith('get ')) gets.set(name, value);
    else if (!file.defaults.has(key)) localConf.set(key, value);
  }
  for (const [key, value] of additions) globalConf.set(key, value);
  for (const [key, value] of gets) {
    const wanted = value.read();
    const found = globalConf.get(wanted);
    if (found === undefined) {
      throw new DepotError(
        'config',
        `${describeOrigin(value.origin)}: there is no global setting '${wanted}'`,
        { hint: 'Global settings stand in [DEFAULT].' },
      );
    }
    localConf.set(key, found);
  }
  return { globalConf, localConf, additions };
}

/** The section's own values, then those it inherits, as the section interpolates them. */
function visibleValues(file: PasteFile, section: string): LazyValues {
  const values = ownValues(file, section);
  const lookup = sectionLookup(file, section);
  for (const [key, { origin, read }] of file.defaults) {
    if (values.has(key)) continue;
    values.set(key, { origin, read: () => interpolate({ text: read(), origin }, lookup) });
  }
  return values;
}

function readDefaults({ defaults }: PasteFile): LazyValues {
  const lookup = (name: string) => defaults.get(name)?.read();
  const values: LazyValues = new Map();
  for (const [key, { origin, read }] of defaults) {
    // Where nothing is left after interpolation, PasteDeploy takes the text as it was written.
    values.set(key, {
      origin,
      read: () => interpolate({ text: read(), origin }, lookup) || read(),
    });
  }
  return values;
}

async function readBytes(file: string, from: Origin | undefined): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    const reasons = new Map<unknown, string>([
      ['ENOENT', 'no such file'],
      ['ENOTDIR', 'no such file'],
      ['EISDIR', 'it is a directory'],
      ['EACCES', 'permission denied'],
    ]);
    const why = `${describePlace(file)}: ${reasons.get(code) ?? messageOf(error)}`;
    throw from === undefined
      ? new DepotError('config', why, { hint: fileHint, cause: error })
      : new DepotError('config', `${describeOrigin(from)}: ${why}`, { cause: error });
  }
}
