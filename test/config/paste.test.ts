import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  type AppContext,
  applicationContext,
  findApplicationSection,
} from '../../src/config/paste.js';
import { type LazyValues, loadPasteFile } from '../../src/config/paste-file.js';
import { outcome } from './python-errors.js';

type Values = Record<string, string>;

interface Answer {
  /** Without `here` and `__file__` where they are the first file's. */
  global: Values;
  local: Values;
  /** What the application behind a pipeline or filter gets. */
  application?: Values;
}

type Case = [name: string, files: Values, answer: string | Answer];

/** Recorded from PasteDeploy 3.1.0: `appconfig` of `main` in the first file, or the error's class. */
const recorded: Case[] = [
  [
    'names are stripped',
    { 'a.ini': '[app: main ]\npaste.app_factory = builtins:dict\nx = 1\n' },
    { global: {}, local: { x: '1' } },
  ],
  [
    'of app and application the first counts',
    {
      'a.ini':
        '[application:main]\npaste.app_factory = builtins:dict\nx = 1\n[app:main]\npaste.app_factory = builtins:dict\nx = 2\n',
    },
    { global: {}, local: { x: '2' } },
  ],
  [
    'app and composite of one name',
    {
      'a.ini':
        '[app:main]\npaste.app_factory = builtins:dict\n[composite:main]\npaste.app_factory = builtins:dict\n',
    },
    'LookupError',
  ],
  [
    'a bare [app] is never found',
    { 'a.ini': '[app]\npaste.app_factory = builtins:dict\n' },
    'LookupError',
  ],
  [
    'set in [DEFAULT]',
    {
      'a.ini':
        '[DEFAULT]\nset a = 1\na = 2\n[app:main]\npaste.app_factory = builtins:dict\nget b = a\n',
    },
    { global: { 'set a': '1', a: '1' }, local: { b: '1' } },
  ],
  [
    'get sees set, wherever it stands',
    { 'a.ini': '[app:main]\npaste.app_factory = builtins:dict\nget b = a\nset a = %(c)s\nc = 3\n' },
    { global: { a: '3' }, local: { c: '3', b: '3' } },
  ],
  [
    'get of nothing',
    { 'a.ini': '[app:main]\npaste.app_factory = builtins:dict\nget b = a\n' },
    'KeyError',
  ],
  [
    'get names its own interpolated',
    {
      'a.ini':
        '[DEFAULT]\nwhich = a\na = 1\n[app:main]\npaste.app_factory = builtins:dict\nget b = %(which)s\n',
    },
    { global: { which: 'a', a: '1' }, local: { b: '1' } },
  ],
  [
    'a key of [DEFAULT] is no own setting',
    {
      'a.ini':
        '[DEFAULT]\na = 1\n[app:main]\npaste.app_factory = builtins:dict\na = 2\nb = %(a)s\n',
    },
    { global: { a: '1' }, local: { b: '2' } },
  ],
  [
    'a default that comes out empty stays as written',
    {
      'a.ini': '[DEFAULT]\nempty =\na = %(empty)s\n[app:main]\npaste.app_factory = builtins:dict\n',
    },
    { global: { empty: '', a: '%(empty)s' }, local: {} },
  ],
  [
    'here and __file__ may be written, and each file has its own',
    {
      'a.ini': '[DEFAULT]\nhere = /x\n[app:main]\nuse = config:sub/b.ini\n',
      'sub/b.ini':
        '[app:main]\npaste.app_factory = builtins:dict\nh = %(here)s\nf = %(__file__)s\n',
    },
    { global: { here: '/x' }, local: { h: '{HERE}/sub', f: '{HERE}/sub/b.ini' } },
  ],
  [
    "the user's globals hide the used file's settings",
    {
      'a.ini': '[DEFAULT]\na = 1\n[app:main]\nuse = config:b.ini\n',
      'b.ini': '[app:main]\npaste.app_factory = builtins:dict\na = 2\nb = %(a)s\n',
    },
    { global: { a: '1' }, local: { b: '2' } },
  ],
  [
    "the used file's own defaults are for its own interpolation",
    {
      'a.ini': '[DEFAULT]\na = 1\n[app:main]\nuse = config:b.ini\n',
      'b.ini':
        '[DEFAULT]\na = 2\n[app:main]\npaste.app_factory = builtins:dict\nb = %(a)s\nget c = a\n',
    },
    { global: { a: '1' }, local: { b: '2', c: '1' } },
  ],
  [
    'a percent sign does not survive the way into another file',
    {
      'a.ini': '[DEFAULT]\na = 5%%\n[app:main]\nuse = config:b.ini\n',
      'b.ini': '[app:main]\npaste.app_factory = builtins:dict\nb = %(a)s\n',
    },
    'InterpolationSyntaxError',
  ],
  [
    'a file name is percent-decoded, with backslashes too',
    {
      'a.ini': '[app:main]\nuse = CONFIG:sub\\b%%20c.ini#x\n',
      'sub/b c.ini': '[app:x]\npaste.app_factory = builtins:dict\nb = 1\n',
    },
    { global: {}, local: { b: '1' } },
  ],
  [
    'what uses a pipeline adds to the pipeline',
    {
      'a.ini':
        '[app:main]\nuse = p\nx = 1\n[pipeline:p]\npipeline = core\n[app:core]\npaste.app_factory = builtins:dict\ny = 1\n',
    },
    { global: {}, local: { x: '1' }, application: { y: '1' } },
  ],
  [
    'what uses a filtered section without factory',
    {
      'a.ini':
        '[app:main]\nuse = b\nx = 1\n[app:b]\nuse = call:builtins:dict\nfilter-with = f\ny = 1\n[filter:f]\npaste.filter_factory = builtins:dict\n',
    },
    { global: {}, local: { y: '1', x: '1' }, application: { y: '1' } },
  ],
  [
    'what uses a filtered section with factory',
    {
      'a.ini':
        '[app:main]\nuse = b\nx = 1\n[app:b]\npaste.app_factory = builtins:dict\nfilter-with = f\ny = 1\n[filter:f]\npaste.filter_factory = builtins:dict\n',
    },
    { global: {}, local: { y: '1', x: '1' }, application: { y: '1', x: '1' } },
  ],
  [
    'filter-app',
    {
      'a.ini':
        '[filter-app:main]\nuse = call:builtins:dict\nnext = b\nset g = 1\nx = 1\n[app:b]\npaste.app_factory = builtins:dict\ny = 1\nget z = g\n',
    },
    { global: { g: '1' }, local: { x: '1' }, application: { y: '1', z: '1' } },
  ],
  [
    'a pipeline of another file',
    {
      'a.ini': '[pipeline:main]\nset g = 1\npipeline = config:b.ini#b\n',
      'b.ini': '[app:b]\npaste.app_factory = builtins:dict\nget y = g\n',
    },
    { global: { g: '1' }, local: {}, application: { y: '1' } },
  ],
  [
    'a pipeline whose extra setting is a default',
    {
      'a.ini':
        '[DEFAULT]\nx = 1\n[pipeline:main]\npipeline = b\nx = 2\n[app:b]\npaste.app_factory = builtins:dict\n',
    },
    { global: { x: '1' }, local: {}, application: {} },
  ],
  [
    'use and paste.app_factory together',
    { 'a.ini': '[app:main]\nuse = call:builtins:dict\npaste.app_factory = builtins:dict\n' },
    { global: {}, local: { 'paste.app_factory': 'builtins:dict' } },
  ],
];

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'depot-paste-'));
});

