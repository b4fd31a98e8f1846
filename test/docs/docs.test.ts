import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { depot, done, findProgram, newDirectory, shell } from '../cli/depot.js';
import { siteAround, siteDump } from '../databases/kotti-site.js';
import { loadMariadbDump } from '../databases/mariadb-harness.js';
import { loadPostgresDump } from '../databases/postgres-harness.js';
import { configuredKinds } from '../servers/configured.js';
import { describeWithServer } from '../servers/servers.js';
import { commandLines, exceptions, isSettings, namesCommand } from './command-lines.js';
import { type Code, codeOf, documents, readDocument } from './markdown.js';
import { outputs, worldOf } from './stories.js';
import type { World } from './world.js';

const bash = findProgram('bash');

/** The code of a document that is no output, settings or program. */
function commandsOf(document: string): ReturnType<typeof commandLines> {
  const shown = outputs.filter((one) => one.document === document);
  return codeOf(readDocument(document))
    .filter((code) => code.language === '' && (code.inline || !isSettings(code)))
    .filter((code) => !shown.some(({ begins }) => code.text.startsWith(begins)))
    .flatMap(commandLines);
}

/** Runs the commands of a document as a reader would who goes from top to bottom. */
async function follow(document: string, change: World = {}): Promise<void> {
  const places = new Map<string, string>();
  for (const { line, heading, text, script, code } of commandsOf(document)) {
    if (text in exceptions) continue;
    const { name, make, before, codes } = worldOf(document, heading, change);
    const here = places.get(name) ?? make();
    if (!places.has(name)) {
      places.set(name, here);
      for (const each of before) expect(await shell(here, each)).toMatchObject({ code: 0 });
    }
    const ended = await shell(here, script);
    const at = `${document}:${line}`;
    const why = `${at} is run; placeholders and exceptions are in test/docs/command-lines.ts`;
    expect({ script, ...ended, stdout: '' }, why).toMatchObject({ code: codes[text] ?? code });
    expect(ended.err).not.toMatch(/^\s+at /m);
  }
}

describe.runIf(bash).concurrent('every command line is run, and ends as it says', () => {
  test.each(documents)('of %s', (document) => follow(document));
});

for (const { kind, server, configure } of configuredKinds) {
  if (server === null || kind.startsWith('sql')) continue;
  describeWithServer(server, `with files in ${kind}`, (url) => {
    test.each([
      ['docs/migrating.md', 'localfs'],
      ['docs/backup.md', 'backup'],
    ])('every command line of %s is run', async (document, name) => {
      const { options, own, remove } = await configure(url);
      const isPublic = 'policy' in options ? { ...options, policy: 'public-read' } : options;
      try {
        await follow(document, { storages: { [name]: isPublic }, own: { [name]: own } });
      } finally {
        await remove();
      }
    });
  });
}

for (const { server, kind, load } of [
  { server: 'postgres', kind: 'pg', load: loadPostgresDump },
  { server: 'mariadb', kind: 'mysql', load: loadMariadbDump },
] as const) {
  describeWithServer(server, `with a site in ${server}`, (url) => {
    test.each(['README.md', 'docs/checking.md'])(
      'every command line of %s is run',
      async (name) => {
        const opened = await load(url, siteDump(kind));
        await follow(name, { site: siteAround(kind, opened.url).directory });
      },
    );
  });
}

describe.runIf(bash).concurrent('the output shown is what is printed', () => {
  test.each(outputs)('$document: $begins', async ({ document, begins, of, harm, code }) => {
    const shown = codeOf(readDocument(document)).find(({ text }) => text.startsWith(begins));
    const line = commandsOf(document).find(({ text }) => text === of);
    if (shown === undefined || line === undefined) throw new Error('it is not there');
    const { make, before } = worldOf(document, line.heading, {});
    const here = make();
    for (const each of before) await shell(here, each);
    harm(here);
    const ended = await shell(here, `exec 2>&1; ${line.script}`);
    const printed = ended.out.replaceAll(here, '/srv/site');
    expect(withoutTimes(printed)).toContain(withoutTimes(shown.text));
    expect(ended.code).toBe(code);
  });
});

function withoutTimes(text: string): string {
  return text.replaceAll(/\bin \d+(?:\.\d+)? s\b/g, 'in 0 s');
}

