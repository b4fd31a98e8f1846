import path from 'node:path';
import { DepotError } from '../errors.js';
import { describeOrigin, describePlace, type Origin, type Setting } from './origin.js';
import {
  type LazyValue,
  type LazyValues,
  loadPasteFile,
  type PasteFile,
  readSection,
} from './paste-file.js';
import { splitWords, strip, unquote } from './python-text.js';

/** What PasteDeploy 3.1 makes of a section that describes an application. */
export interface AppContext {
  /** Absolute path of the file, and the whole name of the section in it. */
  file: string;
  section: string;
  globalConf: LazyValues;
  localConf: LazyValues;
  /** The `egg:…` or `call:…` at the end of the chain of `use`; left alone. */
  factory: string | undefined;
  /** The application behind a pipeline, `filter-app` or `filter-with`: the one that gets settings. */
  inner: AppContext | undefined;
}

/** What a section is loaded with by another: that one's global settings, and the way from the first. */
interface Caller {
  globalConf: LazyValues;
  chain: string[];
}

/** The prefixes of application sections; of each group the first that fits counts. */
const prefixGroups = [
  ['app', 'application'],
  ['composite', 'composit'],
  ['pipeline'],
  ['filter-app'],
];

const appFactories = ['paste.app_factory', 'paste.composite_factory', 'paste.composit_factory'];
const filterFactories = ['paste.filter_factory', 'paste.filter_app_factory'];

/** The names of the sections that describe applications, with or without a name of their own. */
export function applicationSections({ ini }: PasteFile): string[] {
  const prefixes = prefixGroups.flat();
  return [...ini.sections.keys()].filter((section) => prefixes.includes(prefixOf(section)));
}

/**
 * The section of an application as PasteDeploy looks it up: a known prefix, a colon and the name.
 *
 * @param from the value that names it, if any
 * @throws DepotError `config` when there is none or more than one
 */
export function findApplicationSection({ ini }: PasteFile, name: string, from?: Origin): string {
  const named = (prefix: string): string[] =>
    [...ini.sections.keys()].filter(
      (section) =>
        section.startsWith(`${prefix}:`) && strip(section.slice(prefix.length + 1)) === name,
    );
  const found = prefixGroups.flatMap(
    (group) => group.map(named).find((sections) => sections.length > 0) ?? [],
  );
  const [section] = found;
  if (section !== undefined && found.length === 1) return section;
  const source = from === undefined ? '' : `${describeOrigin(from)}: `;
  const list = (sections: string[]) => sections.map((each) => `[${each}]`).join(', ');
  if (section !== undefined) {
    throw new DepotError(
      'config',
      `${source}${describePlace(ini.file)}: more than one application '${name}': ${list(found)}`,
      { hint: 'Rename one of the sections.' },
    );
  }
  const known = list(applicationSections({ ini, defaults: new Map() }));
  throw new DepotError('config', `${source}${describePlace(ini.file)}: no section [app:${name}]`, {
    hint: known === '' ? 'The file describes no application.' : `The file has ${known}.`,
  });
}

/**
 * The settings of an application section as PasteDeploy's `appconfig` finds them. Filters are not
 * looked at, and a section without a factory is as good as one with.
 *
 * @throws DepotError `config` where `use`, `next` or a pipeline leads nowhere or in a circle
 */
export async function applicationContext(file: PasteFile, section: string): Promise<AppContext> {
  return sectionContext(file, section, { globalConf: new Map(), chain: [] });
}

async function sectionContext(
  file: PasteFile,
  section: string,
  caller: Caller,
): Promise<AppContext> {
  const place = `${describePlace(file.ini.file)} [${section}]`;
  const chain = [...caller.chain, place];
  if (caller.chain.includes(place)) {
    throw new DepotError('config', `${place}: it uses itself: ${chain.join(' → ')}`, {
      hint: "Let 'use' name another section.",
    });
  }
  const { globalConf, localConf, additions } = readSection(file, section, caller.globalConf);
  const filter = take(localConf, 'filter-with');
  localConf.delete('require');
  const own: AppContext = {
    file: file.ini.file,
    section,
    globalConf,
    localConf,
    factory: undefined,
    inner: undefined,
  };
  const next = wrappedApplication(own, place);
  if (next !== undefined) {
    return { ...own, inner: await namedContext(file, next, { globalConf, chain }) };
  }
  const context = await factoryContext(file, own, { additions, chain });
  return filter === undefined ? context : { ...own, inner: context };
}