afterAll(async () => {
  await rm(directory, { recursive: true });
});

function readAll(values: LazyValues): Values {
  return Object.fromEntries([...values].map(([key, { read }]) => [key, read()]));
}

function answerOf(context: AppContext, file: string): Answer {
  const builtIn = Object.entries({ here: path.dirname(file), __file__: file });
  const own = Object.entries(readAll(context.globalConf)).filter(
    ([key, value]) => !builtIn.some(([name, text]) => name === key && text === value),
  );
  let application = context;
  while (application.inner !== undefined) application = application.inner;
  return {
    global: Object.fromEntries(own),
    local: readAll(context.localConf),
    ...(application === context ? {} : { application: readAll(application.localConf) }),
  };
}

test.each(recorded)('%s', async (name, files, answer) => {
  const here = path.join(directory, name.replaceAll(/\W/g, '-'));
  for (const [file, text] of Object.entries(files)) {
    await mkdir(path.dirname(path.join(here, file)), { recursive: true });
    await writeFile(path.join(here, file), text);
  }
  const file = path.join(here, Object.keys(files)[0] ?? '');
  const found = await outcome(async () => {
    const pasteFile = await loadPasteFile(file);
    const section = findApplicationSection(pasteFile, 'main');
    return answerOf(await applicationContext(pasteFile, section), file);
  });
  const expected = typeof answer === 'string' ? { error: answer } : answer;
  expect(found).toEqual(JSON.parse(JSON.stringify(expected).replaceAll('{HERE}', here)));
});
