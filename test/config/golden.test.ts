import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseIni, type RawSection } from '../../src/config/ini.js';
import { applicationContext, findApplicationSection } from '../../src/config/paste.js';
import {
  type LazyValues,
  loadPasteFile,
  ownValues,
  type PasteFile,
} from '../../src/config/paste-file.js';
import { loadConfiguration } from '../../src/config/settings.js';
import { outcome } from './python-errors.js';

type PythonError = { error: string };
type Values = Record<string, string | PythonError>;
type Parsed = { defaults: Values; sections: Record<string, Values> };
type AppConfig = { name: string | null } & Partial<PythonError> & {
    global_conf?: Values;
    local_conf?: Values;
    kotti_depots?: Record<string, string>[] | PythonError;
  };
interface Golden {
  file: string;
  configparser: Parsed | PythonError;
  'configparser_utf-8-sig'?: Parsed;
  interpolated: Record<string, Values> | PythonError;
  appconfig: AppConfig[];
}

const directory = path.resolve('fixtures/ini');
const goldens = readdirSync(directory)
  .filter((name) => name.endsWith('.expected.json'))
  .map((name) => {
    const text = readFileSync(path.join(directory, name), 'utf8');
    return JSON.parse(text.replaceAll('{HERE}', directory)) as Golden;
  });

/** Python's message is not ours; its class is compared. */
function withoutMessages(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value), (key, each) => (key === 'message' ? undefined : each));
}

function textsOf(section: RawSection): Record<string, string> {
  return Object.fromEntries([...section].map(([key, { text }]) => [key, text]));
}

async function readValues(values: LazyValues): Promise<Record<string, unknown>> {
  const read = [...values].map(async ([key, value]) => [key, await outcome(value.read)] as const);
  return Object.fromEntries(await Promise.all(read));
}

function readAll(values: LazyValues): Record<string, string> {
  return Object.fromEntries([...values].map(([key, { read }]) => [key, read()]));
}

/** The recorded sections hold what they inherit, too. */
function withoutInherited({ interpolated, configparser }: Golden): unknown {
  if (!('sections' in configparser)) return interpolated;
  const sections = Object.entries(interpolated as Record<string, Values>);
  return Object.fromEntries(
    sections.map(([section, values]) => {
      const own = configparser.sections[section] ?? {};
      return [section, Object.fromEntries(Object.entries(values).filter(([key]) => key in own))];
    }),
  );
}

async function storagesOf(file: string): Promise<Record<string, string>[]> {
  const { storages } = await loadConfiguration({ file, env: {} });
  return storages.map(({ name, backend, options }) => ({
    name,
    backend: backend.value,
    ...Object.fromEntries([...options].map(([key, { value }]) => [key, value])),
  }));
}

async function appconfig(file: PasteFile, name: string | null) {
  const context = await applicationContext(file, findApplicationSection(file, name ?? 'main'));
  return { global_conf: readAll(context.globalConf), local_conf: readAll(context.localConf) };
}

describe.each(goldens)('$file', (golden) => {
  const file = path.join(directory, golden.file);
  // Python refuses a byte-order mark, we read past it: then Python's answer to a file without one.
  const withoutMark = golden['configparser_utf-8-sig'];
  const parsed = withoutMark ?? golden.configparser;

  test('is parsed as by ConfigParser', async () => {
    const answer = await outcome(() => {
      const ini = parseIni(file, readFileSync(file));
      const sections = [...ini.sections].map(([name, values]) => [name, textsOf(values)]);
      return { defaults: textsOf(ini.defaults), sections: Object.fromEntries(sections) };
    });
    expect(answer).toEqual(withoutMessages(parsed));
  });

  if (withoutMark !== undefined) return;

  test('is interpolated as by BasicInterpolation', async () => {
    const answer = await outcome(async () => {
      const pasteFile = await loadPasteFile(file);
      const sections: Record<string, unknown> = {};
      for (const section of pasteFile.ini.sections.keys()) {
        sections[section] = await readValues(ownValues(pasteFile, section));
      }
      return sections;
    });
    expect(answer).toEqual(withoutMessages(withoutInherited(golden)));
  });

  // An egg that isn't installed is no error to us: eggs are left alone.
  const configs = golden.appconfig.filter(({ error }) => error !== 'PackageNotFoundError');
  test.each(configs)('appconfig of $name', async (recorded) => {
    const answer = await outcome(async () => appconfig(await loadPasteFile(file), recorded.name));
    const { error, global_conf, local_conf } = recorded;
    expect(answer).toEqual(error === undefined ? { global_conf, local_conf } : { error });
  });

  const sites = golden.appconfig.filter(({ kotti_depots }) => kotti_depots !== undefined);
  for (const recorded of sites) {
    test(`storages of Kotti in ${recorded.name}`, async () => {
      const answer = await outcome(() => storagesOf(`${file}#${recorded.name}`));
      // Kotti itself fails on a storage without a name, and ignores a second of the same name.
      const refused = new Map([
        ['kotti-half.ini', { error: expect.stringContaining('has no name') }],
        ['kotti-same-name.ini', { error: expect.stringContaining('already the name') }],
      ]).get(golden.file);
      expect(answer).toEqual(refused ?? withoutMessages(recorded.kotti_depots));
    });
  }
});