/** What a pipeline or a `filter-app` wraps; undefined for any other section. */
function wrappedApplication(
  { section, localConf }: AppContext,
  place: string,
): Setting | undefined {
  const prefix = prefixOf(section);
  if (prefix === 'filter-app') {
    const next = take(localConf, 'next');
    if (next === undefined) throw new DepotError('config', `${place}: no setting 'next'`);
    if (take(localConf, 'use') === undefined) drop(localConf, filterFactories);
    return next;
  }
  if (prefix !== 'pipeline') return undefined;
  const pipeline = take(localConf, 'pipeline');
  if (pipeline === undefined) throw new DepotError('config', `${place}: no setting 'pipeline'`);
  const [extra] = localConf.values();
  if (extra !== undefined) {
    throw new DepotError(
      'config',
      `${describeOrigin(extra.origin)}: a pipeline has no other setting than 'pipeline'`,
    );
  }
  const last = splitWords(pipeline.value).at(-1);
  if (last === undefined) {
    throw new DepotError('config', `${describeOrigin(pipeline.origin)}: the pipeline is empty`);
  }
  return { ...pipeline, value: last };
}

/** The context of what `use` names, with the section's own settings laid over. */
async function factoryContext(
  file: PasteFile,
  own: AppContext,
  { additions, chain }: { additions: LazyValues; chain: string[] },
): Promise<AppContext> {
  const use = take(own.localConf, 'use');
  if (use === undefined) {
    drop(own.localConf, appFactories);
    return own;
  }
  const used = await namedContext(file, use, { globalConf: own.globalConf, chain });
  const ownFile = own.globalConf.get('__file__');
  if (ownFile !== undefined) additions.set('__file__', ownFile);
  for (const [key, value] of additions) used.globalConf.set(key, value);
  for (const [key, value] of own.localConf) used.localConf.set(key, value);
  return { ...used, file: own.file, section: own.section };
}

/** The context of `othersection`, `config:other.ini#name` or `egg:…`. */
async function namedContext(file: PasteFile, target: Setting, caller: Caller): Promise<AppContext> {
  const { value, origin } = target;
  const [, scheme, rest = ''] = /^([a-z]+):(.*)$/is.exec(value) ?? [];
  switch (scheme?.toLowerCase()) {
    case undefined:
      return sectionContext(file, findApplicationSection(file, value, origin), caller);
    case 'egg':
    case 'call':
      return {
        file: file.ini.file,
        section: '',
        globalConf: caller.globalConf,
        localConf: new Map(),
        factory: value,
        inner: undefined,
      };
    case 'config': {
      const other = await loadUsedFile(file, rest, target, caller.globalConf);
      const name = rest.includes('#') ? rest.slice(rest.indexOf('#') + 1) : 'main';
      return sectionContext(other, findApplicationSection(other, name, origin), caller);
    }
    default:
      throw new DepotError(
        'config',
        `${describeOrigin(origin)}: '${scheme}:' is none of config:, egg: and call:`,
      );
  }
}

/** The other file; what its own defaults don't have it takes from the file that uses it. */
async function loadUsedFile(
  file: PasteFile,
  rest: string,
  { origin }: Setting,
  globalConf: LazyValues,
): Promise<PasteFile> {
  const written = unquote((rest.split('#', 1)[0] ?? '').replaceAll('\\', '/'));
  const name = strip(path.resolve(path.dirname(file.ini.file), written));
  const other = await loadPasteFile(name, origin);
  for (const [key, value] of globalConf) {
    if (!other.defaults.has(key)) other.defaults.set(key, value);
  }
  return other;
}

function prefixOf(section: string): string {
  return section.split(':', 1)[0] ?? '';
}

function take(values: LazyValues, key: string): Setting | undefined {
  const value: LazyValue | undefined = values.get(key);
  values.delete(key);
  return value && { value: value.read(), origin: value.origin };
}

function drop(values: LazyValues, keys: readonly string[]): void {
  for (const key of keys) values.delete(key);
}
