import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import { loadConfiguration } from '../../src/config/settings.js';
import { DepotError } from '../../src/errors.js';
import { newDirectory } from '../cli/depot.js';
import { runSound } from './sound.js';

const pieces = [
  ...[
    '[',
    ']',
    '=',
    ':',
    '\n',
    '\n ',
    '#',
    ';',
    '%',
    '%(here)s',
    '%(x)s',
    '%%',
    '\0',
    '\t',
    '\u001b[2J',
  ],
  ...[
    '[depot]',
    '[app:kotti]',
    '[DEFAULT]',
    '[depot:aliases]',
    '[depot:storage:files]',
    '[pipeline:main]',
  ],
  ...[
    'use = egg:kotti',
    'use = config:x.ini#y',
    'use = config:depot.ini',
    'set x = 1',
    'get x = y',
  ],
  ...[
    'depot.0.name = files',
    'depot.0.backend = local',
    'depot.0.storage_path = x',
    'depot.',
    'kotti.depot.',
  ],
  ...[
    'kotti.depot.0.name',
    'depot.9999999999999999999.name = x',
    'depot.-1.name = x',
    'depot.0.__proto__ = x',
  ],
  ...[
    'default = files',
    'timezone = Nowhere/X',
    'databases =',
    '  sqlite://',
    '  mongodb://',
    'sqlalchemy.url = x',
  ],
  ...['references =', 'mountpoint = ../..', 'depot.backend = ./x.js', '\ufeff', 'é', '\ud800'],
];

test('any text is a configuration, or an error that says where', async () => {
  const here = mkdtempSync(path.join(tmpdir(), 'depot-settings-'));
  onTestFinished(() => rmSync(here, { recursive: true }));
  const file = path.join(here, 'depot.ini');
  const lines = fc.array(fc.constantFrom(...pieces), { maxLength: 12 });
  const built = fc.tuple(lines, fc.constantFrom('\n', '')).map(([all, end]) => all.join(end));
  const bytes = fc.uint8Array({ maxLength: 200 });
  await fc.assert(
    fc.asyncProperty(fc.oneof(built, fc.string({ unit: 'binary' }), bytes), async (content) => {
      writeFileSync(file, content);
      try {
        const { storages } = await loadConfiguration({ file, env: {} });
        expect(storages.length).toBeGreaterThan(0);
      } catch (error) {
        expect(error).toBeInstanceOf(DepotError);
        expect(error).toMatchObject({ kind: 'config' });
        expect((error as Error).message).toContain('depot.ini');
      }
    }),
    { numRuns: 1000 },
  );
});

test.each([
  ['', 2],
  ['\0', 2],
  ['\u001b[2J', 2],
  ['[\u001b[2J]\nx = 1', 2],
  ['[depot]\ndepot.0.name = \u001b[2J\ndepot.0.backend = local\ndepot.0.storage_path = x', 0],
  ['[depot]\ndepot.0.name = ../x\ndepot.0.backend = local\ndepot.0.storage_path = x', 0],
  ['[depot]\ndepot.0.name = files\ndepot.0.backend = \u001b]0;x\u0007', 2],
  ['[depot]\ndepot.0.name = files\ndepot.0.backend = local\ndepot.0.\u202ex = y', 0],
  [`[depot]\nx = ${'y'.repeat(10_000_000)}`, 2],
  ['[app:a]\nuse = config:depot.ini#b\n[app:b]\nuse = config:depot.ini#a', 2],
  ['[depot]\ndepot.0.name = files\ndepot.0.backend = local\ndepot.0.storage_path = a\u001b[2Jb', 0],
] as const)('of %j the exit code is %i, with nothing that a terminal obeys', async (text, code) => {
  const here = newDirectory();
  writeFileSync(path.join(here, 'depot.ini'), text);
  const ended = await runSound(here, ['storages']);
  expect(ended.code).toBe(code);
  if (code === 2) expect(ended.err).toContain('depot.ini');
});
