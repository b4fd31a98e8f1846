import { readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Ajv2020 } from 'ajv/dist/2020.js';
import Sqlite from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { depot, newSite, objects } from './depot.js';

const file = fileURLToPath(new URL('../../docs/json-schema.json', import.meta.url));
const schema = JSON.parse(readFileSync(file, 'utf8')) as { $defs: Record<string, unknown> };
const ajv = new Ajv2020({ strict: true, strictTypes: false, allErrors: true });
ajv.addSchema(closed(schema) as object, 'depot');

/** The schema with no further keys allowed: those that there are must all be described. */
function closed(part: unknown): unknown {
  if (Array.isArray(part)) return part.map(closed);
  if (typeof part !== 'object' || part === null) return part;
  const inner = Object.fromEntries(Object.entries(part).map(([key, one]) => [key, closed(one)]));
  return 'properties' in part ? { additionalProperties: false, ...inner } : inner;
}

/** A line is described where the definition of its command takes it, with every key. */
function expectDescribed(command: string, lines: readonly unknown[]): void {
  const validate = ajv.getSchema(`depot#/$defs/${encodeURIComponent(command)}`);
  expect(validate, command).toBeDefined();
  for (const line of lines) {
    validate?.(line);
    expect({ line, errors: validate?.errors ?? null }).toEqual({ line, errors: null });
  }
}

const blob = 'dbfiles/f8978386-e6ef-11f1-b551-02fc00000001';
const state = path.join('depot-state', 'dbfiles-to-localfs.sqlite');
const toLocal = ['migrate-storage', '--from', 'dbfiles', '--to', 'localfs'];

/** What is run on one site, in this order: the definition and the arguments. */
const steps: readonly (readonly [definition: string, ...args: string[]])[] = [
  ['storages', 'storages'],
  ['storages', 'storages', '--ping'],
  ['storages create', 'storages', 'create', 'localfs'],
  ['init', 'init', 'other.ini'],
  ['put', 'put', '-s', 'localfs', 'other.ini'],
  ['get', 'get', blob],
  ['list', 'list'],
  ['list', 'list', '-l'],
  ['info-command', 'info', blob],
  ['info-command', 'info', '--hash', '--references', blob],
  ['du', 'du'],
  ['replace', 'replace', blob, 'other.ini'],
  ['references', 'references'],
  ['references', 'references', '--count'],
  ['check', 'check', '--deep'],
  ['gc', 'gc', 'dbfiles', '--older-than', '1s'],
  ['copy', 'copy', '--from', 'localfs', '--to', 'dbfiles', '--dry-run'],
  ['migrate-storage', ...toLocal, '--dry-run', '--delete-source', '--rewrite-mentions'],
  ['migrate-storage', ...toLocal, '--larger-than', '3', '--shard', '1/2'],
  ['migrate-storage', ...toLocal, '--rewrite-mentions', '--delete-source', '--keep-for', '1h'],
  ['migrate-storage --report', 'migrate-storage', '--report', state],
  ['migrate-storage', 'migrate-storage', '--undo', state],
  ['migrate-storage --report', 'migrate-storage', '--report', state],
];

describe('the schema of --json', () => {
  test('describes every key of every line', async () => {
    const here = newSite();
    for (const [definition, ...args] of steps) {
      const { out, err } = await depot(here, ['-c', 'production.ini', '--json', ...args]);
      const lines = objects(out);
      expect(lines.length, `${args.join(' ')}: ${err}`).toBeGreaterThan(0);
      expectDescribed(definition, lines);
    }
    const { out } = await depot(here, ['-c', 'production.ini', '--json', 'delete', blob]);
    expect(out).toBe('');
  });

  test('describes what goes wrong', async () => {
    const here = newSite();
    rmSync(path.join(here, 'blobs'), { recursive: true });
    const { out } = await depot(here, ['-c', 'production.ini', '--json', 'storages', '--ping']);
    expectDescribed('storages', objects(out));
    expect(objects(out).map(({ reachable }) => reachable)).toEqual([true, false]);
  });

  test('describes a row that the database refuses to change', async () => {
    const here = newSite();
    const site = new Sqlite(path.join(here, 'Kotti.db'));
    site.exec(`CREATE TRIGGER guard BEFORE UPDATE ON files
      BEGIN SELECT RAISE(ABORT, 'the files are sealed'); END`);
    site.close();
    const { out } = await depot(here, ['-c', 'production.ini', '--json', ...toLocal]);
    expectDescribed('migrate-storage', objects(out));
    expect(objects(out)).toContainEqual(expect.objectContaining({ kind: 'unchangeable' }));
    const report = [...toLocal.slice(0, 1), '--report', state];
    expectDescribed(
      'migrate-storage --report',
      objects((await depot(here, ['--json', ...report])).out),
    );
  });
});