describe.concurrent('the settings shown are read', () => {
  const all = documents.flatMap((document) =>
    codeOf(readDocument(document))
      .filter((code) => code.language === '' && isSettings(code))
      .flatMap((code) => alternatives(code).map((text) => ({ document, line: code.line, text }))),
  );
  test.each(all)('$document:$line', async ({ text }) => {
    const here = newDirectory();
    // What it may take the rest from.
    writeFileSync(path.join(here, 'production.ini'), '[app:main]\n');
    writeFileSync(path.join(here, 'depot.ini'), configurationWith(text), { mode: 0o600 });
    expect(await done(here, ['storages'])).not.toBe('');
  });
});

/** A block of several ways to say something, each with a comment above it, is not one file. */
function alternatives({ text }: Code): string[] {
  const parts = text.split('\n\n');
  return parts.every((part) => part.startsWith('#')) ? parts : [text];
}

/** A configuration in which the settings of a document may stand. */
function configurationWith(text: string): string {
  if (/^\[app:|^depot\.0\./m.test(text)) return /^\[/.test(text) ? text : `[depot]\n${text}`;
  if (/^depot\./m.test(text)) return `[app:main]\n${text}`;
  const site = [
    ['name = dbfiles', 'backend = kotti.filedepot.DBFileStorage'],
    ['name = localfs', 'backend = local', 'storage_path = %(here)s/blobs'],
    ['name = archive', 'backend = s3', 'bucket = archive'],
  ].flatMap((lines, index) => lines.map((line) => `kotti.depot.${index}.${line}`));
  const rest = text.includes('kotti.depot.0.') ? [] : site;
  const database = 'sqlalchemy.url = sqlite:///%(here)s/Kotti.db';
  const application = ['[app:kotti]', 'use = egg:kotti', database, ...rest].join('\n');
  return `${application}\n${text}\n`;
}

describe('nothing is left out', () => {
  test('every exception is in a document', () => {
    const lines = new Set(documents.flatMap(commandsOf).map(({ text }) => text));
    expect(Object.keys(exceptions).filter((text) => !lines.has(text))).toEqual([]);
  });

  test.each(documents)('no command stands in what is not run of %s', (document) => {
    const text = readDocument(document);
    const ran = new Set(commandsOf(document).flatMap((one) => one.text.split('\n')));
    const left = codeOf(text).filter((code) => namesCommand(code.text) && !code.inline);
    const lines = left.flatMap((code) => code.text.split('\n').filter(namesCommand));
    expect(lines.filter((line) => ![...ran].some((one) => one.includes(line)))).toEqual([]);
  });

  test('a command line that is added is run, whatever the block that it stands in', () => {
    const added = [
      '    depot nonsense',
      '',
      '- item',
      '',
      '      depot nonsense',
      '',
      '```',
      'x && depot nonsense',
      '```',
    ];
    const found = codeOf(['text', '', ...added].join('\n')).flatMap(commandLines);
    expect(found.map(({ text }) => text)).toEqual([
      'depot nonsense',
      'depot nonsense',
      'x && depot nonsense',
    ]);
    expect(codeOf('see `depot\nnonsense` there').flatMap(commandLines)).toHaveLength(1);
  });

  test('every option that the documents name is an option of a command', async () => {
    const here = newDirectory();
    const help = await done(here, ['--help']);
    const names = [...help.matchAll(/^ {2}([a-z][a-z-]+)/gm)].map((match) => match[1] as string);
    const helps = await Promise.all(names.map((name) => depot(here, [name, '--help'])));
    const all = [help, ...helps.map(({ out }) => out)].join('\n');
    const known = new Set(all.match(optionPattern));
    const elsewhere = new Set(['--from-storage', '--to-storage', '--from-file']);
    // It names those of other programs.
    for (const document of documents.filter((name) => name !== 'docs/compared.md')) {
      const code = codeOf(readDocument(document)).filter(({ inline }) => inline);
      const named = code.flatMap(({ text }) => text.match(optionPattern) ?? []);
      expect(named.filter((one) => !known.has(one) && !elsewhere.has(one))).toEqual([]);
    }
  });
});

const optionPattern = /(?<![\w-])--[a-z][a-z-]*/g;
