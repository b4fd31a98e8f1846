import { existsSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, test } from 'vitest';
import { depot, newSite, objects } from './depot.js';

const schema = fileURLToPath(new URL('../../docs/json-schema.json', import.meta.url));
const ajv = new Ajv2020({ strict: false, formats: { 'date-time': true } });
ajv.addSchema(JSON.parse(readFileSync(schema, 'utf8')) as object, 'depot');

const site = ['-c', 'production.ini', '--log-json', 'run.log'];
const migration = ['migrate-storage', '--from', 'dbfiles', '--to', 'localfs'];

/** The lines of the log, each as the schema says. */
function logOf(here: string): Record<string, unknown>[] {
  const lines = objects(readFileSync(path.join(here, 'run.log'), 'utf8'));
  const validate = ajv.getSchema('depot#/$defs/log');
  for (const line of lines) {
    expect({ line, valid: validate?.(line), errors: validate?.errors ?? null }).toMatchObject({
      valid: true,
    });
  }
  return lines;
}

describe.concurrent('--log-json', () => {
  test('tells how a migration began, what it did, what it could not and how it ended', async () => {
    const here = newSite();
    const { code, out, err } = await depot(here, [...site, ...migration]);
    expect(code).toBe(1);
    expect(out).toContain('Migrated 35 references');
    expect(err).toContain('does not exist');
    const lines = logOf(here);
    expect(lines[0]).toMatchObject({ event: 'start', args: [...site, ...migration] });
    const of = (wanted: object): unknown[] =>
      lines.filter((line) => Object.entries(wanted).every(([key, value]) => line[key] === value));
    expect(of({ event: 'problem', kind: 'missing-blob' })).toHaveLength(2);
    expect(of({ event: 'item', action: 'migrated' }).length).toBeGreaterThan(10);
    expect(of({ event: 'item', action: 'copied' }).length).toBeGreaterThan(10);
    const migrated = lines
      .slice(0, -1)
      .reduce((sum, { references: count = 0 }) => sum + Number(count), 0);
    expect(lines.at(-1)).toMatchObject({
      event: 'summary',
      command: 'migrate-storage',
      references: { migrated },
      blobs: { copied: of({ event: 'item', action: 'copied' }).length },
    });
    expect(statSync(path.join(here, 'run.log')).mode & 0o777).toBe(0o600);
  });

  test('is appended to, and holds what check and gc find', async () => {
    const here = newSite();
    await depot(here, [...site, 'check']);
    await depot(here, [...site, 'gc', 'dbfiles', '--older-than', '1s']);
    const lines = logOf(here);
    expect(lines.filter(({ event }) => event === 'start')).toHaveLength(2);
    expect(lines.filter(({ kind }) => kind === 'damaged-blob')).toHaveLength(1);
    expect(lines.filter(({ type }) => type === 'blob')).toHaveLength(3);
    expect(lines.filter(({ event }) => event === 'summary').map(({ command }) => command)).toEqual([
      'check',
      'gc',
    ]);
  });

  test('holds the error that a run ends with', async () => {
    const here = newSite();
    const { code } = await depot(here, [...site, 'copy', '--from', 'dbfiles', '--to', 'none']);
    expect(code).toBe(3);
    expect(logOf(here).at(-1)).toMatchObject({
      event: 'error',
      message: expect.stringContaining('no storage "none"'),
    });
  });

  test('that cannot be opened stops the run before it begins', async () => {
    const here = newSite();
    const args = ['-c', 'production.ini', '--log-json', 'nowhere/run.log', ...migration];
    const { code, out, err } = await depot(here, args);
    expect({ code, out }).toEqual({ code: 3, out: '' });
    expect(err).toMatch(/^depot: cannot write the log nowhere\/run\.log: .*\n/);
    expect(existsSync(path.join(here, 'depot-state'))).toBe(false);
  });

  test.skipIf(!existsSync('/dev/full'))('of a full disk ends, and the run goes on', async () => {
    const args = ['-c', 'production.ini', '--log-json', '/dev/full', ...migration];
    const { out, err } = await depot(newSite(), args);
    expect(out).toContain('Migrated 35 references');
    expect(err.match(/The log ends here/g)).toHaveLength(1);
  });
});
